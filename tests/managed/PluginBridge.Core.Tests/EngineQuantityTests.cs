using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Engine;
using PluginBridge.Core.Fragmentation;
using PluginBridge.Core.Potentials;

namespace PluginBridge.Core.Tests;

/// <summary>Energies against their definition, fragment by fragment.</summary>
public class EngineQuantityTests
{
    [Test]
    public void CorrectionIsTheSignedSumOfItsDefinition([Values] FragmentScheme scheme, [Values] PotentialTarget target)
    {
        var toy = new EngineToyPotential { Target = target, ManyBody = true };
        (Topology topology, double[] positions) = EngineTestSystems.TwoBridgedChains;
        // All pairs of units in contact.
        FragmentedSystem system = EngineTestSystems.System(toy, topology, scheme, new PairRadii(50, 51));
        MolecularMechanicsTerms terms = AmberFf14sb.CreateTerms(topology, TemplateAssignment.Assign(topology));

        // Σ c_f Δ(f), each Δ by itself.
        double expected = 0;
        foreach (Fragment f in system.AllFragments)
        {
            MolecularMechanicsTerms own = terms.Subset([.. f.Atoms]);
            double mm = target switch
            {
                PotentialTarget.Absolute => new VacuumForceField(own).Evaluate(Gather(f, positions, caps: false), []),
                PotentialTarget.CorrectionToNonbonded => new VacuumForceField(own.BondedOnly()).Evaluate(Gather(f, positions, caps: false), []),
                _ => 0,
            };
            expected += f.Coefficient * (Energy(toy, topology, f, positions) - mm);
        }

        using Workspace workspace = system.CreateWorkspace(new());
        double correction = workspace.Evaluate(positions, [], EnergyQuantity.Correction, [], []);
        Assert.That(correction, Is.EqualTo(expected).Within(1e-10 * Math.Abs(expected) + 1e-7));

        // Total − correction = the force field of the region.
        double forceField = new VacuumForceField(terms).Evaluate(positions, []);
        double total = workspace.Evaluate(positions, [], EnergyQuantity.Total, [], []);
        Assert.That(total - correction, Is.EqualTo(forceField).Within(1e-9 * Math.Abs(forceField) + 1e-7));
    }

    [Test]
    public void WholeAbsoluteTotalIsThePotential()
    {
        var toy = new EngineToyPotential { Target = PotentialTarget.Absolute, ManyBody = true };
        (Topology topology, double[] positions) = EngineTestSystems.Chain;
        foreach (int[] residues in new[] { [], new[] { 3 } })
        {
            FragmentedSystem system = EngineTestSystems.System(toy, topology, FragmentScheme.Whole, residues);
            using Workspace workspace = system.CreateWorkspace(new());
            Assert.That(workspace.Evaluate(positions, [], EnergyQuantity.Total, [], []),
                Is.EqualTo(Energy(toy, topology, system.Fragments[0], positions)).Within(1e-9));
        }
    }

    [Test]
    public void PotentialOfBondsIsExactInEveryScheme([Values] FragmentScheme scheme)
    {
        // Its range is a bond: all its pairs lie in fragments, and a cap sees its anchor only, so that caps cancel.
        (Topology topology, double[] positions) = EngineTestSystems.Chain;
        var toy = new EngineToyPotential { Cutoff = 0.14 };
        FragmentedSystem system = EngineTestSystems.System(toy, topology, scheme);
        using Workspace workspace = system.CreateWorkspace(new());
        double whole = Energy(toy, topology, EngineTestSystems.System(toy, topology, FragmentScheme.Whole).Fragments[0], positions);
        Assert.That(workspace.Evaluate(positions, [], EnergyQuantity.Correction, [], []), Is.EqualTo(whole).Within(1e-9));
    }

    [Test]
    public void ForceFieldOnlyTotalIsFf14sbInVacuo()
    {
        (Topology topology, double[] positions) = EngineTestSystems.Bridged;
        using var potential = new ForceFieldOnlyPotential();
        var reference = new VacuumForceField(AmberFf14sb.CreateTerms(topology, TemplateAssignment.Assign(topology)));
        var expected = new double[positions.Length];
        double energy = reference.Evaluate(positions, expected);
        using Workspace workspace = EngineTestSystems.System(potential, topology, FragmentScheme.Whole).CreateWorkspace(new());
        var forces = new double[positions.Length];
        Assert.That(workspace.Evaluate(positions, [], EnergyQuantity.Total, forces, []), Is.EqualTo(energy).Within(1e-9 * Math.Abs(energy)));
        Assert.That(forces, Is.EqualTo(expected).Within(1e-9 * expected.Max(Math.Abs)));
        Assert.That(workspace.Evaluate(positions, [], EnergyQuantity.Correction, forces, []), Is.Zero);
        Assert.That(forces, Is.All.Zero);
    }

    [Test]
    public void HostTermsAreTheBaseOfAbsolutePotentials()
    {
        (Topology topology, double[] positions) = EngineTestSystems.Chain;
        // A host of another force field: only some springs.
        MolecularMechanicsTerms host = new()
        {
            AtomCount = topology.Atoms.Count,
            Bonds = [.. topology.Bonds.Select(b => new HarmonicBond(b.A, b.B, 0.12, 1000))],
        };
        var toy = new EngineToyPotential { Target = PotentialTarget.Absolute };
        var specification = new SystemSpecification { Topology = topology, HostTerms = host, Scheme = FragmentScheme.Dipeptide };
        FragmentedSystem system = FragmentedSystem.Create(toy, specification);
        using Workspace workspace = system.CreateWorkspace(new());
        double springs = new VacuumForceField(host).Evaluate(positions, []);
        double expected = system.Fragments.Sum(f => f.Coefficient * Energy(toy, topology, f, positions)) - springs;
        Assert.That(workspace.Evaluate(positions, [], EnergyQuantity.Correction, [], []), Is.EqualTo(expected).Within(1e-8));

        var correction = new EngineToyPotential();
        var e = Assert.Throws<PluginBridgeException>(() => FragmentedSystem.Create(correction, specification));
        Assert.That(e!.Code, Is.EqualTo(ErrorCode.ForceField));
    }

    /// <summary>The toy's energy of one fragment, gathered here.</summary>
    internal static double Energy(IPotential potential, Topology topology, Fragment fragment, double[] positions)
    {
        var molecule = new Molecule([.. fragment.Atoms.Select(a => topology.Atoms[a].AtomicNumber), .. fragment.Caps.Select(_ => 1)], fragment.Charge);
        using IMoleculeEvaluator evaluator = potential.CreateEvaluator([molecule], new() { DoublePrecision = true });
        var energies = new double[1];
        evaluator.Evaluate(Gather(fragment, positions, caps: true), [], energies, [], []);
        return energies[0];
    }

    private static double[] Gather(Fragment fragment, double[] positions, bool caps)
    {
        var gathered = fragment.Atoms.SelectMany(a => positions[(3 * a)..(3 * a + 3)]).ToList();
        foreach (CapHydrogen cap in caps ? fragment.Caps : [])
        {
            double[] d = [.. Enumerable.Range(0, 3).Select(i => positions[3 * cap.Replaced + i] - positions[3 * cap.Anchor + i])];
            double length = Math.Sqrt(d.Sum(x => x * x));
            gathered.AddRange(Enumerable.Range(0, 3).Select(i => positions[3 * cap.Anchor + i] + cap.BondLength * d[i] / length));
        }

        return [.. gathered];
    }
}
