using PluginBridge.Core.Potentials;
using PluginBridge.Core.Potentials.Xtb;

namespace PluginBridge.Core.Tests;

/// <summary>Gradients and strain gradients of GFN2-xTB against differences of its energy.</summary>
public sealed class Gfn2XtbGradientTests
{
    /// <summary>1e-4 kcal/mol/Å in kJ/mol/nm.</summary>
    private const double ForceTolerance = 1e-4 * Units.KilojoulePerKilocalorie / Units.NanometrePerAngstrom;

    [SetUp]
    public void RequireXtb() => XtbTestMolecules.RequireXtb();

    [Test]
    public void Gradient_of_a_distorted_residue_is_that_of_the_energy() =>
        CompareWithDifferences(XtbTestMolecules.DistortedGlycine());

    [Test]
    public void Gradient_of_a_planar_axis_aligned_residue_is_that_of_the_energy()
    {
        (Molecule molecule, double[] positions) = XtbTestMolecules.PlanarGlycine();
        double[] heavy = [.. molecule.AtomicNumbers.Index().Where(a => a.Item > 1).Select(a => positions[3 * a.Index + 2])];
        Assert.That(heavy, Is.All.EqualTo(0.0).Within(1e-12), "heavy atoms lie in the plane");
        CompareWithDifferences((molecule, positions));
    }

    /// <summary>The reason for the rotation; if libxtb is mended one day, it can go.</summary>
    [Test]
    public void Without_the_rotation_the_planar_gradient_is_wrong()
    {
        (Molecule molecule, double[] positions) = XtbTestMolecules.PlanarGlycine();
        double[] bohr = [.. positions.Select(r => r / Units.NanometrePerBohr)];
        double[] plain = new double[bohr.Length];
        XtbStack.Run(() => XtbLibrary.Shared.Threads.Run(1, 1 << 20, () =>
        {
            using var calculation = new XtbMolecule(XtbLibrary.Shared.Functions, molecule, bohr);
            calculation.Evaluate(bohr, plain);
        }), molecule.AtomicNumbers.Count);
        double[] right = XtbTestMolecules.Evaluate(molecule, positions).Gradient;
        double unit = Units.KilojoulePerHartree / Units.NanometrePerBohr;
        double error = plain.Zip(right).Max(g => Math.Abs(g.First * unit - g.Second));
        TestContext.Out.WriteLine($"largest error of the plain gradient: {error:F1} kJ/mol/nm");
        if (error < 10)
            Assert.Inconclusive("this libxtb has no such error");
    }

    [Test]
    public void Energy_and_gradient_turn_with_the_molecule()
    {
        (Molecule molecule, double[] positions) = XtbTestMolecules.DistortedGlycine();
        double[] turned = new double[positions.Length];
        for (int i = 0; i < positions.Length; i += 3) // a cyclic permutation of the axes, and a shift of 20 nm
            (turned[i], turned[i + 1], turned[i + 2]) = (positions[i + 1] + 20, positions[i + 2] - 20, positions[i] + 20);
        var a = XtbTestMolecules.Evaluate(molecule, positions);
        var b = XtbTestMolecules.Evaluate(molecule, turned);
        Assert.That(b.Energy, Is.EqualTo(a.Energy).Within(1e-6));
        for (int i = 0; i < positions.Length; i += 3)
            for (int k = 0; k < 3; k++)
                Assert.That(b.Gradient[i + k], Is.EqualTo(a.Gradient[i + (k + 1) % 3]).Within(ForceTolerance));
    }

    [Test]
    public void Strain_gradient_is_that_of_the_energy()
    {
        (Molecule molecule, double[] positions) = XtbTestMolecules.DistortedGlycine();
        double[] strain = XtbTestMolecules.Evaluate(molecule, positions).Strain;
        const double h = 1e-5;
        for (int a = 0; a < 3; a++)
            for (int b = 0; b < 3; b++)
            {
                double slope = (Strained(a, b, h) - Strained(a, b, -h)) / (2 * h);
                Assert.That(strain[3 * a + b], Is.EqualTo(slope).Within(2e-3), $"dE/dε[{a},{b}]");
            }

        // dr_b = ε_ab r_a
        double Strained(int a, int b, double epsilon)
        {
            double[] r = [.. positions];
            for (int i = 0; i < r.Length; i += 3)
                r[i + b] += epsilon * positions[i + a];
            return XtbTestMolecules.Evaluate(molecule, r).Energy;
        }
    }

    private static void CompareWithDifferences((Molecule Molecule, double[] Positions) of)
    {
        using var potential = new Gfn2XtbPotential();
        using IMoleculeEvaluator evaluator = potential.CreateEvaluator([of.Molecule], new EvaluationOptions());
        double[] x = [.. of.Positions], energy = new double[1], gradient = new double[x.Length];
        evaluator.Evaluate(x, [], energy, gradient, []);
        double worst = 0;
        for (int i = 0; i < x.Length; i++)
        {
            const double h = 1e-4;
            double slope = (8 * (At(i, h) - At(i, -h)) - (At(i, 2 * h) - At(i, -2 * h))) / (12 * h);
            worst = Math.Max(worst, Math.Abs(slope - gradient[i]));
            Assert.That(gradient[i], Is.EqualTo(slope).Within(ForceTolerance), $"coordinate {i % 3} of atom {i / 3}");
        }
        TestContext.Out.WriteLine($"largest difference {worst:E1} kJ/mol/nm, gradients up to {gradient.Max(Math.Abs):F0}");

        double At(int i, double shift)
        {
            double before = x[i];
            x[i] += shift;
            evaluator.Evaluate(x, [], energy, [], []);
            x[i] = before;
            return energy[0];
        }
    }
}
