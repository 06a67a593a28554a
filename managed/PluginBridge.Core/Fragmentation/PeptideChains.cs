using PluginBridge.Core.Chemistry;

namespace PluginBridge.Core.Fragmentation;

/// <summary>
/// A run of residues joined by peptide bonds inside the region, as units of the schemes: one amino acid each, ACE, NME
/// and NHE merged into their neighbour.
/// </summary>
/// <param name="Units">Residues of each unit, from the N-terminal side.</param>
/// <param name="IsRing">Whether the last unit is bonded to the first (head-to-tail cyclic peptide).</param>
internal sealed record PeptideChain(IReadOnlyList<int[]> Units, bool IsRing);

/// <summary>Finds the chains of a region. A stretch of a protein is a chain of its own.</summary>
internal static class PeptideChains
{
    /// <summary>The chains, by their first residue.</summary>
    /// <param name="links">Links of the region's residues.</param>
    /// <param name="residues">Residues of the region, ascending.</param>
    public static List<PeptideChain> Find(ResidueLinks links, IReadOnlyList<int> residues)
    {
        var region = residues.ToHashSet();
        var visited = new HashSet<int>();
        var chains = new List<PeptideChain>();
        // Open chains first; what is left then has no start: rings.
        foreach (int start in residues.Where(r => !region.Contains(links.Previous(r))))
            chains.Add(Walk(links, region, visited, start));
        foreach (int start in residues.Where(r => !visited.Contains(r)))
            if (!visited.Contains(start))
                chains.Add(Walk(links, region, visited, start));
        return [.. chains.OrderBy(chain => chain.Units[0][0])];
    }

    private static PeptideChain Walk(ResidueLinks links, HashSet<int> region, HashSet<int> visited, int start)
    {
        var run = new List<int>();
        int residue = start;
        while (region.Contains(residue) && visited.Add(residue))
        {
            run.Add(residue);
            residue = links.Next(residue);
        }

        return new PeptideChain(MergeCaps(links, run), residue == start);
    }

    private static List<int[]> MergeCaps(ResidueLinks links, List<int> run)
    {
        if (run.TrueForAll(links.IsCap))
            return [[.. run]];
        var units = new List<int[]>();
        List<int> pending = [];
        foreach (int residue in run)
        {
            if (!links.IsCap(residue))
            {
                units.Add([.. pending, residue]);
                pending.Clear();
            }
            else if (units.Count == 0)
                pending.Add(residue);
            else
                units[^1] = [.. units[^1], residue];
        }

        return units;
    }
}
