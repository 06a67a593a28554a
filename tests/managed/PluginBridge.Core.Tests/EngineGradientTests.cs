using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Engine;
using PluginBridge.Core.Fragmentation;
using PluginBridge.Core.Potentials;

namespace PluginBridge.Core.Tests;

public class EngineGradientTests
{
    [Test]
    public void ForcesAreTheGradient([Values] FragmentScheme scheme, [Values] PotentialTarget target)
    {
        var toy = new EngineToyPotential { Target = target, ManyBody = true };
        foreach ((Topology topology, double[] positions) in new[] { EngineTestSystems.Bridged, EngineTestSystems.TwoBridgedChains })
        {
            FragmentedSystem system = EngineTestSystems.System(toy, topology, scheme);
            EngineDifferences.CheckForces(system, positions, [], EnergyQuantity.Correction);
            EngineDifferences.CheckForces(system, positions, [], EnergyQuantity.Total);
        }
    }

    [Test]
    public void VirialIsTheStrainGradient([Values] FragmentScheme scheme, [Values] PotentialTarget target)
    {
        var toy = new EngineToyPotential { Target = target, ManyBody = true };
        (Topology topology, double[] positions) = EngineTestSystems.Bridged;
        FragmentedSystem system = EngineTestSystems.System(toy, topology, scheme);
        EngineDifferences.CheckVirial(system, positions, [], EnergyQuantity.Correction);
        EngineDifferences.CheckVirial(system, positions, [], EnergyQuantity.Total);
    }

    [Test]
    public void NoNetForceOrTorque([Values] FragmentScheme scheme)
    {
        (Topology topology, double[] positions) = EngineTestSystems.Bridged;
        FragmentedSystem system = EngineTestSystems.System(new EngineToyPotential { Target = PotentialTarget.Absolute }, topology, scheme, 2, 3);
        using Workspace workspace = system.CreateWorkspace(new());
        var forces = new double[positions.Length];
        workspace.Evaluate(positions, [], EnergyQuantity.Correction, forces, []);
        var sum = new double[6];
        for (int i = 0; i < forces.Length; i += 3)
            for (int a = 0; a < 3; a++)
            {
                int b = (a + 1) % 3, c = (a + 2) % 3;
                sum[a] += forces[i + a];
                sum[3 + a] += positions[i + b] * forces[i + c] - positions[i + c] * forces[i + b];
            }

        Assert.That(sum, Is.All.EqualTo(0).Within(1e-9 * forces.Max(Math.Abs)));
    }
}
