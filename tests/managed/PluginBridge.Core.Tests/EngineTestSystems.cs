using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Engine;
using PluginBridge.Core.Fragmentation;
using PluginBridge.Core.Potentials;

namespace PluginBridge.Core.Tests;

/// <summary>Small peptides with positions, made once.</summary>
internal static class EngineTestSystems
{
    private static readonly Dictionary<string, (Topology Topology, double[] Positions)> _made = [];

    /// <summary>ACE and NME, a bridge, a proline, charges.</summary>
    public static (Topology Topology, double[] Positions) Bridged =>
        Make("bridged", () => FragmentTestPeptides.Build(["ACE CYX PRO GLY LYS CYX ASP NME"], [(0, 1, 0, 5)]));

    /// <summary>Two charged chains joined by a bridge.</summary>
    public static (Topology Topology, double[] Positions) TwoBridgedChains =>
        Make("two", () => FragmentTestPeptides.Build(["NALA CYX SER CGLY", "ACE GLY CYX NME"], [(0, 1, 1, 2)]));

    /// <summary>Two separate chains.</summary>
    public static (Topology Topology, double[] Positions) TwoChains =>
        Make("separate", () => FragmentTestPeptides.Build(["ACE SER ALA NME", "ACE GLY ALA NME"]));

    /// <summary>Seven residues without bridge, a proline after the fourth.</summary>
    public static (Topology Topology, double[] Positions) Chain =>
        Make("chain", () => FragmentTestPeptides.Build(["ACE ALA SER GLY PRO ALA THR NME"]));

    /// <summary>Atoms of some residues; null for all.</summary>
    public static IReadOnlyList<int>? Region(Topology topology, params int[] residues) =>
        residues.Length == 0 ? null : [.. residues.SelectMany(r => topology.Residues[r].Atoms).Order()];

    /// <summary>A system of a toy potential.</summary>
    public static FragmentedSystem System(IPotential potential, Topology topology, FragmentScheme scheme, params int[] residues) =>
        FragmentedSystem.Create(potential, new SystemSpecification { Topology = topology, Scheme = scheme, Region = Region(topology, residues) });

    /// <summary>A system of a toy potential whose pairs of units, where the scheme has them, fade out between two radii (nm).</summary>
    public static FragmentedSystem System(IPotential potential, Topology topology, FragmentScheme scheme, PairRadii radii, params int[] residues) =>
        FragmentedSystem.Create(potential, new SystemSpecification { Topology = topology, Scheme = scheme, Region = Region(topology, residues), PairRadii = radii });

    private static (Topology Topology, double[] Positions) Make(string name, Func<Topology> build)
    {
        lock (_made)
        {
            if (!_made.TryGetValue(name, out (Topology Topology, double[] Positions) made))
            {
                Topology topology = build();
                _made[name] = made = (topology, FragmentTestPeptides.Positions(topology, 3));
            }

            return (made.Topology, (double[])made.Positions.Clone());
        }
    }
}
