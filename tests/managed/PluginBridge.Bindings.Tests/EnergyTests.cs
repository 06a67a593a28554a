using PluginBridge.Core.Potentials;
using PluginBridge.Core.Tests;
using CoreQuantity = PluginBridge.Core.Engine.EnergyQuantity;
using CoreSpecification = PluginBridge.Core.Engine.SystemSpecification;
using CoreSystem = PluginBridge.Core.Engine.FragmentedSystem;
using CoreWorkspace = PluginBridge.Core.Engine.Workspace;

namespace PluginBridge.Bindings.Tests;

/// <summary>What comes through the C ABI is what the core computes.</summary>
public sealed class EnergyTests
{
    private static string FixtureModel =>
        Path.Combine(BuiltLibrary.Root, "tests", "fixtures", "visnet", "small.safetensors");

    [SetUp]
    public void RequireLibrary() => BuiltLibrary.Require();

    [TestCase("ff14sb", 1e-8)]
    [TestCase("gfn2-xtb", 1e-6)]
    [TestCase("small.safetensors", 1e-6)]
    public void Energies_forces_and_virials_are_the_cores(string name, double tolerance)
    {
        if (name == "gfn2-xtb")
            XtbTestMolecules.RequireXtb();
        if (name.EndsWith(".safetensors", StringComparison.Ordinal))
            name = FixtureModel;
        double[] positions = Dipeptide.Positions;
        using Model model = Model.Load(name);
        using FragmentedSystem system = FragmentedSystem.Create(model, Dipeptide.Specification);
        using Workspace workspace = system.CreateWorkspace(doublePrecision: true);
        using IPotential potential = PotentialCatalog.Load(name);
        CoreSystem core = CoreSystem.Create(potential, new CoreSpecification { Topology = Dipeptide.Topology });
        using CoreWorkspace coreWorkspace = core.CreateWorkspace(new EvaluationOptions { DoublePrecision = true });
        foreach (EnergyQuantity quantity in Enum.GetValues<EnergyQuantity>())
        {
            double[] forces = new double[positions.Length], coreForces = new double[positions.Length];
            double[] virial = new double[9], coreVirial = new double[9];
            double energy = workspace.Evaluate(positions, forces, virial, quantity: quantity);
            double coreEnergy = coreWorkspace.Evaluate(positions, [], (CoreQuantity)quantity, coreForces, coreVirial);
            Assert.That(energy, Is.EqualTo(coreEnergy).Within(tolerance), $"{quantity}");
            Assert.That(forces, Is.EqualTo(coreForces).Within(10 * tolerance), $"{quantity}");
            Assert.That(virial, Is.EqualTo(coreVirial).Within(10 * tolerance), $"{quantity}");
            if (quantity == EnergyQuantity.Total || name != "ff14sb")
                Assert.That(forces.Max(Math.Abs), Is.GreaterThan(1.0), "the forces are not trivial");
        }
    }

    /// <summary>An absolute potential and a host without terms: E_QM itself, for a molecule without residues.</summary>
    [Test]
    public void A_ligand_with_an_empty_host_force_field_has_its_quantum_chemical_energy()
    {
        XtbTestMolecules.RequireXtb();
        (Molecule acetate, double[] positions) = XtbTestMolecules.Acetate();
        using Model model = Model.Load("gfn2-xtb");
        using FragmentedSystem system = FragmentedSystem.Create(model, new SystemSpecification
        {
            AtomicNumbers = acetate.AtomicNumbers,
            Bonds = [(0, 1), (1, 2), (1, 3), (0, 4), (0, 5), (0, 6)],
            TotalCharge = -1,
            HostTerms = new HostTerms(),
        });
        using Workspace workspace = system.CreateWorkspace();
        double[] forces = new double[positions.Length];
        double energy = workspace.Evaluate(positions, forces);
        var expected = XtbTestMolecules.Evaluate(acetate, positions);
        Assert.That(energy, Is.EqualTo(expected.Energy).Within(1e-6));
        Assert.That(forces, Is.EqualTo(expected.Gradient.Select(g => -g)).Within(1e-5));
    }

    /// <summary>A host with one bond: the correction lacks exactly its energy, so the arrays arrive where they should.
    /// </summary>
    [Test]
    public void Host_terms_arrive()
    {
        XtbTestMolecules.RequireXtb();
        (Molecule acetate, double[] positions) = XtbTestMolecules.Acetate();
        const double r0 = 0.14, k = 2e5;
        using Model model = Model.Load("gfn2-xtb");
        using FragmentedSystem system = FragmentedSystem.Create(model, new SystemSpecification
        {
            AtomicNumbers = acetate.AtomicNumbers,
            Bonds = [(0, 1), (1, 2), (1, 3), (0, 4), (0, 5), (0, 6)],
            TotalCharge = -1,
            HostTerms = new HostTerms { BondAtoms = [0, 1], BondParameters = [r0, k] },
        });
        using Workspace workspace = system.CreateWorkspace();
        double r = Math.Sqrt(Enumerable.Range(0, 3).Sum(i => Math.Pow(positions[3 + i] - positions[i], 2)));
        double expected = XtbTestMolecules.Evaluate(acetate, positions).Energy - k / 2 * (r - r0) * (r - r0);
        Assert.That(workspace.Evaluate(positions), Is.EqualTo(expected).Within(1e-6));
    }

    [Test]
    public void A_model_from_memory_is_that_of_the_file()
    {
        using Model file = Model.Load(FixtureModel), memory = Model.LoadFromMemory(File.ReadAllBytes(FixtureModel));
        Assert.That(memory.Info, Is.EqualTo(file.Info));
        Assert.That(file.Info.Hash, Has.Length.EqualTo(64));
        using IPotential core = PotentialCatalog.Load(FixtureModel);
        Assert.That((file.Info.Name, file.Info.Hash, file.Info.BaseForceField, file.Info.ReferenceMethod, file.Info.Cutoff),
            Is.EqualTo((core.Info.Name, core.Info.Hash, core.Info.BaseForceField, core.Info.ReferenceMethod, core.Info.Cutoff)));
        Assert.That((file.SupportsElement(6), file.SupportsElement(92)), Is.EqualTo((true, false)));
    }

    [Test]
    public void Fragments_are_described()
    {
        using Model model = Model.Load("ff14sb");
        using FragmentedSystem system = FragmentedSystem.Create(model, Dipeptide.Specification);
        Assert.That((system.AtomCount, system.FragmentCount), Is.EqualTo((19, 1)));
        Fragment fragment = system.GetFragment(0);
        Assert.That((fragment.Label, fragment.Coefficient, fragment.Charge), Is.EqualTo(("whole", 1.0, 0)));
        Assert.That(fragment.Atoms, Is.EqualTo(Enumerable.Range(0, 19)));
        Assert.That((fragment.Caps.Count, fragment.Residues), Is.EqualTo((0, new[] { 0, 1, 2 })));
    }

    [Test]
    public void The_library_describes_itself()
    {
        Assert.That(PluginBridgeLibrary.Version, Does.Match(@"^\d+\.\d+\.\d+"));
        Assert.That(PluginBridgeLibrary.InstructionSet, Does.Match("^x86-64-v[234]$"));
        Assert.That((PluginBridgeLibrary.HasFeature("virial"), PluginBridgeLibrary.HasFeature("nonsense")),
            Is.EqualTo((true, false)));
        Assert.That(Model.List(), Does.Contain("ff14sb"));
        Assert.DoesNotThrow(() => PluginBridgeLibrary.SetLogger((_, _) => { }));
        Assert.DoesNotThrow(() => PluginBridgeLibrary.SetLogger(null));
    }
}
