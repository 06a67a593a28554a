using PluginBridge.Core.Potentials;
using PluginBridge.Core.Potentials.ViSNet;
using PluginBridge.Core.Potentials.ViSNet.Training;

namespace PluginBridge.Core.Tests;

/// <summary>Weight gradients are derivatives of the energy, energies those of the evaluator.</summary>
[TestFixture]
public class ViSNetTrainerTests
{
    private static readonly int[] _atoms = [14, 9, 23];
    private static readonly int[] _charges = [1, 1, 1]; // as the clusters have
    private static readonly double[] _seeds = [1, -0.4, 0.7];

    [TestCase(12, 4, 2)]
    [TestCase(20, 3, 2)]
    [TestCase(16, 2, 16)]
    [TestCase(8, 1, 1)]
    [TestCase(20, 4, 2, 0.1)]
    [TestCase(8, 1, 1, 0.1)]
    public void WeightGradientsAreCentralDifferences(int channels, int layers, int heads, double vectorNorm = 0)
    {
        using var potential = ViSNetTestModel.Potential(new ViSNetTestModel(channels, layers, heads, vectorNorm: vectorNorm));
        using var trainer = new ViSNetTrainer(potential, doublePrecision: true);
        var (numbers, x) = Frames();
        var gradient = new double[trainer.ParameterCount];
        trainer.WeightGradient(Batch(numbers, x), _seeds, gradient);
        var weights = new float[trainer.ParameterCount];
        trainer.GetWeights(weights);
        var random = new Random(1);
        Assert.Multiple(() =>
        {
            foreach (var tensor in trainer.Tensors)
            {
                double largest = gradient.AsSpan(tensor.Offset, tensor.Length).ToArray().Max(Math.Abs);
                foreach (int element in (int[])[0, random.Next(tensor.Length)])
                {
                    int i = tensor.Offset + element;
                    float before = weights[i], step = 1e-4f;
                    // Weights are float32: the steps taken are those between the rounded numbers.
                    float up = before + step, down = before - step;
                    double difference = (Sum(up) - Sum(down)) / ((double)up - down);
                    weights[i] = before;
                    Assert.That(gradient[i], Is.EqualTo(difference).Within(1e-5 * Math.Max(largest, 0.1)), $"{tensor.Name} element {element}");

                    double Sum(float value)
                    {
                        weights[i] = value;
                        trainer.SetWeights(weights);
                        var energies = new double[_atoms.Length];
                        trainer.Energies(Batch(numbers, x), energies, default);
                        return energies.Zip(_seeds, (energy, seed) => energy * seed).Sum();
                    }
                }
            }
        });
    }

    [Test]
    public void EnergiesAndGradientsAreTheEvaluators([Values] bool doublePrecision, [Values(1, 2)] int threads)
    {
        using var potential = ViSNetTestModel.Potential();
        using var trainer = new ViSNetTrainer(potential, threads, doublePrecision);
        var (numbers, x) = Frames();
        double[] energies = new double[_atoms.Length], gradients = new double[x.Length], expected = new double[_atoms.Length],
            expectedGradients = new double[x.Length];
        // A pass with weight gradients first: it must leave nothing behind.
        trainer.WeightGradient(Batch(numbers, x), _seeds, new double[trainer.ParameterCount]);
        trainer.Energies(Batch(numbers, x), energies, gradients);
        var molecules = _atoms.Select((_, f) => ViSNetTestModel.Cluster(_atoms[f], f).Molecule).ToList();
        using var evaluator = potential.CreateEvaluator(molecules, new EvaluationOptions { DoublePrecision = doublePrecision });
        evaluator.Evaluate(x, default, expected, expectedGradients, default);
        Assert.Multiple(() =>
        {
            Assert.That(energies, Is.EqualTo(expected).Within(1e-12).Percent);
            Assert.That(gradients, Is.EqualTo(expectedGradients));
        });
    }

    [Test]
    public void WeightGradientsComeWithEnergiesAndGradients([Values] bool doublePrecision, [Values(1, 2)] int threads)
    {
        using var potential = ViSNetTestModel.Potential();
        using var trainer = new ViSNetTrainer(potential, threads, doublePrecision);
        var (numbers, x) = Frames();
        double[] energies = new double[_atoms.Length], gradients = new double[x.Length], expected = new double[_atoms.Length],
            expectedGradients = new double[x.Length], weights = new double[trainer.ParameterCount], both = new double[trainer.ParameterCount];
        double[] seeds = [300, 0, -1e-3];
        trainer.Energies(Batch(numbers, x), expected, expectedGradients);
        trainer.WeightGradient(Batch(numbers, x), seeds, weights);
        trainer.WeightGradient(Batch(numbers, x), seeds, both, energies, gradients);
        double largest = expectedGradients.Max(Math.Abs);
        Assert.Multiple(() =>
        {
            Assert.That(both, Is.EqualTo(weights));
            Assert.That(energies, Is.EqualTo(expected));
            Assert.That(gradients, Is.EqualTo(expectedGradients).Within((doublePrecision ? 1e-13 : 1e-5) * largest));
        });
    }

    [Test]
    public void OtherRegisterWidthsGiveTheSame()
    {
        using var potential = ViSNetTestModel.Potential(new ViSNetTestModel(20, 4, 2, vectorNorm: 0.1));
        var (numbers, x) = Frames();
        double[] narrow = Gradient<Simd128<double>>(), middle = Gradient<Simd256<double>>(), wide = Gradient<Simd512<double>>();
        double largest = wide.Max(Math.Abs);
        Assert.Multiple(() =>
        {
            Assert.That(narrow, Is.EqualTo(wide).Within(1e-11 * largest));
            Assert.That(middle, Is.EqualTo(wide).Within(1e-11 * largest));
        });

        double[] Gradient<V>()
            where V : unmanaged, ISimd<V, double>
        {
            var parameters = new ViSNetParameters(potential.Weights);
            using var engine = new TrainingEngine<double, V>(potential.Weights, 1);
            var gradient = new double[parameters.Count];
            engine.Evaluate(Batch(numbers, x), default, default, _seeds, parameters.Values(potential.Weights), gradient);
            return gradient;
        }
    }

    [Test]
    public void WrongLengthsAreRefused()
    {
        using var potential = ViSNetTestModel.Potential();
        using var trainer = new ViSNetTrainer(potential);
        var (numbers, x) = Frames();
        Assert.Multiple(() =>
        {
            Refused("weights", () => trainer.SetWeights(new float[3]));
            Refused("weights", () => trainer.GetWeights(new float[3]));
            Refused("positions", () => trainer.Energies(Batch(numbers, x[3..]), new double[3], default));
            Refused("atomic numbers", () => trainer.Energies(Batch(numbers[1..], x), new double[3], default));
            Refused("energies", () => trainer.Energies(Batch(numbers, x), new double[2], default));
            Refused("gradients", () => trainer.Energies(Batch(numbers, x), new double[3], new double[3]));
            Refused("seeds", () => trainer.WeightGradient(Batch(numbers, x), new double[2], new double[trainer.ParameterCount]));
            Refused("weight gradients", () => trainer.WeightGradient(Batch(numbers, x), _seeds, new double[3]));
            Refused("threads", () => new ViSNetTrainer(potential, 0).Dispose());
        });
        trainer.Dispose();
        Assert.That(() => trainer.SetWeights(new float[trainer.ParameterCount]), Throws.TypeOf<ObjectDisposedException>());

        static void Refused(string name, TestDelegate call) => Assert.That(call, Throws.TypeOf<PluginBridgeException>()
            .With.Property(nameof(PluginBridgeException.Code)).EqualTo(ErrorCode.InvalidArgument).And.Message.Contains(name));
    }

    private static (int[] Numbers, double[] Positions) Frames()
    {
        var clusters = _atoms.Select((atoms, f) => ViSNetTestModel.Cluster(atoms, f)).ToList();
        return ([.. clusters.SelectMany(c => c.Molecule.AtomicNumbers)], [.. clusters.SelectMany(c => c.Positions)]);
    }

    private static FrameBatch Batch(int[] numbers, double[] positions) =>
        new() { AtomCounts = _atoms, Charges = _charges, AtomicNumbers = numbers, Positions = positions };
}
