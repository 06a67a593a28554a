using PluginBridge.Core.Chemistry;

namespace PluginBridge.Core.Fragmentation;

/// <summary>
/// The overlapping windows W_i^w = D_i ∪ … ∪ D_(i+w−1) that a scheme covers a chain with: w residues, the backbone
/// pieces of the residues before and after, and the sulfur side of each bridge that leaves the window. w = 1 gives
/// AI²BMD's dipeptides. What they share is subtracted by <see cref="InclusionExclusion"/>.
/// </summary>
internal sealed class WindowScheme(Topology topology, ResidueLinks links)
{
    private readonly DipeptidePieces _pieces = new(topology, links);

    /// <summary>Number of residues w in a window of a scheme.</summary>
    public static int Width(FragmentScheme scheme) => scheme switch
    {
        FragmentScheme.Dipeptide => 1,
        FragmentScheme.Window2 or FragmentScheme.Window2Pairs => 2,
        FragmentScheme.Window3 or FragmentScheme.Window3Pairs => 3,
        _ => throw new PluginBridgeException(ErrorCode.InvalidArgument, $"The scheme {scheme} has no windows."),
    };

    /// <summary>Atom sets of a chain's windows, in order; a chain of at most w units is one window.</summary>
    public IEnumerable<int[]> Windows(PeptideChain chain, int width)
    {
        int count = chain.Units.Count;
        if (count <= width)
            return [Closed(chain.Units.SelectMany(unit => unit))];
        int windows = chain.IsRing ? count : count - width + 1;
        return Enumerable.Range(0, windows).Select(first =>
            Closed(Enumerable.Range(first, width).SelectMany(unit => chain.Units[unit % count])));
    }

    /// <summary>
    /// The atoms of residues together with the pieces of those bonded to them, ascending. Nothing but bonds that a cap
    /// may replace (CA–N, CA–C, CA–CB, proline's N–CD) are cut.
    /// </summary>
    public int[] Closed(IEnumerable<int> residues)
    {
        var inside = residues.ToHashSet();
        var atoms = new SortedSet<int>();
        foreach (int residue in inside)
        {
            atoms.UnionWith(topology.Residues[residue].Atoms);
            if (links.Previous(residue) is >= 0 and int previous && !inside.Contains(previous))
                atoms.UnionWith(_pieces.CarbonylSide(previous));
            if (links.Next(residue) is >= 0 and int next && !inside.Contains(next))
                atoms.UnionWith(_pieces.AmideSide(next));
            if (links.Disulfides.Partner(residue) is >= 0 and int partner && !inside.Contains(partner))
                atoms.UnionWith(_pieces.SulfurSide(partner));
        }

        return [.. atoms];
    }
}
