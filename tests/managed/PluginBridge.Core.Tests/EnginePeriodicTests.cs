using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Engine;
using PluginBridge.Core.Fragmentation;
using PluginBridge.Core.Potentials;

namespace PluginBridge.Core.Tests;

public class EnginePeriodicTests
{
    private static readonly double[] _cube = [6.0, 0, 0, 0, 5.5, 0, 0, 0, 5.0];
    private static readonly double[] _triclinic = [6.0, 0, 0, 1.5, 5.5, 0, -2.0, 2.2, 5.0];

    /// <summary>Every atom in an image of its own, at random.</summary>
    private static double[] Scattered(double[] positions, double[] box, int seed)
    {
        var random = new Random(seed);
        var scattered = (double[])positions.Clone();
        for (int i = 0; i < positions.Length; i += 3)
            for (int v = 0; v < 3; v++)
            {
                int n = random.Next(-2, 3);
                for (int a = 0; a < 3; a++)
                    scattered[i + a] += n * box[3 * v + a];
            }

        return scattered;
    }

    [Test]
    public void ImagesOfAtomsDoNotMatter([Values] FragmentScheme scheme, [Values] PotentialTarget target, [Values] bool supportsBox, [Values] bool triclinic)
    {
        double[] box = triclinic ? _triclinic : _cube;
        var toy = new EngineToyPotential { Target = target, ManyBody = true, SupportsBox = supportsBox, Cutoff = 0.8 };
        foreach ((Topology topology, double[] positions) in new[] { EngineTestSystems.Bridged, EngineTestSystems.TwoChains })
        {
            FragmentedSystem system = EngineTestSystems.System(toy, topology, scheme);
            using Workspace workspace = system.CreateWorkspace(new());
            foreach (EnergyQuantity quantity in Enum.GetValues<EnergyQuantity>())
            {
                double[] forces = new double[positions.Length], expected = new double[positions.Length], virial = new double[9], expectedVirial = new double[9];
                double energy = workspace.Evaluate(positions, box, quantity, expected, expectedVirial);
                double scattered = workspace.Evaluate(Scattered(positions, box, 1), box, quantity, forces, virial);
                Assert.That(scattered, Is.EqualTo(energy).Within(1e-8 * Math.Max(1, Math.Abs(energy))));
                Assert.That(forces, Is.EqualTo(expected).Within(1e-8 * Math.Max(1, expected.Max(Math.Abs))));
                Assert.That(virial, Is.EqualTo(expectedVirial).Within(1e-8 * Math.Max(1, expectedVirial.Max(Math.Abs))));
            }
        }
    }

    [Test]
    public void ChainsInDifferentImagesAreJoined([Values] bool supportsBox, [Values] PotentialTarget target)
    {
        (Topology topology, double[] positions) = EngineTestSystems.TwoChains;
        var toy = new EngineToyPotential { Target = target, ManyBody = true, SupportsBox = supportsBox, Cutoff = 0.8 };
        FragmentedSystem system = EngineTestSystems.System(toy, topology, FragmentScheme.Whole);
        using Workspace workspace = system.CreateWorkspace(new());
        double[] expected = new double[positions.Length], forces = new double[positions.Length];
        double vacuum = workspace.Evaluate(positions, [], EnergyQuantity.Total, expected, []);
        // The second chain two boxes away along each vector.
        var shifted = (double[])positions.Clone();
        foreach (int atom in topology.Atoms.Where(a => topology.Residues[a.ResidueIndex].Chain == "B").Select(a => a.Index))
            for (int a = 0; a < 3; a++)
                shifted[3 * atom + a] += 2 * _triclinic[a] - 2 * _triclinic[3 + a] + 2 * _triclinic[6 + a];
        double periodic = workspace.Evaluate(shifted, _triclinic, EnergyQuantity.Total, forces, []);
        Assert.That(periodic, Is.EqualTo(vacuum).Within(1e-8 * Math.Abs(vacuum)));
        Assert.That(forces, Is.EqualTo(expected).Within(1e-8 * expected.Max(Math.Abs)));
    }

    [Test]
    public void NetworkSeesItsOwnImage()
    {
        (Topology topology, double[] positions) = EngineTestSystems.Chain;
        double[] xs = [.. positions.Where((_, i) => i % 3 == 0)];
        double[] small = [xs.Max() - xs.Min() + 0.3, 0, 0, 0, 1.7, 0, 0, 0, 1.7];
        var toy = new EngineToyPotential { SupportsBox = true, Cutoff = 0.8 };
        using Workspace workspace = EngineTestSystems.System(toy, topology, FragmentScheme.Whole).CreateWorkspace(new());
        double periodic = workspace.Evaluate(positions, small, EnergyQuantity.Correction, [], []);
        Assert.That(periodic, Is.Not.EqualTo(workspace.Evaluate(positions, [], EnergyQuantity.Correction, [], [])).Within(1e-6));
        EngineDifferences.CheckForces(EngineTestSystems.System(toy, topology, FragmentScheme.Whole), Scattered(positions, small, 2), small, EnergyQuantity.Correction);
        EngineDifferences.CheckVirial(EngineTestSystems.System(toy, topology, FragmentScheme.Whole), positions, small, EnergyQuantity.Correction);
    }

    [Test]
    public void ForcesAndVirialInABox([Values] FragmentScheme scheme, [Values] PotentialTarget target, [Values] bool supportsBox)
    {
        (Topology topology, double[] positions) = EngineTestSystems.Bridged;
        var toy = new EngineToyPotential { Target = target, ManyBody = true, SupportsBox = supportsBox, Cutoff = 0.8 };
        // A region with borders: caps in a box.
        FragmentedSystem system = EngineTestSystems.System(toy, topology, scheme, 2, 3, 5);
        double[] scattered = Scattered(positions, _triclinic, 4);
        EngineDifferences.CheckForces(system, scattered, _triclinic, EnergyQuantity.Total, atoms: 5);
        EngineDifferences.CheckVirial(system, scattered, _triclinic, EnergyQuantity.Total);
        EngineDifferences.CheckVirial(system, scattered, _triclinic, EnergyQuantity.Correction);
    }

    [Test]
    public void VirialOfTwoChainsInDifferentImages([Values] bool supportsBox)
    {
        (Topology topology, double[] positions) = EngineTestSystems.TwoChains;
        var toy = new EngineToyPotential { Target = PotentialTarget.Absolute, SupportsBox = supportsBox, Cutoff = 0.8 };
        FragmentedSystem system = EngineTestSystems.System(toy, topology, FragmentScheme.Whole);
        EngineDifferences.CheckVirial(system, Scattered(positions, _cube, 6), _cube, EnergyQuantity.Correction);
    }

    [Test]
    public void BadBoxesAreRefused()
    {
        (Topology topology, double[] positions) = EngineTestSystems.Chain;
        var toy = new EngineToyPotential { SupportsBox = true, Cutoff = 0.8 };
        using Workspace workspace = EngineTestSystems.System(toy, topology, FragmentScheme.Whole).CreateWorkspace(new());
        void Refused(double[] box, string reason) =>
            Assert.That(() => workspace.Evaluate(positions, box, EnergyQuantity.Correction, [], []),
                Throws.TypeOf<PluginBridgeException>().With.Message.Contains(reason));

        Refused([1.5, 0, 0, 0, 3, 0, 0, 0, 3], "too small");
        Refused([3, 0, 0, 0, 0, 0, 0, 0, 3], "reduced form");
        Refused([3, 0, 0, 2, 3, 0, 0, 0, 3], "reduced form");
        Refused([3, 0, 0], "nine");
        Refused([double.NaN, 0, 0, 0, 3, 0, 0, 0, 3], "finite");
    }

    [Test]
    public void WrappedMoleculesWithoutABoxAreRefused()
    {
        (Topology topology, double[] positions) = EngineTestSystems.Chain;
        using Workspace workspace = EngineTestSystems.System(new EngineToyPotential(), topology, FragmentScheme.Whole).CreateWorkspace(new());
        for (int i = 0; i < 3 * 20; i += 3)
            positions[i] += 4.0;
        Assert.That(() => workspace.Evaluate(positions, [], EnergyQuantity.Correction, [], []),
            Throws.TypeOf<PluginBridgeException>().With.Message.Contains("give the box vectors").And.Message.Contains("The bond atom"));
    }
}
