using PluginBridge.Core.Potentials;

namespace PluginBridge.Core.Tests;

/// <summary>The gradient is the derivative of the energy, and both are continuous.</summary>
[TestFixture]
public class ViSNetGradientTests
{
    private static readonly EvaluationOptions _double = new() { DoublePrecision = true };

    [TestCase(32, 4, 4, 4)]
    [TestCase(20, 3, 2, 0)]
    [TestCase(16, 2, 16, 6)]
    [TestCase(16, 1, 1, 3)]
    public void ForcesAreCentralDifferences(int channels, int layers, int heads, int envelopeExponent)
    {
        const double Step = 1e-6;
        using var potential = ViSNetTestModel.Potential(new ViSNetTestModel(channels, layers, heads,
            envelopeExponent: envelopeExponent));
        var (molecule, x) = ViSNetTestModel.Cluster(24, 3);
        using var evaluator = potential.CreateEvaluator([molecule], _double);
        double[] gradient = Evaluate(evaluator, x).Gradient;
        double largest = gradient.Max(Math.Abs), worst = 0;
        for (int c = 0; c < x.Length; c++)
        {
            double before = x[c];
            x[c] = before + Step;
            double up = Evaluate(evaluator, x).Energy;
            x[c] = before - Step;
            double down = Evaluate(evaluator, x).Energy;
            x[c] = before;
            worst = Math.Max(worst, Math.Abs((up - down) / (2 * Step) - gradient[c]));
        }
        Assert.That(worst / largest, Is.LessThan(1e-6));
    }

    [Test]
    public void StrainGradientIsTheDerivativeWithRespectToStrain([Values] bool periodic)
    {
        const double Step = 1e-6;
        using var potential = ViSNetTestModel.Potential();
        var (molecule, x) = ViSNetTestModel.Cluster(40, 4);
        double[] box = periodic ? [1.1, 0, 0, 0.2, 1.2, 0, -0.3, 0.4, 1.05] : [];
        using var evaluator = potential.CreateEvaluator([molecule], _double);
        double[] energy = new double[1], strain = new double[9];
        evaluator.Evaluate(x, box, energy, default, strain);
        double largest = strain.Max(Math.Abs);
        for (int a = 0; a < 3; a++)
            for (int b = 0; b < 3; b++)
            {
                // The box stays in reduced form only under strains of its lower triangle; dE/dε is symmetric.
                (int row, int column) = periodic && b > a ? (b, a) : (a, b);
                double up = Strained(row, column, Step), down = Strained(row, column, -Step);
                Assert.That(strain[3 * a + b], Is.EqualTo((up - down) / (2 * Step)).Within(1e-6 * largest), $"component {a}{b}");
            }

        // r → (1 + ε) r: component a gains ε_ab r_b. With ε_ab below the diagonal a vector's y gains from x, which breaks
        // the zeros of the box vectors, so that the transposed strain (a rotation away) is applied to boxes.
        double Strained(int a, int b, double size)
        {
            if (periodic)
                (a, b) = (b, a);
            double[] moved = [.. x], cell = [.. box];
            for (int i = 0; i < moved.Length; i += 3)
                moved[i + a] += size * x[i + b];
            for (int i = 0; i < cell.Length; i += 3)
                cell[i + a] += size * box[i + b];
            evaluator.Evaluate(moved, cell, energy, default, default);
            return energy[0];
        }
    }

    [Test]
    public void StrainGradientsOfABatchArePerMolecule()
    {
        using var potential = ViSNetTestModel.Potential();
        var (first, x1) = ViSNetTestModel.Cluster(10, 5);
        var (second, x2) = ViSNetTestModel.Cluster(15, 6);
        using var both = potential.CreateEvaluator([first, second], _double);
        using var one = potential.CreateEvaluator([second], _double);
        double[] energies = new double[2], strains = new double[18], strain = new double[9];
        both.Evaluate([.. x1, .. x2], default, energies, default, strains);
        one.Evaluate(x2, default, energies.AsSpan(0, 1), default, strain);
        Assert.That(strains[9..], Is.EqualTo(strain));
    }

    /// <summary>An atom goes through another's cutoff in steps of 1e-6 Å, other atoms around: neither energy nor force may jump.</summary>
    [Test]
    public void EnergyAndForceAreContinuousAcrossTheCutoff([Values(0, 4)] int envelopeExponent)
    {
        const double Step = 1e-7;
        const int Steps = 40;
        using var potential = ViSNetTestModel.Potential(new ViSNetTestModel(envelopeExponent: envelopeExponent));
        var molecule = new Molecule([6, 8, 1, 7], 0);
        double[] start = [0, 0, 0, 0.13, 0.02, 0, -0.06, 0.09, 0.01, 0, 0, 0];
        using var evaluator = potential.CreateEvaluator([molecule], _double);
        var (atCutoff, forceAtCutoff, slopeAtCutoff) = Walk(0.5 - Step * Steps / 2);
        var (inside, forceInside, _) = Walk(0.47);
        Assert.Multiple(() =>
        {
            // Steps of energy are force times step; what is left is rounding and curvature.
            Assert.That(atCutoff, Is.LessThan(1e-9));
            Assert.That(inside, Is.LessThan(1e-9));
            // A jump of force would stand out from the change per step elsewhere.
            Assert.That(forceAtCutoff, Is.LessThan(3 * forceInside + 1e-8 * slopeAtCutoff));
        });

        (double Energy, double Force, double Largest) Walk(double from)
        {
            double energyJump = 0, forceJump = 0, largest = 0;
            (double Energy, double[] Gradient)? last = null;
            for (int k = 0; k <= Steps; k++)
            {
                double[] x = [.. start];
                x[9] = from + k * Step;
                var now = Evaluate(evaluator, x);
                if (last is { } previous)
                {
                    double expected = Step * (previous.Gradient[9] + now.Gradient[9]) / 2;
                    energyJump = Math.Max(energyJump, Math.Abs(now.Energy - previous.Energy - expected));
                    forceJump = Math.Max(forceJump, now.Gradient.Zip(previous.Gradient, (a, b) => Math.Abs(a - b)).Max());
                }
                largest = Math.Max(largest, now.Gradient.Max(Math.Abs));
                last = now;
            }
            return (energyJump, forceJump, largest);
        }
    }

    /// <summary>What Verlet's energy conservation needs: no jump in the slope of the force where a pair crosses the cutoff. The
    /// cosine has one, which shows that this test sees it.</summary>
    [TestCase(0, true)]
    [TestCase(3, false)]
    [TestCase(6, false)]
    public void TheSlopeOfTheForceJumpsAtTheCutoffOfACosineOnly(int envelopeExponent, bool jumps)
    {
        const double Step = 1e-4, Cutoff = 0.5;
        using var potential = ViSNetTestModel.Potential(new ViSNetTestModel(envelopeExponent: envelopeExponent));
        using var evaluator = potential.CreateEvaluator([new Molecule([6, 7], 0)], _double);
        // Forces vanish outside; so must, to first order, the slope just inside, and go down with the step.
        double near = Slope(Step), nearer = Slope(Step / 8);
        Assert.That(near, Is.Not.Zero);
        Assert.That(Math.Abs(nearer / near), jumps ? Is.GreaterThan(0.9) : Is.LessThan(0.2));

        double Slope(double distance)
        {
            double[] x = [0, 0, 0, Cutoff - distance, 0, 0];
            return Evaluate(evaluator, x).Gradient[3] / distance;
        }
    }

    private static (double Energy, double[] Gradient) Evaluate(IMoleculeEvaluator evaluator, double[] x)
    {
        double[] energy = new double[1], gradient = new double[x.Length];
        evaluator.Evaluate(x, default, energy, gradient, default);
        return (energy[0], gradient);
    }
}
