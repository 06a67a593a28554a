namespace PluginBridge.Core.Fragmentation;

/// <summary>
/// Two units D_i and D_j that no window holds together, and the pairs of atoms that are counted here and nowhere else.
/// Immutable.
/// </summary>
/// <remarks>
/// All terms of a cell have one weight w_ij, and since every pair of atoms belongs to one window sum or one cell,
/// Σ_f c_f [p,q ∈ f] is 1 or w_ij whatever the weights are. Along a chain (i &lt; j) a cell is
/// <c>Δ(D_i ∪ D_j) − Δ(K_i+½ ∪ D_j) − Δ(D_i ∪ K_j−½) + Δ(K_i+½ ∪ K_j−½)</c>: the far pairs c_a c_b [Δ(a∪b) − Δ(a) − Δ(b)] of
/// units a and b whose farther end is i and j; the Δ(a) and Δ(b) of the four cancel. In general the pairs of the cell are
/// D_i × D_j without the blocks (D_i ∩ D_m) × (D_j ∩ D_n) that a window or a cell of lower <see cref="PairUnits.Rank"/>
/// holds; inclusion-exclusion over these blocks a × b, each as Δ(a∪b) − Δ(a) − Δ(b) + Δ(a∩b), gives the terms. That is
/// what disulfide bridges and cyclic chains need.
/// </remarks>
internal sealed class PairCell
{
    /// <summary>The first unit, i.</summary>
    public required int First { get; init; }

    /// <summary>The second unit, j.</summary>
    public required int Second { get; init; }

    /// <summary>Terms of Σ κ Δ(f), coefficients for a weight of one.</summary>
    public required IReadOnlyList<Fragment> Fragments { get; init; }

    /// <summary>The pairs (p in D_i, q in D_j) that are counted here.</summary>
    public required IReadOnlyList<(int P, int Q)> Pairs { get; init; }

    /// <summary>Those whose distances make the weight: of heavy atoms.</summary>
    public required IReadOnlyList<(int P, int Q)> Contacts { get; init; }

    /// <summary>Atoms of D_j where they may lie in another image than those of D_i; empty where the units share atoms or
    /// are bonded.</summary>
    public required IReadOnlySet<int> SecondAtoms { get; init; }

    /// <summary>The signed atom sets of a cell, and its pairs.</summary>
    /// <param name="units">The units.</param>
    /// <param name="i">First unit.</param>
    /// <param name="j">Second unit, not near to the first.</param>
    public static (List<InclusionExclusion.Term> Terms, List<(int P, int Q)> Pairs) Expand(PairUnits units, int i, int j)
    {
        List<(int[] A, int[] B)> blocked = Blocks(units, i, j);
        var sums = new Dictionary<int[], int>(InclusionExclusion.AtomSetComparer.Instance);
        void Add(int[] set, int coefficient)
        {
            if (set.Length > 0)
                sums[set] = sums.GetValueOrDefault(set) + coefficient;
        }

        void AddBlock(int[] a, int[] b, int coefficient)
        {
            Add([.. a.Union(b).Order()], coefficient);
            Add(a, -coefficient);
            Add(b, -coefficient);
            Add(InclusionExclusion.Intersection(a, b), coefficient);
        }

        AddBlock(units.Atoms(i), units.Atoms(j), 1);
        // A block a × b as the set a ∪ (b + offset): blocks intersect as these sets do.
        int offset = 1 + Math.Max(units.Atoms(i)[^1], units.Atoms(j)[^1]);
        int[][] encoded = [.. blocked.Select(block => (int[])[.. block.A, .. block.B.Select(q => q + offset)])];
        foreach (InclusionExclusion.Term term in InclusionExclusion.Expand(encoded))
        {
            int[] a = [.. term.Atoms.Where(p => p < offset)], b = [.. term.Atoms.Where(p => p >= offset).Select(q => q - offset)];
            if (a.Length > 0 && b.Length > 0)
                AddBlock(a, b, -term.Coefficient);
        }

        return ([.. sums.Where(s => s.Value != 0).OrderByDescending(s => s.Key.Length)
            .Select(s => new InclusionExclusion.Term(s.Key, s.Value))], OwnPairs(units, i, j, blocked));
    }

    /// <summary>What is counted elsewhere; blocks inside others are left out.</summary>
    private static List<(int[] A, int[] B)> Blocks(PairUnits units, int i, int j)
    {
        var all = new List<(int[] A, int[] B)>();
        foreach ((int m, int[] a) in units.Overlaps[i])
            foreach ((int n, int[] b) in units.Overlaps[j])
                if (units.Rank(m, n).CompareTo(units.Rank(i, j)) < 0)
                    all.Add((a, b));
        var kept = new List<(int[] A, int[] B)>();
        foreach ((int[] A, int[] B) block in all.OrderByDescending(block => block.A.Length * block.B.Length))
            if (!kept.Exists(k => InclusionExclusion.IsSubset(block.A, k.A) && InclusionExclusion.IsSubset(block.B, k.B)))
                kept.Add(block);
        return kept;
    }

    private static List<(int P, int Q)> OwnPairs(PairUnits units, int i, int j, List<(int[] A, int[] B)> blocked)
    {
        var sets = blocked.Select(block => (A: block.A.ToHashSet(), B: block.B.ToHashSet())).ToList();
        var pairs = new List<(int P, int Q)>();
        foreach (int p in units.Atoms(i))
            foreach (int q in units.Atoms(j))
                if (!sets.Exists(block => block.A.Contains(p) && block.B.Contains(q)))
                    pairs.Add((p, q));
        return pairs;
    }
}
