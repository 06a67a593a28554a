using PluginBridge.Core.Chemistry;

namespace PluginBridge.Core.Fragmentation;

/// <summary>
/// The atoms at the quantum-chemical level: whole residues, or whole molecules where a topology has no residues.
/// </summary>
internal sealed class Region
{
    private Region(int[] atoms, int[] residues, int[] borderResidues)
    {
        Atoms = atoms;
        Residues = residues;
        BorderResidues = borderResidues;
    }

    /// <summary>Its atoms, ascending.</summary>
    public IReadOnlyList<int> Atoms { get; }

    /// <summary>Its residues, ascending; empty without residues.</summary>
    public IReadOnlyList<int> Residues { get; }

    /// <summary>Residues outside that are bonded to it, ascending. Empty: the region is made of complete molecules.</summary>
    public IReadOnlyList<int> BorderResidues { get; }

    /// <summary>Checks a list of atoms.</summary>
    /// <param name="topology">The topology.</param>
    /// <param name="atoms">Atom indices in any order; null: all.</param>
    /// <exception cref="PluginBridgeException">Empty, an index is out of range or listed twice, a residue or molecule is
    /// cut.</exception>
    public static Region Create(Topology topology, IReadOnlyList<int>? atoms)
    {
        int[] sorted = atoms is null ? [.. Enumerable.Range(0, topology.Atoms.Count)] : [.. atoms.Order()];
        if (sorted.Length == 0)
            throw new PluginBridgeException(ErrorCode.InvalidArgument, "The region is empty: select at least one residue.");
        for (int i = 0; i < sorted.Length; i++)
        {
            if (sorted[i] < 0 || sorted[i] >= topology.Atoms.Count)
                throw new PluginBridgeException(ErrorCode.InvalidArgument,
                    $"The region lists atom index {sorted[i]}, outside 0..{topology.Atoms.Count - 1}.");
            if (i > 0 && sorted[i] == sorted[i - 1])
                throw new PluginBridgeException(ErrorCode.InvalidArgument, $"The region lists {topology.Describe(sorted[i])} twice.");
        }

        var inside = sorted.ToHashSet();
        return topology.Residues.Count == 0
            ? OfMolecules(topology, sorted, inside)
            : OfResidues(topology, sorted, inside);
    }

    private static Region OfMolecules(Topology topology, int[] atoms, HashSet<int> inside)
    {
        foreach (int atom in atoms)
            foreach (int neighbor in topology.Neighbors(atom))
                if (!inside.Contains(neighbor))
                    throw new PluginBridgeException(ErrorCode.InvalidArgument,
                        $"The region holds {topology.Describe(atom)} but not {topology.Describe(neighbor)}, to which it is " +
                        "bonded. Without residues a region has to be made of complete molecules.");
        return new Region(atoms, [], []);
    }

    private static Region OfResidues(Topology topology, int[] atoms, HashSet<int> inside)
    {
        var residues = new SortedSet<int>();
        foreach (int atom in atoms)
        {
            int residue = topology.Atoms[atom].ResidueIndex;
            if (residue < 0)
                throw new PluginBridgeException(ErrorCode.Topology, $"{topology.Describe(atom)} belongs to no residue, other atoms do.");
            residues.Add(residue);
        }

        var border = new SortedSet<int>();
        foreach (int residue in residues)
            foreach (int atom in topology.Residues[residue].Atoms)
            {
                if (!inside.Contains(atom))
                    throw new PluginBridgeException(ErrorCode.InvalidArgument,
                        $"The region holds only a part of {topology.Residues[residue]}: {topology.Describe(atom)} is not in " +
                        "it. Select whole residues.");
                foreach (int neighbor in topology.Neighbors(atom))
                    if (!residues.Contains(topology.Atoms[neighbor].ResidueIndex))
                        border.Add(topology.Atoms[neighbor].ResidueIndex);
            }

        return new Region(atoms, [.. residues], [.. border]);
    }
}
