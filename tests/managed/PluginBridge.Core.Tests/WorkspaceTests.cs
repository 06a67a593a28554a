using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Engine;
using PluginBridge.Core.Fragmentation;
using PluginBridge.Core.Potentials;

namespace PluginBridge.Core.Tests;

public class WorkspaceTests
{
    [Test]
    public void EvaluationsAllocateNothing([Values] FragmentScheme scheme, [Values] PotentialTarget target, [Values] bool periodic)
    {
        (Topology topology, double[] positions) = EngineTestSystems.TwoChains;
        double[] box = periodic ? [6, 0, 0, 0, 6, 0, 0, 0, 6] : [];
        using Workspace workspace = EngineTestSystems.System(new EngineToyPotential { Target = target }, topology, scheme).CreateWorkspace(new());
        double[] forces = new double[positions.Length], virial = new double[9];
        foreach (EnergyQuantity quantity in Enum.GetValues<EnergyQuantity>())
        {
            for (int warm = 0; warm < 3; warm++)
                workspace.Evaluate(positions, box, quantity, forces, virial);
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int n = 0; n < 10; n++)
                workspace.Evaluate(positions, box, quantity, forces, virial);
            Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero, quantity.ToString());
        }
    }

    [Test]
    public void SystemsAreSharedByThreads()
    {
        (Topology topology, double[] positions) = EngineTestSystems.Bridged;
        FragmentedSystem system = EngineTestSystems.System(new EngineToyPotential { Target = PotentialTarget.Absolute, ManyBody = true }, topology, FragmentScheme.Window2);
        using Workspace single = system.CreateWorkspace(new());
        double[][] frames = [.. Enumerable.Range(0, 8).Select(n => positions.Select(x => x * (1 + 1e-3 * n)).ToArray())];
        double[] expected = [.. frames.Select(f => single.Evaluate(f, [], EnergyQuantity.Correction, [], []))];
        var energies = new double[frames.Length];
        Parallel.For(0, frames.Length, n =>
        {
            using Workspace own = system.CreateWorkspace(new());
            var forces = new double[positions.Length];
            for (int repeat = 0; repeat < 5; repeat++)
                energies[n] = own.Evaluate(frames[n], [], EnergyQuantity.Correction, forces, []);
        });
        Assert.That(energies, Is.EqualTo(expected));
    }

    [Test]
    public void ArgumentsAreChecked()
    {
        (Topology topology, double[] positions) = EngineTestSystems.Chain;
        FragmentedSystem system = EngineTestSystems.System(new EngineToyPotential(), topology, FragmentScheme.Dipeptide);
        using Workspace workspace = system.CreateWorkspace(new());
        void Refused(double[] r, int forces, int virial, string reason, EnergyQuantity quantity = EnergyQuantity.Correction)
        {
            var e = Assert.Throws<PluginBridgeException>(() => workspace.Evaluate(r, [], quantity, new double[forces], new double[virial]));
            Assert.That(e!.Message, Does.Contain(reason));
            Assert.That(e.Code, Is.EqualTo(ErrorCode.InvalidArgument));
        }

        Refused(positions[3..], 0, 0, $"{positions.Length} coordinates");
        Refused(positions, 3, 0, "Forces need room");
        Refused(positions, 0, 6, "9 numbers");
        Refused(positions, 0, 0, "quantity 5", (EnergyQuantity)5);
        foreach (int threads in (int[])[0, -1])
            Assert.That(() => system.CreateWorkspace(new() { Threads = threads }), Throws.TypeOf<PluginBridgeException>()
                .With.Message.EqualTo($"The number of threads is {threads}; give 1 or more."));

        int atom = topology.Atoms.First(a => a.Name == "OG").Index;
        var broken = (double[])positions.Clone();
        broken[3 * atom + 1] = double.NaN;
        Refused(broken, 0, 0, "y coordinate of atom OG of SER 3 (chain A) is not a number");
        broken[3 * atom + 1] = double.PositiveInfinity;
        Refused(broken, 0, 0, "infinite");
        Array.Copy(positions, 3 * topology.Residues[1].Atoms[0], broken, 3 * topology.Residues[1].Atoms[1], 3);
        broken[3 * atom + 1] = positions[3 * atom + 1];
        // N on CA: the cap along that bond has no direction.
        int n = topology.Residues[2].Atoms.First(a => topology.Atoms[a].Name == "N"), ca = topology.Residues[2].Atoms.First(a => topology.Atoms[a].Name == "CA");
        Array.Copy(positions, broken, positions.Length);
        Array.Copy(positions, 3 * n, broken, 3 * ca, 3);
        Refused(broken, 0, 0, "lie on top of each other");
    }

    [Test]
    public void FailuresNameTheFragment()
    {
        (Topology topology, double[] positions) = EngineTestSystems.Bridged;
        FragmentedSystem system = EngineTestSystems.System(new EngineToyPotential { FailingCharge = -1 }, topology, FragmentScheme.Dipeptide);
        using Workspace workspace = system.CreateWorkspace(new());
        var e = Assert.Throws<PluginBridgeException>(() => workspace.Evaluate(positions, [], EnergyQuantity.Correction, [], []));
        Assert.That(e!.Code, Is.EqualTo(ErrorCode.Calculation));
        Assert.That(e.Message, Does.StartWith("Fragment D 7 (").And.Contain("ASP 7 (chain A)").And.Contain("does not converge"));
    }

    [Test]
    public void AGradientThatIsNotANumberIsAnError()
    {
        (Topology topology, double[] positions) = EngineTestSystems.Bridged;
        FragmentedSystem system = EngineTestSystems.System(new EngineToyPotential { SteepCharge = -1 }, topology, FragmentScheme.Dipeptide);
        using Workspace workspace = system.CreateWorkspace(new());
        Assert.That(() => workspace.Evaluate(positions, [], EnergyQuantity.Correction, new double[positions.Length], []),
            Throws.TypeOf<PluginBridgeException>().With.Message.StartWith("Fragment D 7 (").And.Message.Contains("gradient is not finite"));
        Assert.That(workspace.Evaluate(positions, [], EnergyQuantity.Correction, [], []), Is.Not.NaN);
    }

    [Test]
    public void EnergyAloneIsTheSame()
    {
        (Topology topology, double[] positions) = EngineTestSystems.Bridged;
        using Workspace workspace = EngineTestSystems.System(new EngineToyPotential { Target = PotentialTarget.Absolute }, topology, FragmentScheme.Window3).CreateWorkspace(new());
        double with = workspace.Evaluate(positions, [], EnergyQuantity.Correction, new double[positions.Length], new double[9]);
        Assert.That(workspace.Evaluate(positions, [], EnergyQuantity.Correction, [], []), Is.EqualTo(with));
    }
}
