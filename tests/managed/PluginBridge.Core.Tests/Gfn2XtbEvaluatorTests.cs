using PluginBridge.Core.Potentials;
using PluginBridge.Core.Potentials.Xtb;

namespace PluginBridge.Core.Tests;

/// <summary>Batches, repetition, failures and resources of GFN2-xTB evaluators.</summary>
public sealed class Gfn2XtbEvaluatorTests
{
    [SetUp]
    public void RequireXtb() => XtbTestMolecules.RequireXtb();

    [Test]
    public void A_batch_gives_what_its_molecules_give_alone()
    {
        (Molecule Molecule, double[] Positions)[] all = [XtbTestMolecules.Acetate(), XtbTestMolecules.DistortedGlycine(),
            XtbTestMolecules.Methanethiol(), XtbTestMolecules.MethylRadical()];
        double[] positions = [.. all.SelectMany(m => m.Positions)], energies = new double[4];
        double[] gradients = new double[positions.Length], strains = new double[36];
        using IMoleculeEvaluator evaluator = Evaluator([.. all.Select(m => m.Molecule)]);
        evaluator.Evaluate(positions, [], energies, gradients, strains);
        for (int m = 0, first = 0; m < 4; first += all[m].Positions.Length, m++)
        {
            var alone = XtbTestMolecules.Evaluate(all[m].Molecule, all[m].Positions);
            Assert.That(energies[m], Is.EqualTo(alone.Energy).Within(1e-8));
            Assert.That(gradients.Skip(first).Take(alone.Gradient.Length), Is.EqualTo(alone.Gradient).Within(1e-6));
            Assert.That(strains.Skip(9 * m).Take(9), Is.EqualTo(alone.Strain).Within(1e-6));
        }
    }

    [Test]
    public void The_energy_does_not_depend_on_what_was_computed_before()
    {
        (Molecule molecule, double[] x) = XtbTestMolecules.DistortedGlycine();
        double[] elsewhere = XtbTestMolecules.Displace(x, 0.004, seed: 8), energy = new double[1];
        double[] g = new double[x.Length], again = new double[x.Length];
        using IMoleculeEvaluator evaluator = Evaluator(molecule);
        evaluator.Evaluate(x, [], energy, g, []);
        double first = energy[0];
        evaluator.Evaluate(elsewhere, [], energy, [], []);
        Assert.That(energy[0], Is.Not.EqualTo(first).Within(1.0));
        evaluator.Evaluate(x, [], energy, again, []);
        Assert.That(energy[0], Is.EqualTo(first).Within(1e-8));
        Assert.That(again, Is.EqualTo(g).Within(1e-8));
    }

    [Test]
    public void A_failed_SCF_names_the_molecule_and_leaves_the_evaluator_usable()
    {
        (Molecule good, double[] x) = XtbTestMolecules.Methanethiol();
        (Molecule torn, double[] y) = XtbTestMolecules.TornAcetate();
        double[] sound = XtbTestMolecules.Acetate().Positions, energies = new double[2];
        using IMoleculeEvaluator evaluator = Evaluator(good, torn);
        evaluator.Evaluate([.. x, .. sound], [], energies, [], []);
        double[] before = [.. energies];
        var error = Assert.Throws<PluginBridgeException>(() => evaluator.Evaluate([.. x, .. y], [], energies, [], []))!;
        Assert.That(error.Code, Is.EqualTo(ErrorCode.Calculation));
        Assert.That(error.Message, Does.Contain("molecule 1 of 2 (7 atoms, charge -1)").And.Contain("did not converge")
            .And.Contain("scheme"));
        evaluator.Evaluate([.. x, .. sound], [], energies, [], []);
        Assert.That(energies, Is.EqualTo(before).Within(1e-8));
    }

    [Test]
    public void Atoms_on_top_of_each_other_are_named()
    {
        (Molecule molecule, double[] x) = XtbTestMolecules.Methanethiol();
        x.AsSpan(6, 3).CopyTo(x.AsSpan(9, 3));
        using IMoleculeEvaluator evaluator = Evaluator(molecule);
        var error = Assert.Throws<PluginBridgeException>(() => evaluator.Evaluate(x, [], new double[1], [], []))!;
        Assert.That(error.Code, Is.EqualTo(ErrorCode.Calculation));
        Assert.That(error.Message, Does.Contain("atoms 2 (H) and 3 (H) are only 0.0000 nm apart"));
    }

    [Test]
    public void Wrong_arguments_are_named()
    {
        (Molecule molecule, double[] x) = XtbTestMolecules.Methanethiol();
        using IMoleculeEvaluator evaluator = Evaluator(molecule);
        Refuse(ErrorCode.InvalidArgument, "positions", () => evaluator.Evaluate(x.AsSpan(3), [], new double[1], [], []));
        Refuse(ErrorCode.InvalidArgument, "energies", () => evaluator.Evaluate(x, [], [], [], []));
        Refuse(ErrorCode.InvalidArgument, "gradients", () => evaluator.Evaluate(x, [], new double[1], new double[3], []));
        Refuse(ErrorCode.InvalidArgument, "strainGradients", () => evaluator.Evaluate(x, [], new double[1], [], new double[6]));
        Refuse(ErrorCode.Unsupported, "vacuo", () => evaluator.Evaluate(x, new double[9], new double[1], [], []));
        x[7] = double.NaN;
        Refuse(ErrorCode.InvalidArgument, "atom 2 of molecule 0 of 1", () => evaluator.Evaluate(x, [], new double[1], [], []));
    }

    [Test]
    public void Threads_of_the_host_may_each_have_an_evaluator()
    {
        (Molecule molecule, double[] x) = XtbTestMolecules.Acetate();
        double expected = XtbTestMolecules.Evaluate(molecule, x).Energy;
        Parallel.For(0, 8, _ => Assert.That(XtbTestMolecules.Evaluate(molecule, x).Energy, Is.EqualTo(expected).Within(1e-8)));
    }

    [Test]
    public void Every_object_of_libxtb_is_freed()
    {
        int before = XtbHandle.LiveCount;
        (Molecule good, double[] x) = XtbTestMolecules.Methanethiol();
        (Molecule bad, double[] y) = XtbTestMolecules.TornAcetate();
        using (IMoleculeEvaluator evaluator = Evaluator(good, bad))
        {
            for (int i = 0; i < 3; i++)
                Assert.Throws<PluginBridgeException>(() => evaluator.Evaluate([.. x, .. y], [], new double[2], [], []));
            Assert.That(XtbHandle.LiveCount, Is.GreaterThan(before));
        }
        Assert.That(XtbHandle.LiveCount, Is.EqualTo(before));
    }

    [Test]
    public void Memory_does_not_grow_with_evaluations()
    {
        (Molecule molecule, double[] x) = XtbTestMolecules.DistortedGlycine();
        using IMoleculeEvaluator evaluator = Evaluator(molecule);
        Repeat(100);
        double least = double.PositiveInfinity; // of five batches: other growth (allocator, thread pool) is not in each
        for (int batch = 0; batch < 5; batch++)
        {
            long before = ResidentBytes();
            Repeat(60);
            least = Math.Min(least, (ResidentBytes() - before) / 60.0);
        }
        TestContext.Out.WriteLine($"{least:F0} bytes an evaluation");
        // a result that stays has several matrices of 46 x 46 orbitals, 17 kB each
        Assert.That(least, Is.LessThan(10_000));

        void Repeat(int times)
        {
            for (int i = 0; i < times; i++)
                evaluator.Evaluate(x, [], new double[1], [], []);
        }
    }

    private static IMoleculeEvaluator Evaluator(params Molecule[] molecules)
    {
        using var potential = new Gfn2XtbPotential();
        return potential.CreateEvaluator(molecules, new EvaluationOptions());
    }

    private static void Refuse(ErrorCode code, string part, TestDelegate action)
    {
        var error = Assert.Throws<PluginBridgeException>(action)!;
        Assert.That(error.Message, Does.Contain(part));
        Assert.That(error.Code, Is.EqualTo(code), error.Message);
    }

    private static long ResidentBytes()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return Environment.WorkingSet;
    }
}
