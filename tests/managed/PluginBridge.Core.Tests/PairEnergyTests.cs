using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Engine;
using PluginBridge.Core.Fragmentation;
using PluginBridge.Core.Potentials;
using PluginBridge.Core.Potentials.Xtb;

namespace PluginBridge.Core.Tests;

/// <summary>Energies and forces while pairs come into contact and leave it.</summary>
public class PairEnergyTests
{
    private static readonly FragmentScheme[] _schemes = [FragmentScheme.Window2Pairs, FragmentScheme.Window3Pairs];
    private static readonly double[] _box = [4.0, 0, 0, 1.0, 4.2, 0, -1.0, 1.2, 4.4];

    /// <summary>The second chain of two at a distance along x, and radii that the closest heavy atoms lie between.</summary>
    private static (Topology Topology, double[] Positions, PairRadii Radii) TwoChains()
    {
        (Topology topology, double[] positions) = EngineTestSystems.TwoChains;
        double closest = Closest(topology, positions);
        return (topology, positions, new PairRadii(closest - 0.02, closest + 0.03));
    }

    private static double Closest(Topology topology, double[] r)
    {
        bool IsHeavy(int atom) => topology.Atoms[atom].AtomicNumber > 1;
        int[] first = [.. topology.Residues.Take(4).SelectMany(x => x.Atoms).Where(IsHeavy)], second = [.. topology.Residues.Skip(4).SelectMany(x => x.Atoms).Where(IsHeavy)];
        return first.SelectMany(p => second.Select(q => Math.Sqrt(Enumerable.Range(0, 3).Sum(i => Math.Pow(r[3 * p + i] - r[3 * q + i], 2))))).Min();
    }

    private static double[] Moved(Topology topology, double[] positions, double x, double y = 0, double z = 0)
    {
        var moved = (double[])positions.Clone();
        foreach (int atom in topology.Residues.Skip(4).SelectMany(r => r.Atoms))
        {
            moved[3 * atom] += x;
            moved[3 * atom + 1] += y;
            moved[3 * atom + 2] += z;
        }

        return moved;
    }

    [Test]
    public void ForcesInsideTheSwitchAreTheGradient([ValueSource(nameof(_schemes))] FragmentScheme scheme, [Values] PotentialTarget target)
    {
        (Topology topology, double[] positions, PairRadii radii) = TwoChains();
        FragmentedSystem system = EngineTestSystems.System(new EngineToyPotential { Target = target, ManyBody = true }, topology, scheme, radii);
        AssertPartial(system, positions);
        EngineDifferences.CheckForces(system, positions, [], EnergyQuantity.Correction);
        EngineDifferences.CheckForces(system, positions, [], EnergyQuantity.Total, atoms: 4);
        EngineDifferences.CheckVirial(system, positions, [], EnergyQuantity.Correction);
    }

    [Test]
    public void ForcesInsideTheSwitchAcrossTheBox([ValueSource(nameof(_schemes))] FragmentScheme scheme, [Values] PotentialTarget target)
    {
        (Topology topology, double[] positions, PairRadii radii) = TwoChains();
        // The same contact through a face of the box.
        double[] moved = Moved(topology, positions, _box[6] - 2 * _box[3], _box[7] - 2 * _box[4], _box[8]);
        FragmentedSystem system = EngineTestSystems.System(new EngineToyPotential { Target = target, ManyBody = true }, topology, scheme, radii);
        AssertPartial(system, positions);
        EngineDifferences.CheckForces(system, moved, _box, EnergyQuantity.Correction, atoms: 5);
        EngineDifferences.CheckVirial(system, moved, _box, EnergyQuantity.Correction);

        using Workspace workspace = system.CreateWorkspace(new());
        double[] expected = new double[positions.Length], forces = new double[positions.Length];
        foreach (EnergyQuantity quantity in Enum.GetValues<EnergyQuantity>())
        {
            double vacuum = workspace.Evaluate(positions, [], quantity, expected, []);
            Assert.That(workspace.Evaluate(moved, _box, quantity, forces, []), Is.EqualTo(vacuum).Within(1e-8 * Math.Abs(vacuum)));
            Assert.That(forces, Is.EqualTo(expected).Within(1e-8 * expected.Max(Math.Abs)));
        }
    }

    [Test]
    public void ASmallBoxIsRefused()
    {
        (Topology topology, double[] positions, _) = TwoChains();
        using Workspace workspace = EngineTestSystems.System(new EngineToyPotential(), topology, FragmentScheme.Window2Pairs, new PairRadii(1, 2.5)).CreateWorkspace(new());
        Assert.That(() => workspace.Evaluate(positions, _box, EnergyQuantity.Correction, [], []),
            Throws.TypeOf<PluginBridgeException>().With.Message.Contains("too small").And.Message.Contains("pairs of units"));
    }

    [Test]
    public void ContinuousWhereAPairLeaves([Values] PotentialTarget target)
    {
        (Topology topology, double[] positions, _) = TwoChains();
        double away = Closest(topology, Moved(topology, positions, 0.3)), outer = away;
        FragmentedSystem Make(FragmentScheme scheme) => EngineTestSystems.System(new EngineToyPotential { Target = target, ManyBody = true },
            topology, scheme, new PairRadii(outer - 0.1, outer));
        using Workspace pairs = Make(FragmentScheme.Window2Pairs).CreateWorkspace(new()), plain = Make(FragmentScheme.Window2).CreateWorkspace(new());
        double[] forces = new double[positions.Length], without = new double[positions.Length];
        (double Energy, double Force) Difference(double inside)
        {
            double[] r = Moved(topology, positions, 0.3 - inside);
            double energy = pairs.Evaluate(r, [], EnergyQuantity.Correction, forces, []) - plain.Evaluate(r, [], EnergyQuantity.Correction, without, []);
            return (energy, forces.Zip(without, (a, b) => Math.Abs(a - b)).Max());
        }

        Assert.That(Difference(-1e-3), Is.EqualTo((0.0, 0.0)));
        // One pair of atoms a distance h inside: E of order h³, F of order h².
        (double e1, double f1) = Difference(2e-3);
        (double e2, double f2) = Difference(1e-3);
        Assert.That(e1, Is.Not.Zero);
        Assert.That(e1 / e2, Is.EqualTo(8).Within(0.8));
        Assert.That(f1 / f2, Is.EqualTo(4).Within(0.5));
    }

    [Test]
    public void PairsThatComeAndGoLeaveNoTrace([ValueSource(nameof(_schemes))] FragmentScheme scheme)
    {
        (Topology topology, double[] positions, PairRadii radii) = TwoChains();
        FragmentedSystem system = EngineTestSystems.System(new EngineToyPotential { Target = PotentialTarget.Absolute, ManyBody = true }, topology, scheme, radii);
        using Workspace used = system.CreateWorkspace(new());
        var counts = new HashSet<int>();
        double[] forces = new double[positions.Length], expected = new double[positions.Length];
        foreach (double x in (double[])[0, 0.01, 0.02, 0.5, 3, 0.02, -0.05, 0, 0.2])
        {
            double[] r = Moved(topology, positions, x);
            using Workspace fresh = system.CreateWorkspace(new());
            double energy = fresh.Evaluate(r, [], EnergyQuantity.Correction, expected, []);
            Assert.That(used.Evaluate(r, [], EnergyQuantity.Correction, forces, []), Is.EqualTo(energy).Within(1e-9 * Math.Abs(energy)));
            Assert.That(forces, Is.EqualTo(expected).Within(1e-9 * expected.Max(Math.Abs)));
            counts.Add(used.PairCount);
        }

        Assert.That(counts, Does.Contain(0).And.Count.GreaterThan(1));
    }

    [Test]
    public void FailuresNameThePair()
    {
        Topology topology = FragmentTestPeptides.Build(["ACE LYS ALA NME", "ACE LYS ALA NME"]);
        double[] positions = FragmentTestPeptides.Positions(topology, 3);
        // Only a pair has two charges.
        FragmentedSystem system = EngineTestSystems.System(new EngineToyPotential { FailingCharge = 2 }, topology, FragmentScheme.Window3Pairs, new PairRadii(5, 6));
        using Workspace workspace = system.CreateWorkspace(new());
        var e = Assert.Throws<PluginBridgeException>(() => workspace.Evaluate(positions, [], EnergyQuantity.Correction, [], []));
        Assert.That(e!.Message, Does.StartWith("Fragment D A:2 + D B:2 (").And.Contain("ACE 1 (chain A) … ALA 3 (chain B)").And.Contain("does not converge"));
    }

    [Test]
    public void AllPairsAreListedButOnlyThoseInContactEvaluated()
    {
        (Topology topology, double[] positions) = EngineTestSystems.Chain;
        FragmentedSystem system = EngineTestSystems.System(new EngineToyPotential(), topology, FragmentScheme.Window2Pairs, new PairRadii(5, 6));
        Assert.That(system.AllFragments.Select(f => f.Label), Does.Contain("D 2 + D 7"));
        Assert.That(system.Fragments.Select(f => f.Label), Does.Not.Contain("D 2 + D 7"));
        using Workspace workspace = system.CreateWorkspace(new());
        workspace.Evaluate(positions, [], EnergyQuantity.Correction, [], []);
        Assert.That(workspace.PairCount, Is.EqualTo(10), "six units, all that no window of two holds");
        workspace.Evaluate([.. positions.Select(x => 8 * x)], [], EnergyQuantity.Correction, [], [], continued: true);
        Assert.That(workspace.PairCount, Is.LessThan(10));
    }

    [Test]
    [Category("Slow")]
    public void Gfn2ForcesInsideTheSwitchAreTheGradient([ValueSource(nameof(_schemes))] FragmentScheme scheme)
    {
        if (!Gfn2XtbPotential.IsAvailable)
            Assert.Ignore("libxtb is not installed.");
        using var gfn2 = new Gfn2XtbPotential();
        (Topology topology, double[] positions, PairRadii radii) = TwoChains();
        FragmentedSystem system = EngineTestSystems.System(gfn2, topology, scheme, radii);
        AssertPartial(system, positions);
        EngineDifferences.CheckForces(system, positions, [], EnergyQuantity.Correction, relativeTolerance: 1e-4, step: 2e-4, atoms: 2);
    }

    private static void AssertPartial(FragmentedSystem system, double[] positions)
    {
        using Workspace workspace = system.CreateWorkspace(new());
        workspace.Evaluate(positions, [], EnergyQuantity.Correction, [], []);
        Assert.That(workspace.PairWeights, Has.Some.InRange(0.05, 0.95), "a pair has to be on its way out");
    }
}
