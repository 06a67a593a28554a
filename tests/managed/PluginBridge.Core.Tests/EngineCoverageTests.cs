using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Engine;
using PluginBridge.Core.Fragmentation;
using PluginBridge.Core.Potentials;

namespace PluginBridge.Core.Tests;

public class EngineCoverageTests
{
    private static PluginBridgeException Refused(IPotential potential, SystemSpecification specification) =>
        Assert.Throws<PluginBridgeException>(() => FragmentedSystem.Create(potential, specification))!;

    private static Topology Water(int oxygen = 8) =>
        new([new(0, "", oxygen, -1), new(1, "", 1, -1), new(2, "", 1, -1)], [], [new(0, 1), new(0, 2)]);

    private static readonly double[] _water = [0, 0, 0, 0.096, 0, 0, -0.024, 0.093, 0];

    [Test]
    public void ElementsByName()
    {
        PluginBridgeException e = Refused(new EngineToyPotential(), new() { Topology = Water(9), TotalCharge = 0 });
        Assert.That(e.Code, Is.EqualTo(ErrorCode.Unsupported));
        Assert.That(e.Message, Does.Contain("element F of atom F (index 0)"));
    }

    [Test]
    public void ResiduesByName()
    {
        Topology good = FragmentTestPeptides.Build(["ACE ALA SER NME"]);
        // Without the last hydrogen of the first alanine.
        int missing = good.Residues[1].Atoms.First(a => good.Atoms[a].Name == "HB3");
        int[] map = [.. good.Atoms.Select(a => a.Index < missing ? a.Index : a.Index - 1)];
        var broken = new Topology(
            [.. good.Atoms.Where(a => a.Index != missing).Select(a => a with { Index = map[a.Index] })],
            [.. good.Residues.Select(r => r with { Atoms = [.. r.Atoms.Where(a => a != missing).Select(a => map[a])] })],
            good.Bonds.Where(b => b.A != missing && b.B != missing).Select(b => new Bond(map[b.A], map[b.B])));
        PluginBridgeException e = Refused(new EngineToyPotential(), new() { Topology = broken });
        Assert.That(e.Code, Is.EqualTo(ErrorCode.Topology));
        Assert.That(e.Message, Does.Contain("ALA 2 (chain A)").And.Contain("HB"));
        // An absolute potential in one piece takes any molecule of known charge.
        FragmentedSystem system = FragmentedSystem.Create(new EngineToyPotential { Target = PotentialTarget.Absolute }, new() { Topology = broken, TotalCharge = 0 });
        Assert.That(system.Fragments, Has.Count.EqualTo(1));
    }

    [Test]
    public void LigandsWithoutForceFieldHaveATotalOnly()
    {
        var toy = new EngineToyPotential { Target = PotentialTarget.Absolute };
        using Workspace workspace = FragmentedSystem.Create(toy, new() { Topology = Water(), TotalCharge = 0 }).CreateWorkspace(new());
        Assert.That(workspace.Evaluate(_water, [], EnergyQuantity.Total, [], []), Is.Not.Zero);
        var e = Assert.Throws<PluginBridgeException>(() => workspace.Evaluate(_water, [], EnergyQuantity.Correction, [], []));
        Assert.That(e!.Message, Does.Contain("host's terms").And.Contain("needs residues").And.Contain("total energy"));
        Assert.That(e.Code, Is.EqualTo(ErrorCode.Unsupported));
    }

    [Test]
    public void LigandsOnHostTerms()
    {
        MolecularMechanicsTerms host = new() { AtomCount = 3, Bonds = [new(0, 1, 0.1, 1000), new(0, 2, 0.1, 1000)] };
        var toy = new EngineToyPotential { Target = PotentialTarget.Absolute };
        using Workspace workspace = FragmentedSystem.Create(toy, new() { Topology = Water(), TotalCharge = 0, HostTerms = host }).CreateWorkspace(new());
        double springs = new VacuumForceField(host).Evaluate(_water, []);
        Assert.That(workspace.Evaluate(_water, [], EnergyQuantity.Total, [], []) - workspace.Evaluate(_water, [], EnergyQuantity.Correction, [], []),
            Is.EqualTo(springs).Within(1e-9));
        Assert.That(Refused(toy, new() { Topology = Water(), TotalCharge = 0, HostTerms = host with { AtomCount = 4 } }).Message, Does.Contain("4 atoms"));
        Assert.That(Refused(new EngineToyPotential(), new() { Topology = Water(), TotalCharge = 0, HostTerms = host }).Message, Does.Contain("residues"));
    }

    /// <summary>Whoever gives no residues but the total charge vouches for the host's force field; without the charge it
    /// is refused.</summary>
    [Test]
    public void CorrectionOfAMoleculeWithoutResidues()
    {
        Assert.That(Refused(new EngineToyPotential(), new() { Topology = Water() }).Message, Does.Contain("total charge"));
        using Workspace workspace = FragmentedSystem.Create(new EngineToyPotential(), new() { Topology = Water(), TotalCharge = 0 }).CreateWorkspace(new());
        Assert.That(workspace.Evaluate(_water, [], EnergyQuantity.Correction, [], []), Is.Not.Zero);
        Assert.That(() => workspace.Evaluate(_water, [], EnergyQuantity.Total, [], []), Throws.TypeOf<PluginBridgeException>().With.Message.Contains("needs residues"));
    }

    [Test]
    public void HostOnFf14sbPassesAndAChangedChargeIsNamed([Values] bool border)
    {
        (Topology topology, _) = EngineTestSystems.Chain;
        MolecularMechanicsTerms host = AmberFf14sb.CreateTerms(topology, TemplateAssignment.Assign(topology));
        var specification = new SystemSpecification
        {
            Topology = topology,
            HostTerms = host,
            Region = EngineTestSystems.Region(topology, border ? [2, 3] : []),
        };
        Assert.That(FragmentedSystem.Create(new EngineToyPotential(), specification).Fragments, Has.Count.EqualTo(1));

        int oxygen = topology.Atoms.First(a => a.Name == "OG").Index;
        NonbondedParameters[] changed = [.. host.Nonbonded];
        changed[oxygen] = changed[oxygen] with { Charge = changed[oxygen].Charge + 0.01 };
        PluginBridgeException e = Refused(new EngineToyPotential(), specification with { HostTerms = host with { Nonbonded = changed } });
        Assert.That(e.Code, Is.EqualTo(ErrorCode.ForceField));
        Assert.That(e.Message, Does.Contain("atom OG of SER 3 (chain A)"));
    }

    [Test]
    public void RestraintsAmongHostBondsAreNamed()
    {
        (Topology topology, _) = EngineTestSystems.Chain;
        MolecularMechanicsTerms host = AmberFf14sb.CreateTerms(topology, TemplateAssignment.Assign(topology));
        int oxygen = topology.Atoms.First(a => a.Name == "OG").Index, carbon = topology.Atoms.First(a => a.Name == "CB").Index;
        int hydrogen = topology.Neighbors(oxygen).ToArray().First(a => topology.Atoms[a].AtomicNumber == 1);
        int across = topology.Neighbors(oxygen).ToArray().First(a => a != hydrogen);
        var toy = new EngineToyPotential { Target = PotentialTarget.Absolute };
        SystemSpecification With(int a, int b, double k) => new() { Topology = topology, HostTerms = host with { Bonds = [.. host.Bonds, new(a, b, 0.3, k)] } };

        Assert.That(Refused(toy, With(oxygen, carbon, 1000)).Message, Does.Contain("atom OG of SER 3 (chain A)").And.Contain("atom CB"));
        Assert.That(() => FragmentedSystem.Create(toy, With(oxygen, carbon, 0)), Throws.Nothing);
        // Urey-Bradley terms belong to force fields.
        Assert.That(() => FragmentedSystem.Create(toy, With(hydrogen, across, 1000)), Throws.Nothing);
    }

    [Test]
    public void ChargesAndSpins()
    {
        (Topology topology, _) = EngineTestSystems.Bridged;
        Assert.That(Refused(new EngineToyPotential(), new() { Topology = topology, TotalCharge = 1 }).Message, Does.Contain("+1 e"));
        Assert.That(Refused(new EngineToyPotential(), new() { Topology = topology, UnpairedElectrons = 1, Scheme = FragmentScheme.Dipeptide }).Message, Does.Contain("unpaired"));
        Assert.That(Refused(new EngineToyPotential(), new() { Topology = Water() }).Message, Does.Contain("total charge"));
    }
}
