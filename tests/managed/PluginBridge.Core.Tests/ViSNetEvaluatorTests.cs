using PluginBridge.Core.Potentials;
using PluginBridge.Core.Potentials.ViSNet;

namespace PluginBridge.Core.Tests;

/// <summary>Symmetries, batches, boxes, threads, memory and bad input of the ViSNet evaluator.</summary>
[TestFixture]
public class ViSNetEvaluatorTests
{
    private static readonly EvaluationOptions _double = new() { DoublePrecision = true };

    [Test]
    public void RotationAndTranslationTurnTheForcesOnly()
    {
        using var potential = ViSNetTestModel.Potential();
        var (molecule, x) = ViSNetTestModel.Cluster(30, 1);
        var (energy, gradient) = Evaluate(potential, molecule, x, _double);
        double[] rotation = Rotation(0.3, -1.1, 2.2);
        var (turned, turnedGradient) = Evaluate(potential, molecule, Turn(rotation, x, 7.0), _double);
        double[] expected = Turn(rotation, gradient, 0);
        Assert.Multiple(() =>
        {
            Assert.That(turned, Is.EqualTo(energy).Within(1e-10 * Math.Abs(energy)));
            Assert.That(Worst(turnedGradient, expected), Is.LessThan(1e-10 * expected.Max(Math.Abs)));
        });
    }

    /// <summary>Differences are taken in double precision, so a molecule a micrometre from the origin loses nothing.</summary>
    [Test]
    public void SinglePrecisionStandsLargeCoordinates()
    {
        using var potential = ViSNetTestModel.Potential();
        var (molecule, x) = ViSNetTestModel.Cluster(30, 1);
        var (_, near) = Evaluate(potential, molecule, x, new EvaluationOptions());
        var (_, far) = Evaluate(potential, molecule, [.. x.Select(c => c + 1024)], new EvaluationOptions());
        Assert.That(Worst(near, far), Is.LessThan(1e-5 * near.Max(Math.Abs)));
    }

    [Test]
    public void PermutationPermutesTheForces()
    {
        using var potential = ViSNetTestModel.Potential();
        var (molecule, x) = ViSNetTestModel.Cluster(30, 2);
        int[] order = [.. Enumerable.Range(0, 30).OrderBy(i => i * 17 % 31)];
        var permuted = new Molecule([.. order.Select(i => molecule.AtomicNumbers[i])], molecule.Charge);
        var (energy, gradient) = Evaluate(potential, molecule, x, _double);
        var (again, permutedGradient) = Evaluate(potential, permuted, Pick(x), _double);
        Assert.Multiple(() =>
        {
            Assert.That(again, Is.EqualTo(energy).Within(1e-11 * Math.Abs(energy)));
            Assert.That(Worst(permutedGradient, Pick(gradient)), Is.LessThan(1e-11 * gradient.Max(Math.Abs)));
        });

        double[] Pick(double[] values) => [.. order.SelectMany(i => values[(3 * i)..(3 * i + 3)])];
    }

    [Test]
    public void ABatchIsItsMoleculesOneAtATime([Values(1, 3)] int threads, [Values] bool doublePrecision)
    {
        var options = new EvaluationOptions { DoublePrecision = doublePrecision, Threads = threads };
        using var potential = ViSNetTestModel.Potential();
        var molecules = Enumerable.Range(1, 12).Select(n => ViSNetTestModel.Cluster(n * n, n)).ToList();
        using var evaluator = potential.CreateEvaluator([.. molecules.Select(m => m.Molecule)], options);
        double[] x = [.. molecules.SelectMany(m => m.Positions)], energies = new double[12], gradients = new double[x.Length];
        evaluator.Evaluate(x, default, energies, gradients, default);
        int offset = 0;
        for (int m = 0; m < molecules.Count; m++)
        {
            var (energy, gradient) = Evaluate(potential, molecules[m].Molecule, molecules[m].Positions, options with { Threads = 1 });
            Assert.That(energies[m], Is.EqualTo(energy), $"energy of molecule {m}");
            Assert.That(gradients[offset..(offset + gradient.Length)], Is.EqualTo(gradient), $"gradient of molecule {m}");
            offset += gradient.Length;
        }
    }

    [Test]
    public void TheNumberOfThreadsChangesNoBit([Values] bool doublePrecision)
    {
        using var potential = ViSNetTestModel.Potential();
        var (molecule, x) = ViSNetTestModel.Cluster(400, 8);
        var options = new EvaluationOptions { DoublePrecision = doublePrecision };
        var (energy, gradient) = Evaluate(potential, molecule, x, options);
        foreach (int threads in (int[])[2, 3, 7, Environment.ProcessorCount])
            for (int repeat = 0; repeat < 3; repeat++)
            {
                var (again, same) = Evaluate(potential, molecule, x, options with { Threads = threads });
                Assert.That(again, Is.EqualTo(energy), $"{threads} threads");
                Assert.That(same, Is.EqualTo(gradient), $"{threads} threads");
            }
    }

    [Test]
    public void SteadyStateAllocatesNothing([Values] bool doublePrecision)
    {
        using var potential = ViSNetTestModel.Potential();
        var (small, x1) = ViSNetTestModel.Cluster(20, 1);
        var (large, x2) = ViSNetTestModel.Cluster(300, 2);
        using var evaluator = potential.CreateEvaluator([small, large], new EvaluationOptions { DoublePrecision = doublePrecision });
        double[] x = [.. x1, .. x2], box = [30, 0, 0, 0, 30, 0, 0, 0, 30];
        double[] energies = new double[2], gradients = new double[x.Length], strains = new double[18];
        for (int k = 0; k < 3; k++)
            evaluator.Evaluate(x, box, energies, gradients, strains);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int k = 0; k < 5; k++)
            evaluator.Evaluate(x, box, energies, gradients, strains);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    [Test]
    public void EnergyAloneIsTheSameEnergy()
    {
        using var potential = ViSNetTestModel.Potential();
        var (molecule, x) = ViSNetTestModel.Cluster(50, 9);
        using var evaluator = potential.CreateEvaluator([molecule], new EvaluationOptions());
        double[] energy = new double[1];
        evaluator.Evaluate(x, default, energy, default, default);
        Assert.That(energy[0], Is.EqualTo(Evaluate(potential, molecule, x, new EvaluationOptions()).Energy));
    }

    private static readonly double[][] _boxes =
    [
        [2.0, 0, 0, 0, 1.5, 0, 0, 0, 1.1],
        [1.6, 0, 0, 0.53, 1.51, 0, -0.53, 0.75, 1.31], // near a truncated octahedron
    ];

    [TestCaseSource(nameof(_boxes))]
    public void AMoleculeAcrossTheBoundaryIsWhole(double[] box)
    {
        using var potential = ViSNetTestModel.Potential();
        // Narrow enough that no atom sees another's image: 0.6 nm wide, the box at least 1.1.
        var (molecule, x) = ViSNetTestModel.Cluster(25, 3);
        for (int i = 0; i < x.Length; i++)
            x[i] *= 0.55 / x.Max();
        var (energy, gradient) = Evaluate(potential, molecule, x, _double);
        var random = new Random(1);
        double[] scattered = [.. x];
        for (int i = 0; i < scattered.Length; i += 3)
            for (int v = 0; v < 3; v++)
            {
                int n = random.Next(-3, 4);
                for (int c = 0; c < 3; c++)
                    scattered[i + c] += n * box[3 * v + c];
            }
        var (again, scatteredGradient) = Evaluate(potential, molecule, scattered, _double, box);
        Assert.Multiple(() =>
        {
            Assert.That(again, Is.EqualTo(energy).Within(1e-10 * Math.Abs(energy)));
            Assert.That(Worst(scatteredGradient, gradient), Is.LessThan(1e-9 * gradient.Max(Math.Abs)));
        });
    }

    /// <summary>Two chains in different images of the box: near each other only through the boundary.</summary>
    [Test]
    public void TwoChainsSeeEachOtherThroughTheBoundary()
    {
        double[] box = [2.0, 0, 0, 0, 2.0, 0, 0, 0, 2.0];
        using var potential = ViSNetTestModel.Potential();
        var (one, x1) = ViSNetTestModel.Cluster(12, 4);
        var (two, x2) = ViSNetTestModel.Cluster(14, 5);
        var molecule = new Molecule([.. one.AtomicNumbers, .. two.AtomicNumbers], 0);
        double[] beside = [.. x1, .. Shift(x2, 0.6)], split = [.. x1, .. Shift(x2, 0.6 - 2.0)], apart = [.. x1, .. Shift(x2, 5)];
        var (energy, gradient) = Evaluate(potential, molecule, beside, _double);
        var (image, imageGradient) = Evaluate(potential, molecule, split, _double, box);
        var (free, _) = Evaluate(potential, molecule, apart, _double);
        Assert.Multiple(() =>
        {
            Assert.That(image, Is.EqualTo(energy).Within(1e-11 * Math.Abs(energy)));
            Assert.That(Worst(imageGradient, gradient), Is.LessThan(1e-10 * gradient.Max(Math.Abs)));
            Assert.That(Math.Abs(free - energy), Is.GreaterThan(1e-3), "the chains must interact for this to mean anything");
        });

        static IEnumerable<double> Shift(double[] x, double along) => x.Select((c, i) => i % 3 == 0 ? c + along : c);
    }

    [Test]
    public void OverlappingAtomsAreNamed()
    {
        using var potential = ViSNetTestModel.Potential();
        var (first, x1) = ViSNetTestModel.Cluster(5, 1);
        var (second, x2) = ViSNetTestModel.Cluster(9, 2);
        for (int c = 0; c < 3; c++)
            x2[3 * 7 + c] = x2[3 * 3 + c] + 5e-6;
        var error = Throws(potential, [first, second], [.. x1, .. x2]);
        Assert.That(error.Code, Is.EqualTo(ErrorCode.Calculation));
        Assert.That(error.Molecule, Is.EqualTo(1));
        Assert.That(error.Message, Does.Contain("Atoms 3 and 7 of molecule 1"));
    }

    [TestCase(double.NaN)]
    [TestCase(double.PositiveInfinity)]
    public void PositionsThatAreNotFiniteAreNamed(double value)
    {
        using var potential = ViSNetTestModel.Potential();
        var (molecule, x) = ViSNetTestModel.Cluster(9, 2);
        x[3 * 6 + 1] = value;
        var error = Throws(potential, [molecule], x);
        Assert.That(error.Code, Is.EqualTo(ErrorCode.InvalidArgument));
        Assert.That(error.Message, Does.Contain("atom 6 of molecule 0"));
    }

    [Test]
    public void AnErrorOnAnyThreadIsTheFirstMoleculesError()
    {
        using var potential = ViSNetTestModel.Potential();
        var molecules = Enumerable.Range(0, 20).Select(n => ViSNetTestModel.Cluster(10, n)).ToList();
        double[] x = [.. molecules.SelectMany(m => m.Positions)];
        (x[3 * 57], x[3 * 123]) = (double.NaN, double.NaN);
        using var evaluator = potential.CreateEvaluator([.. molecules.Select(m => m.Molecule)], new EvaluationOptions { Threads = 4 });
        double[] energies = new double[20], gradients = new double[x.Length];
        for (int k = 0; k < 5; k++)
        {
            var error = Assert.Throws<PluginBridgeException>(() => evaluator.Evaluate(x, default, energies, gradients, default));
            Assert.That(error!.Molecule, Is.EqualTo(5));
        }
        // It still works afterwards.
        (x[3 * 57], x[3 * 123]) = (molecules[5].Positions[21], molecules[12].Positions[9]);
        evaluator.Evaluate(x, default, energies, gradients, default);
        Assert.That(energies[5], Is.EqualTo(Evaluate(potential, molecules[5].Molecule, molecules[5].Positions, new EvaluationOptions()).Energy));
    }

    [Test]
    public void ElementsChargesAndArraysAreChecked()
    {
        using var potential = ViSNetTestModel.Potential();
        var chlorine = Assert.Throws<PluginBridgeException>(() => potential.CreateEvaluator([new Molecule([6, 1, 17], 0)], _double));
        var radical = Assert.Throws<PluginBridgeException>(() => potential.CreateEvaluator([new Molecule([6, 1], 0, 1)], _double));
        using var evaluator = potential.CreateEvaluator([new Molecule([6, 1], 0)], _double);
        var lengths = Assert.Throws<PluginBridgeException>(() => evaluator.Evaluate(new double[5], default, new double[1], default, default));
        Assert.Multiple(() =>
        {
            Assert.That(chlorine!.Code, Is.EqualTo(ErrorCode.Unsupported));
            Assert.That(chlorine.Message, Does.Contain("Atom 2 of molecule 0 is Cl"));
            Assert.That(radical!.Code, Is.EqualTo(ErrorCode.Unsupported));
            Assert.That(lengths!.Message, Does.Contain("positions").And.Contain("5").And.Contain("6"));
            Assert.That(potential.SupportsElement(16), Is.True);
            Assert.That(potential.SupportsElement(17), Is.False);
        });
    }

    private static (double Energy, double[] Gradient) Evaluate(ViSNetPotential potential, Molecule molecule, double[] x,
        EvaluationOptions options, double[]? box = null)
    {
        using var evaluator = potential.CreateEvaluator([molecule], options);
        double[] energy = new double[1], gradient = new double[x.Length];
        evaluator.Evaluate(x, box, energy, gradient, default);
        return (energy[0], gradient);
    }

    private static PluginBridgeException Throws(ViSNetPotential potential, Molecule[] molecules, double[] x)
    {
        using var evaluator = potential.CreateEvaluator(molecules, new EvaluationOptions());
        return Assert.Throws<PluginBridgeException>(() =>
            evaluator.Evaluate(x, default, new double[molecules.Length], new double[x.Length], default))!;
    }

    private static double Worst(double[] a, double[] b) => a.Zip(b, (p, q) => Math.Abs(p - q)).Max();

    private static double[] Rotation(double a, double b, double c)
    {
        double[] z1 = [Math.Cos(a), -Math.Sin(a), 0, Math.Sin(a), Math.Cos(a), 0, 0, 0, 1];
        double[] x = [1, 0, 0, 0, Math.Cos(b), -Math.Sin(b), 0, Math.Sin(b), Math.Cos(b)];
        double[] z2 = [Math.Cos(c), -Math.Sin(c), 0, Math.Sin(c), Math.Cos(c), 0, 0, 0, 1];
        return Product(z1, Product(x, z2));

        static double[] Product(double[] p, double[] q) => [.. Enumerable.Range(0, 9)
            .Select(k => Enumerable.Range(0, 3).Sum(m => p[k / 3 * 3 + m] * q[3 * m + k % 3]))];
    }

    private static double[] Turn(double[] rotation, double[] x, double shift)
    {
        var result = new double[x.Length];
        for (int i = 0; i < x.Length; i++)
            result[i] = shift + Enumerable.Range(0, 3).Sum(m => rotation[i % 3 * 3 + m] * x[i / 3 * 3 + m]);
        return result;
    }
}
