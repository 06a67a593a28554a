using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Engine;
using PluginBridge.Core.Fragmentation;
using PluginBridge.Core.Potentials;
using PluginBridge.Core.Potentials.Ensemble;
using PluginBridge.Core.Potentials.ViSNet;

namespace PluginBridge.Core.Tests;

/// <summary>Mean and spread of an ensemble against its members evaluated one by one.</summary>
public class EnsembleTests
{
    private static readonly EvaluationOptions _double = new() { DoublePrecision = true };

    private sealed record Result(double Energy, double[] Forces, double[] Virial);

    [Test]
    public void MeanAndSpreadAreThoseOfTheMembers([Values] FragmentScheme scheme, [Values] bool periodic,
        [Values(PotentialTarget.Absolute, PotentialTarget.CorrectionToForceField)] PotentialTarget target)
    {
        (Topology topology, double[] positions) = EngineTestSystems.Bridged;
        double[] box = periodic ? [6, 0, 0, 0, 6, 0, 0, 0, 6] : [];
        using var files = new EnsembleTestModels(edit: (_, model) => Aim(model, target));
        using EnsemblePotential ensemble = files.Load();
        foreach (EnergyQuantity quantity in Enum.GetValues<EnergyQuantity>())
        {
            Result[] members = [.. Enumerable.Range(0, 3).Select(m =>
            {
                using IPotential member = ViSNetPotential.Load(files.Member(m));
                return Evaluate(member, topology, positions, scheme, box, quantity);
            })];
            Assert.That(members[0].Energy, Is.Not.EqualTo(members[1].Energy).Within(1), "the test's members differ");
            double mean = members.Average(m => m.Energy);
            double[] forces = [.. positions.Select((_, i) => members.Average(m => m.Forces[i]))];
            double[] virial = [.. Enumerable.Range(0, 9).Select(i => members.Average(m => m.Virial[i]))];
            double scale = forces.Max(Math.Abs);

            Result plain = Evaluate(ensemble, topology, positions, scheme, box, quantity);
            Assert.That(plain.Energy, Is.EqualTo(mean).Within(1e-9 * Math.Abs(mean)));
            Assert.That(plain.Forces, Is.EqualTo(forces).Within(1e-9 * scale));
            Assert.That(plain.Virial, Is.EqualTo(virial).Within(1e-9 * virial.Max(Math.Abs)));

            using Workspace workspace = EngineTestSystems.System(ensemble, topology, scheme).CreateWorkspace(_double);
            var found = new Result(0, new double[positions.Length], new double[9]);
            var uncertainty = new Uncertainty(new double[topology.Atoms.Count], []);
            double energy = workspace.EvaluateWithUncertainty(positions, box, quantity, found.Forces, found.Virial, ref uncertainty);
            Assert.That(energy, Is.EqualTo(mean).Within(1e-9 * Math.Abs(mean)));
            Assert.That(found.Forces, Is.EqualTo(forces).Within(1e-9 * scale));
            Assert.That(found.Virial, Is.EqualTo(virial).Within(1e-9 * virial.Max(Math.Abs)));

            double energySpread = Math.Sqrt(members.Sum(m => (m.Energy - mean) * (m.Energy - mean)) / 2);
            Assert.That(uncertainty.EnergySpread, Is.EqualTo(energySpread).Within(1e-9 * energySpread));
            for (int atom = 0; atom < topology.Atoms.Count; atom++)
            {
                double squares = members.Sum(m => Enumerable.Range(3 * atom, 3).Sum(i => Math.Pow(m.Forces[i] - forces[i], 2)));
                Assert.That(uncertainty.ForceSpreads[atom], Is.EqualTo(Math.Sqrt(squares / 2)).Within(1e-9 * scale), topology.Describe(atom));
            }
        }
    }

    [Test]
    public void AtomsThatTakeNoPartHaveNoSpread()
    {
        (Topology topology, double[] positions) = EngineTestSystems.TwoChains;
        using var files = new EnsembleTestModels();
        files.Calibrate(1, 1, "kJ/mol/nm");
        using EnsemblePotential ensemble = files.Load();
        FragmentedSystem system = EngineTestSystems.System(ensemble, topology, FragmentScheme.Whole, 1, 2);
        using Workspace workspace = system.CreateWorkspace(_double);
        var uncertainty = new Uncertainty(new double[topology.Atoms.Count], new double[topology.Atoms.Count]);
        workspace.EvaluateWithUncertainty(positions, [], EnergyQuantity.Correction, [], [], ref uncertainty);
        HashSet<int> used = [.. system.Fragments.SelectMany(f => f.Atoms.Concat(f.Caps.Select(c => c.Replaced)))];
        Assert.That(used, Has.Count.LessThan(topology.Atoms.Count));
        for (int atom = 0; atom < topology.Atoms.Count; atom++)
        {
            Assert.That(uncertainty.ForceSpreads[atom] > 0, Is.EqualTo(used.Contains(atom)), topology.Describe(atom));
            Assert.That(uncertainty.ExpectedForceErrors[atom] >= 1, Is.EqualTo(used.Contains(atom)), topology.Describe(atom));
        }
    }

    [TestCase(FragmentScheme.Whole)]
    [TestCase(FragmentScheme.Window2)]
    public void ForcesAreTheGradient(FragmentScheme scheme)
    {
        (Topology topology, double[] positions) = EngineTestSystems.Bridged;
        using var files = new EnsembleTestModels();
        using EnsemblePotential ensemble = files.Load();
        EngineDifferences.CheckForces(EngineTestSystems.System(ensemble, topology, scheme), positions, [], EnergyQuantity.Total);
    }

    [Test]
    public void ThreadsDoNotMatter([Values(FragmentScheme.Whole, FragmentScheme.Dipeptide)] FragmentScheme scheme)
    {
        (Topology topology, double[] positions) = EngineTestSystems.Bridged;
        using var files = new EnsembleTestModels();
        files.Calibrate(0.2, 1.3, "kcal/mol/angstrom");
        using EnsemblePotential ensemble = files.Load();
        (double, double, double[], double[], double[]) With(int threads)
        {
            using Workspace workspace = EngineTestSystems.System(ensemble, topology, scheme).CreateWorkspace(new() { Threads = threads });
            (double[] forces, double[] spreads, double[] errors) = (new double[positions.Length], new double[positions.Length / 3], new double[positions.Length / 3]);
            var uncertainty = new Uncertainty(spreads, errors);
            double energy = workspace.EvaluateWithUncertainty(positions, [], EnergyQuantity.Correction, forces, [], ref uncertainty);
            return (energy, uncertainty.EnergySpread, forces, spreads, errors);
        }
        Assert.That(With(3), Is.EqualTo(With(1)));
    }

    [Test]
    public void ExpectedErrorsFollowTheCalibration()
    {
        (Topology topology, double[] positions) = EngineTestSystems.Chain;
        using var files = new EnsembleTestModels();
        files.Calibrate(0.5, 1.5, "kcal/mol/angstrom");
        using EnsemblePotential ensemble = files.Load();
        using Workspace workspace = EngineTestSystems.System(ensemble, topology, FragmentScheme.Whole).CreateWorkspace(new());
        var uncertainty = new Uncertainty(new double[topology.Atoms.Count], new double[topology.Atoms.Count]);
        workspace.EvaluateWithUncertainty(positions, [], EnergyQuantity.Correction, [], [], ref uncertainty);
        for (int atom = 0; atom < topology.Atoms.Count; atom++)
        {
            double spread = uncertainty.ForceSpreads[atom];
            Assert.That(uncertainty.ExpectedForceErrors[atom], Is.EqualTo(Math.Sqrt(20.92 * 20.92 + 2.25 * spread * spread)).Within(1e-9 * spread));
        }
    }

    [Test]
    public void TheEnergysSpreadNeedsNoForces()
    {
        (Topology topology, double[] positions) = EngineTestSystems.Chain;
        using var files = new EnsembleTestModels();
        using EnsemblePotential ensemble = files.Load();
        using Workspace workspace = EngineTestSystems.System(ensemble, topology, FragmentScheme.Dipeptide).CreateWorkspace(new());
        var all = new Uncertainty(new double[topology.Atoms.Count], []);
        var energyOnly = new Uncertainty([], []);
        double energy = workspace.EvaluateWithUncertainty(positions, [], EnergyQuantity.Correction, new double[positions.Length], new double[9], ref all);
        Assert.That(workspace.EvaluateWithUncertainty(positions, [], EnergyQuantity.Correction, [], [], ref energyOnly), Is.EqualTo(energy));
        Assert.That(energyOnly.EnergySpread, Is.EqualTo(all.EnergySpread));
    }

    [Test]
    public void EvaluationsAllocateNothing()
    {
        (Topology topology, double[] positions) = EngineTestSystems.TwoChains;
        using var files = new EnsembleTestModels();
        files.Calibrate(0.5, 1.5, "kcal/mol/angstrom");
        using EnsemblePotential ensemble = files.Load();
        using Workspace workspace = EngineTestSystems.System(ensemble, topology, FragmentScheme.Window2).CreateWorkspace(new());
        double[] forces = new double[positions.Length], virial = new double[9];
        var uncertainty = new Uncertainty(new double[topology.Atoms.Count], new double[topology.Atoms.Count]);
        for (int warm = 0; warm < 3; warm++)
            workspace.EvaluateWithUncertainty(positions, [], EnergyQuantity.Correction, forces, virial, ref uncertainty);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int n = 0; n < 5; n++)
            workspace.EvaluateWithUncertainty(positions, [], EnergyQuantity.Correction, forces, virial, ref uncertainty);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    [Test]
    public void RequestsThatCannotBeMet()
    {
        (Topology topology, double[] positions) = EngineTestSystems.Chain;
        using var files = new EnsembleTestModels(members: 2);
        using EnsemblePotential ensemble = files.Load();
        using ViSNetPotential single = ViSNetPotential.Load(files.Member(0));
        int atoms = topology.Atoms.Count;
        void Refused(IPotential potential, int spreads, int errors, ErrorCode code, params string[] parts)
        {
            using Workspace workspace = EngineTestSystems.System(potential, topology, FragmentScheme.Whole).CreateWorkspace(new());
            var e = Assert.Throws<PluginBridgeException>(() =>
            {
                var uncertainty = new Uncertainty(new double[spreads], new double[errors]);
                workspace.EvaluateWithUncertainty(positions, [], EnergyQuantity.Correction, [], [], ref uncertainty);
            });
            Assert.That(e!.Code, Is.EqualTo(code));
            foreach (string part in parts)
                Assert.That(e.Message, Does.Contain(part));
        }

        Refused(single, atoms, 0, ErrorCode.Unsupported, "'random'", "no ensemble");
        Refused(single, 0, 0, ErrorCode.Unsupported, "no ensemble");
        Refused(ensemble, atoms, atoms, ErrorCode.Unsupported, "'committee'", "no calibration");
        Refused(ensemble, 3 * atoms, 0, ErrorCode.InvalidArgument, $"{atoms} numbers");
        Refused(ensemble, 0, 1, ErrorCode.InvalidArgument, $"{atoms} numbers");
    }

    [Test]
    public void FailuresNameMemberAndFragment()
    {
        (Topology topology, double[] positions) = EngineTestSystems.Chain;
        using var files = new EnsembleTestModels();
        using EnsemblePotential ensemble = files.Load();
        using Workspace workspace = EngineTestSystems.System(ensemble, topology, FragmentScheme.Whole).CreateWorkspace(new());
        Array.Copy(positions, 3 * 20, positions, 3 * 10, 3);
        var e = Assert.Throws<PluginBridgeException>(() => workspace.Evaluate(positions, [], EnergyQuantity.Correction, [], []));
        Assert.That(e!.Message, Does.Contain("Fragment whole").And.Contain("member-0.safetensors").And.Contain(topology.Describe(10)));
    }

    private static void Aim(ViSNetTestModel model, PotentialTarget target)
    {
        if (target == PotentialTarget.Absolute)
            (model.Header["target"], model.Header["base_force_field"]) = ("E_QM", null);
    }

    private static Result Evaluate(IPotential potential, Topology topology, double[] positions, FragmentScheme scheme, double[] box, EnergyQuantity quantity)
    {
        using Workspace workspace = EngineTestSystems.System(potential, topology, scheme).CreateWorkspace(_double);
        (double[] forces, double[] virial) = (new double[positions.Length], new double[9]);
        return new Result(workspace.Evaluate(positions, box, quantity, forces, virial), forces, virial);
    }
}
