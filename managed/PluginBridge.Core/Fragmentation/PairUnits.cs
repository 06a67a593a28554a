namespace PluginBridge.Core.Fragmentation;

/// <summary>
/// The units D_i that pairs are made of, of all chains of a region in one row, with what they share: {CA, HA*, …} of
/// neighbours along the chain, CH3-S-S-CH3 across a bridge. Immutable.
/// </summary>
internal sealed class PairUnits
{
    private readonly int[][] _atoms;
    private readonly int[] _chain;
    private readonly int[] _position;
    private readonly int[] _ringLength;
    private readonly int[] _width;

    /// <summary>Makes the units.</summary>
    /// <param name="windows">Gives the atoms of a unit.</param>
    /// <param name="chains">Chains of the region.</param>
    /// <param name="width">Residues in a window, w.</param>
    public PairUnits(WindowScheme windows, IReadOnlyList<PeptideChain> chains, int width)
    {
        var atoms = new List<int[]>();
        var places = new List<(int Chain, int Position, int RingLength, int Width)>();
        for (int c = 0; c < chains.Count; c++)
            for (int k = 0; k < chains[c].Units.Count; k++)
            {
                int count = chains[c].Units.Count;
                atoms.Add(windows.Closed(chains[c].Units[k]));
                // A chain of at most w units is one window.
                places.Add((c, k, chains[c].IsRing ? count : int.MaxValue, Math.Max(width, count <= width ? count : 0)));
            }

        _atoms = [.. atoms];
        _chain = [.. places.Select(p => p.Chain)];
        _position = [.. places.Select(p => p.Position)];
        _ringLength = [.. places.Select(p => p.RingLength)];
        _width = [.. places.Select(p => p.Width)];
        Overlaps = FindOverlaps();
    }

    /// <summary>Number of units.</summary>
    public int Count => _atoms.Length;

    /// <summary>For each unit i those that share atoms with it, itself included, and what they share.</summary>
    public IReadOnlyList<IReadOnlyList<(int Unit, int[] Shared)>> Overlaps { get; }

    /// <summary>Atoms of D_i, ascending.</summary>
    public int[] Atoms(int unit) => _atoms[unit];

    /// <summary>Whether a window holds both units, so that their pairs are counted there.</summary>
    public bool IsNear(int i, int j) => _chain[i] == _chain[j] && ChainDistance(i, j) < _width[i];

    /// <summary>
    /// A total order of pairs of units, near ones first, then by distance along the chain (along the row for units of
    /// different chains).
    /// </summary>
    public (int Distance, int First, int Second) Rank(int i, int j) =>
        (IsNear(i, j) ? -1 : ChainDistance(i, j), Math.Min(i, j), Math.Max(i, j));

    private int ChainDistance(int i, int j)
    {
        if (_chain[i] != _chain[j])
            return Math.Abs(i - j);
        int along = Math.Abs(_position[i] - _position[j]);
        return Math.Min(along, _ringLength[i] - along);
    }

    private IReadOnlyList<(int, int[])>[] FindOverlaps()
    {
        var holders = new Dictionary<int, List<int>>();
        for (int i = 0; i < Count; i++)
            foreach (int atom in _atoms[i])
                (holders.TryGetValue(atom, out List<int>? list) ? list : holders[atom] = []).Add(i);
        return [.. _atoms.Select(own => own.SelectMany(atom => holders[atom]).Distinct().Order()
            .Select(other => (other, InclusionExclusion.Intersection(own, _atoms[other]))).ToArray())];
    }
}
