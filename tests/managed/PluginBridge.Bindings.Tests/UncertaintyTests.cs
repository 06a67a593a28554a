using PluginBridge.Core.Tests;

namespace PluginBridge.Bindings.Tests;

/// <summary>Ensembles through the C ABI: spreads from members evaluated one by one.</summary>
public sealed class UncertaintyTests
{
    [SetUp]
    public void RequireLibrary() => BuiltLibrary.Require();

    [Test]
    public void Spreads_and_errors_are_those_of_the_members()
    {
        using var files = new EnsembleTestModels();
        files.Calibrate(0.5, 1.5, "kcal/mol/angstrom");
        using Model ensemble = Model.Load(files.Write());
        Assert.That(ensemble.Info.Name, Is.EqualTo("committee"));
        Assert.That(ensemble.Ensemble with { ErrorFloor = 0 }, Is.EqualTo(new EnsembleInfo(3, true, 0, 1.5)));
        Assert.That(ensemble.Ensemble.ErrorFloor, Is.EqualTo(20.92).Within(1e-9));

        double[] positions = Dipeptide.Positions;
        int atoms = positions.Length / 3;
        (double Energy, double[] Forces)[] members = [.. Enumerable.Range(0, 3).Select(m => Evaluate(files.Member(m), positions))];
        using FragmentedSystem system = FragmentedSystem.Create(ensemble, Dipeptide.Specification);
        using Workspace workspace = system.CreateWorkspace(doublePrecision: true);
        double[] spreads = new double[atoms], errors = new double[atoms], forces = new double[3 * atoms];
        double energy = workspace.EvaluateWithUncertainty(positions, out double energySpread, spreads, errors, forces);

        double mean = members.Average(m => m.Energy);
        Assert.That(energy, Is.EqualTo(mean).Within(1e-6));
        Assert.That(workspace.Evaluate(positions), Is.EqualTo(mean).Within(1e-6));
        Assert.That(energySpread, Is.EqualTo(Math.Sqrt(members.Sum(m => Math.Pow(m.Energy - mean, 2)) / 2)).Within(1e-6));
        for (int atom = 0; atom < atoms; atom++)
        {
            double squares = 0;
            for (int i = 3 * atom; i < 3 * atom + 3; i++)
            {
                double average = members.Average(m => m.Forces[i]);
                Assert.That(forces[i], Is.EqualTo(average).Within(1e-5));
                squares += members.Sum(m => Math.Pow(m.Forces[i] - average, 2));
            }
            Assert.That(spreads[atom], Is.EqualTo(Math.Sqrt(squares / 2)).Within(1e-5).And.GreaterThan(1e-3));
            Assert.That(errors[atom], Is.EqualTo(Math.Sqrt(20.92 * 20.92 + 2.25 * squares / 2)).Within(1e-5));
        }
    }

    [Test]
    public void What_cannot_be_told_is_refused()
    {
        using var files = new EnsembleTestModels(members: 2);
        double[] positions = Dipeptide.Positions;
        using Model uncalibrated = Model.Load(files.Write()), single = Model.Load(files.Member(0));
        Assert.That(uncalibrated.Ensemble, Is.EqualTo(new EnsembleInfo(2, false, 0, 0)));
        Assert.That(single.Ensemble, Is.EqualTo(new EnsembleInfo(1, false, 0, 0)));
        using FragmentedSystem two = FragmentedSystem.Create(uncalibrated, Dipeptide.Specification), one = FragmentedSystem.Create(single, Dipeptide.Specification);
        using Workspace workspace = two.CreateWorkspace(), alone = one.CreateWorkspace();
        Assert.That(() => alone.EvaluateWithUncertainty(positions, out _),
            Throws.TypeOf<UnsupportedException>().With.Message.Contains("no ensemble"));
        Assert.That(() => workspace.EvaluateWithUncertainty(positions, out _, [], new double[positions.Length / 3]),
            Throws.TypeOf<UnsupportedException>().With.Message.Contains("no calibration"));
        Assert.That(() => workspace.EvaluateWithUncertainty(positions, out _, new double[positions.Length]),
            Throws.TypeOf<InvalidArgumentException>().With.Message.Contains("forceSpreads"));
        Assert.That(() => Model.LoadFromMemory(File.ReadAllBytes(files.Write())), Throws.TypeOf<UnsupportedException>());
    }

    private static (double Energy, double[] Forces) Evaluate(string file, double[] positions)
    {
        using Model model = Model.Load(file);
        using FragmentedSystem system = FragmentedSystem.Create(model, Dipeptide.Specification);
        using Workspace workspace = system.CreateWorkspace(doublePrecision: true);
        double[] forces = new double[positions.Length];
        return (workspace.Evaluate(positions, forces), forces);
    }
}
