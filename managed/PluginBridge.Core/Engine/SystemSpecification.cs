using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Fragmentation;

namespace PluginBridge.Core.Engine;

/// <summary>What a <see cref="FragmentedSystem"/> is made of.</summary>
public sealed record SystemSpecification
{
    /// <summary>Every atom of the molecules that the region touches.</summary>
    public required Topology Topology { get; init; }

    /// <summary>Atoms at the quantum-chemical level, whole residues; null: all.</summary>
    public IReadOnlyList<int>? Region { get; init; }

    /// <summary>Charge of the region, e; null: the sum of the residue templates' formal charges.</summary>
    public int? TotalCharge { get; init; }

    /// <summary>Unpaired electrons of the region; other than zero only with <see cref="FragmentScheme.Whole"/>.</summary>
    public int UnpairedElectrons { get; init; }

    /// <summary>How the region is divided.</summary>
    public FragmentScheme Scheme { get; init; }

    /// <summary>Where pairs of units fade out, in schemes that have them.</summary>
    public PairRadii PairRadii { get; init; } = PairRadii.Default;

    /// <summary>The host's additive terms, indices of <see cref="Topology"/>; null: the core's own ff14SB.</summary>
    /// <remarks>A correction of a topology without residues takes no terms and a <see cref="TotalCharge"/>; nothing is
    /// compared then: the caller vouches that the host's terms are the force field that the potential corrects.</remarks>
    public MolecularMechanicsTerms? HostTerms { get; init; }

    /// <summary>Pairs that the host constrains: their bond terms may be missing from <see cref="HostTerms"/>.</summary>
    public IReadOnlyCollection<Bond>? Constraints { get; init; }
}
