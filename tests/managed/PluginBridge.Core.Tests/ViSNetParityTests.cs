using System.Runtime.Intrinsics;
using PluginBridge.Core.Potentials;
using PluginBridge.Core.Potentials.ViSNet;

namespace PluginBridge.Core.Tests;

/// <summary>Energies and forces of the engine against the PyTorch twin in float64.</summary>
/// <remarks>Energy errors are relative to Σ |atomic energy|, reference energies left out, force errors to the largest component
/// of the molecule's frames. Some random weights amplify rounding; there three times PyTorch's own error in single precision
/// is allowed.</remarks>
[TestFixture]
public class ViSNetParityTests
{
    private const double DoubleTolerance = 1e-9;
    private const double SingleTolerance = 1e-5;

    [Test]
    public void FragmentsOfEveryResidueAgree([Values("shipped", "standard")] string model, [Values] bool doublePrecision)
    {
        var cases = ViSNetReferences.Load(model).Where(c => c.Positions.Length > 1).ToList();
        Assert.That(cases, Has.Count.GreaterThanOrEqualTo(26));
        Assert.That(cases.Select(c => c.Positions.Length), Has.All.GreaterThanOrEqualTo(50));
        var errors = Compare(model, cases, doublePrecision);
        TestContext.Out.WriteLine($"{model}: median {errors.Order().ElementAt(errors.Count / 2):e2}, largest {errors.Max():e2}");
        if (model == "shipped")
            Assert.That(errors.Max(), Is.LessThan(doublePrecision ? DoubleTolerance : SingleTolerance)); // of the frame's own largest
    }

    [Test]
    public void WholeChignolinAgrees([Values("shipped", "standard")] string model, [Values] bool doublePrecision) =>
        Compare(model, [ViSNetReferences.Load(model, "chig")], doublePrecision);

    [Test]
    public void OtherArchitecturesAgree(
        [Values("large", "channels48", "channels20", "twolayers", "onelayer")] string model, [Values] bool doublePrecision) =>
        Compare(model, ViSNetReferences.Load(model), doublePrecision);

    [Test]
    public void EveryRegisterWidthAgrees([Values("standard", "channels20")] string model)
    {
        var test = ViSNetReferences.Load(model).First(c => c.Name == "ACE-TRP-NME");
        using var potential = ViSNetPotential.Load(ViSNetReferences.ModelPath(model));
        // Without such registers, 512 bits are emulated, for minutes: there the smaller network stands for both.
        if (Vector512.IsHardwareAccelerated || model == "channels20")
        {
            Check(test, potential.Create<float, Simd512<float>>([test.Molecule], 1), SingleTolerance, true);
            Check(test, potential.Create<double, Simd512<double>>([test.Molecule], 1), DoubleTolerance);
        }
        Check(test, potential.Create<float, Simd256<float>>([test.Molecule], 1), SingleTolerance, true);
        Check(test, potential.Create<float, Simd128<float>>([test.Molecule], 1), SingleTolerance, true);
        Check(test, potential.Create<double, Simd256<double>>([test.Molecule], 1), DoubleTolerance);
        Check(test, potential.Create<double, Simd128<double>>([test.Molecule], 1), DoubleTolerance);
    }

    /// <summary>Checks all frames; returns their force errors, each relative to its own frame's largest component.</summary>
    private static List<double> Compare(string model, IEnumerable<ViSNetCase> cases, bool doublePrecision)
    {
        using var potential = ViSNetPotential.Load(ViSNetReferences.ModelPath(model));
        var options = new EvaluationOptions { DoublePrecision = doublePrecision };
        bool random = model != "shipped";
        return [.. cases.SelectMany(test => Check(test, potential.CreateEvaluator([test.Molecule], options),
            doublePrecision ? DoubleTolerance : SingleTolerance, random && !doublePrecision))];
    }

    private static List<double> Check(ViSNetCase test, IMoleculeEvaluator evaluator, double tolerance, bool asGoodAsTwin = false)
    {
        using (evaluator)
        {
            double[] energy = new double[1], gradient = new double[test.Positions[0].Length];
            double largest = test.Forces.Max(f => f.Max(Math.Abs));
            double allowed = Math.Max(tolerance * largest, asGoodAsTwin ? 3 * test.SingleForceError : 0);
            var errors = new List<double>();
            for (int frame = 0; frame < test.Positions.Length; frame++)
            {
                evaluator.Evaluate(test.Positions[frame], default, energy, gradient, default);
                double worst = gradient.Zip(test.Forces[frame], (g, f) => Math.Abs(g + f)).Max();
                errors.Add(worst / test.Forces[frame].Max(Math.Abs));
                Assert.Multiple(() =>
                {
                    Assert.That(energy[0], Is.EqualTo(test.Energies[frame]).Within(
                            Math.Max(tolerance * test.Scales[frame], asGoodAsTwin ? 3 * test.SingleEnergyError : 0)),
                        $"energy of {test} frame {frame}");
                    Assert.That(worst, Is.LessThan(allowed), $"forces of {test} frame {frame}");
                });
            }
            return errors;
        }
    }
}
