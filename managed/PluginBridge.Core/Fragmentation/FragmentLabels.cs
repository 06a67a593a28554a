using PluginBridge.Core.Chemistry;

namespace PluginBridge.Core.Fragmentation;

/// <summary>
/// Short names of fragments: <c>D 2</c> (one residue with its neighbours' pieces), <c>W3 4-6</c> (three), <c>K 2-3</c>
/// (the ACE-NME piece between two), <c>SS 3-40</c> (CH3-S-S-CH3); parts that no bond joins are joined by <c>+</c>. With
/// several chains each residue carries its chain: <c>D A:2</c>.
/// </summary>
internal sealed class FragmentLabels(Topology topology, ResidueLinks links, IReadOnlySet<int> region)
{
    private readonly bool _withChain =
        region.Select(r => topology.Residues[r].Chain).Distinct().Count() > 1;

    /// <summary>Label of an atom set (ascending).</summary>
    public string Label(int[] atoms)
    {
        var inside = atoms.ToHashSet();
        var names = new List<string>();
        var visited = new HashSet<int>();
        foreach (int atom in atoms)
            if (!visited.Contains(atom))
                names.Add(Name(Component(atom, inside, visited)));
        return string.Join(" + ", names);
    }

    private List<int> Component(int start, HashSet<int> inside, HashSet<int> visited)
    {
        List<int> component = [start];
        visited.Add(start);
        for (int i = 0; i < component.Count; i++)
            foreach (int neighbor in topology.Neighbors(component[i]))
                if (inside.Contains(neighbor) && visited.Add(neighbor))
                    component.Add(neighbor);
        return component;
    }

    private string Name(List<int> component)
    {
        var inside = component.ToHashSet();
        int[] residues = [.. component.Select(a => topology.Atoms[a].ResidueIndex).Distinct()];
        // Caps do not count: they belong to the amino acid beside them.
        int[] complete = [.. residues.Where(r => region.Contains(r) && !links.IsCap(r)
            && topology.Residues[r].Atoms.All(inside.Contains))];
        if (complete.Length > 0)
        {
            string kind = complete.Length == 1 ? "D" : $"W{complete.Length}";
            return $"{kind} {Range(InChainOrder(complete))}";
        }

        int[] ordered = InChainOrder(residues);
        bool hasSulfur = component.Exists(a => topology.Atoms[a].AtomicNumber == 16);
        return $"{(hasSulfur ? "SS" : ordered.Length > 1 ? "K" : "M")} {Range(ordered)}";
    }

    private int[] InChainOrder(int[] residues)
    {
        var set = residues.ToHashSet();
        int first = residues.Where(r => !set.Contains(links.Previous(r))).DefaultIfEmpty(residues.Min()).Min();
        var ordered = new List<int>();
        for (int r = first; set.Remove(r); r = links.Next(r))
            ordered.Add(r);
        ordered.AddRange(set.Order());
        return [.. ordered];
    }

    private string Range(int[] residues) => residues.Length == 1
        ? Number(residues[0])
        : $"{Number(residues[0])}-{Number(residues[^1])}";

    private string Number(int residue)
    {
        Residue r = topology.Residues[residue];
        return _withChain && r.Chain.Length > 0 ? $"{r.Chain}:{r.Number}" : r.Number;
    }
}
