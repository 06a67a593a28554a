using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Fragmentation;
using PluginBridge.Core.Potentials;

namespace PluginBridge.Core.Engine;

/// <summary>A potential, a topology, a region and its fragments, checked. Immutable and shared by threads.</summary>
public sealed class FragmentedSystem
{
    private FragmentedSystem(IPotential potential, Topology topology, IReadOnlyList<int> region, IReadOnlyList<Fragment> fragments)
    {
        Potential = potential;
        Topology = topology;
        Region = region;
        Fragments = fragments;
    }

    /// <summary>The potential of the fragments; it must outlive the system's workspaces.</summary>
    public IPotential Potential { get; }

    /// <summary>The topology that positions and forces refer to.</summary>
    public Topology Topology { get; }

    /// <summary>Atoms of the region, ascending.</summary>
    public IReadOnlyList<int> Region { get; }

    /// <summary>The terms of the signed sum.</summary>
    public IReadOnlyList<Fragment> Fragments { get; }

    /// <summary>Assigns templates, checks coverage and builds the fragments.</summary>
    /// <exception cref="PluginBridgeException">Something is not covered; the message names the residue or atom.</exception>
    public static FragmentedSystem Create(IPotential potential, SystemSpecification specification) =>
        throw new NotImplementedException();

    /// <summary>Allocates the buffers of one caller.</summary>
    public Workspace CreateWorkspace(EvaluationOptions options) => throw new NotImplementedException();
}
