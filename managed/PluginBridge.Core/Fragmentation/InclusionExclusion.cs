namespace PluginBridge.Core.Fragmentation;

/// <summary>
/// Coefficients c_f of overlapping pieces by inclusion-exclusion. All intersections of the given (primary) sets are
/// formed, and from the largest down c_f = 1 − Σ_(g ⊋ f) c_g (Möbius inversion on the intersections, ordered by
/// inclusion). Then Σ_f c_f [S ⊆ f] = 1 for every set S of atoms inside at least one primary: atom, pair or
/// force-field term. For windows along a chain it is Σ W^w − Σ W^(w−1); bridges that close rings, branches, adjacent
/// bridged cysteines and cyclic peptides need no further rule.
/// </summary>
internal static class InclusionExclusion
{
    /// <summary>An atom set (ascending) with its coefficient.</summary>
    public readonly record struct Term(int[] Atoms, int Coefficient);

    /// <summary>The terms with a coefficient other than zero: primaries in their order, then what they share.</summary>
    /// <param name="primaries">Atom sets, ascending indices.</param>
    public static List<Term> Expand(IReadOnlyList<int[]> primaries)
    {
        List<int[]> sets = CloseUnderIntersection(primaries);
        Dictionary<int, List<int>> holders = SetsByAtom(sets);
        var coefficients = new int[sets.Count];
        foreach (int f in Enumerable.Range(0, sets.Count).OrderByDescending(f => sets[f].Length))
        {
            coefficients[f] = 1;
            foreach (int g in holders[sets[f][0]])
                if (sets[g].Length > sets[f].Length && IsSubset(sets[f], sets[g]))
                    coefficients[f] -= coefficients[g];
        }

        return [.. Enumerable.Range(0, sets.Count).Where(f => coefficients[f] != 0)
            .Select(f => new Term(sets[f], coefficients[f]))];
    }

    private static List<int[]> CloseUnderIntersection(IReadOnlyList<int[]> primaries)
    {
        var sets = new List<int[]>();
        var known = new HashSet<int[]>(AtomSetComparer.Instance);
        foreach (int[] primary in primaries)
            if (primary.Length > 0 && known.Add(primary))
                sets.Add(primary);
        Dictionary<int, List<int>> holders = SetsByAtom(sets);
        // Each intersection of several primaries is reached by adding one primary at a time.
        for (int s = 0; s < sets.Count; s++)
            foreach (int p in sets[s].SelectMany(atom => holders[atom]).Distinct().ToArray())
            {
                int[] shared = Intersection(sets[s], sets[p]);
                if (known.Add(shared))
                    sets.Add(shared);
            }

        return sets;
    }

    private static Dictionary<int, List<int>> SetsByAtom(List<int[]> sets)
    {
        var holders = new Dictionary<int, List<int>>();
        for (int s = 0; s < sets.Count; s++)
            foreach (int atom in sets[s])
            {
                if (!holders.TryGetValue(atom, out List<int>? list))
                    holders[atom] = list = [];
                list.Add(s);
            }

        return holders;
    }

    /// <summary>What two ascending sets share, ascending.</summary>
    public static int[] Intersection(int[] first, int[] second)
    {
        var shared = new List<int>();
        for (int i = 0, j = 0; i < first.Length && j < second.Length;)
        {
            if (first[i] == second[j])
                shared.Add(first[i++]);
            else if (first[i] < second[j])
                i++;
            else
                j++;
        }

        return [.. shared];
    }

    /// <summary>Whether an ascending set lies inside another.</summary>
    public static bool IsSubset(int[] inner, int[] outer)
    {
        int j = 0;
        foreach (int atom in inner)
        {
            while (j < outer.Length && outer[j] < atom)
                j++;
            if (j == outer.Length || outer[j] != atom)
                return false;
        }

        return true;
    }

    /// <summary>Sets are equal where their atoms are.</summary>
    public sealed class AtomSetComparer : IEqualityComparer<int[]>
    {
        public static readonly AtomSetComparer Instance = new();

        public bool Equals(int[]? x, int[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(int[] set)
        {
            var hash = new HashCode();
            foreach (int atom in set)
                hash.Add(atom);
            return hash.ToHashCode();
        }
    }
}
