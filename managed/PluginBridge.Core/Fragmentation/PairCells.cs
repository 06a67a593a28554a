using System.Collections.Concurrent;
using PluginBridge.Core.Chemistry;

namespace PluginBridge.Core.Fragmentation;

/// <summary>
/// All pairs of units that are counted as pairs. Cells are made when they are first asked for and kept; shared by threads.
/// </summary>
internal sealed class PairCells
{
    /// <summary>Atoms fewer bonds apart than this share force-field terms or exclusions (four bonds: CMAP).</summary>
    private const int _termBonds = 4;

    private readonly Topology _topology;
    private readonly Func<InclusionExclusion.Term, Fragment> _finish;
    private readonly ConcurrentDictionary<(int, int), PairCell?> _cells = [];

    /// <summary>Prepares the units.</summary>
    /// <param name="topology">The topology.</param>
    /// <param name="units">The units.</param>
    /// <param name="finish">Makes a fragment of an atom set: caps, charge, label.</param>
    public PairCells(Topology topology, PairUnits units, Func<InclusionExclusion.Term, Fragment> finish)
    {
        _topology = topology;
        Units = units;
        _finish = finish;
    }

    /// <summary>The units.</summary>
    public PairUnits Units { get; }

    /// <summary>All cells, by their units.</summary>
    public IEnumerable<PairCell> All()
    {
        for (int i = 0; i < Units.Count; i++)
            for (int j = i + 1; j < Units.Count; j++)
                if (Find(i, j) is { } cell)
                    yield return cell;
    }

    /// <summary>
    /// The cell of two units, i &lt; j; null where a window holds both, where all their pairs are counted elsewhere, or
    /// where pieces that they take in from outside the region are bonded to one another: these pairs stay classical.
    /// </summary>
    public PairCell? Find(int i, int j)
    {
        if (Units.IsNear(i, j))
            return null;
        return _cells.TryGetValue((i, j), out PairCell? known) ? known : _cells.GetOrAdd((i, j), Create(i, j));
    }

    private PairCell? Create(int i, int j)
    {
        (List<InclusionExclusion.Term> terms, List<(int P, int Q)> pairs) = PairCell.Expand(Units, i, j);
        if (pairs.Count == 0)
            return null;
        HashSet<int> around = Neighborhood(pairs[0].P);
        int center = pairs[0].P;
        foreach ((int p, int q) in pairs)
        {
            if (p != center)
                (center, around) = (p, Neighborhood(p));
            if (around.Contains(q))
                return null;
        }

        var second = Units.Atoms(j).ToHashSet();
        bool touches = Units.Atoms(i).Any(p => second.Contains(p) || _topology.Neighbors(p).ToArray().Any(second.Contains));
        (int P, int Q)[] heavy = [.. pairs.Where(pair => _topology.Atoms[pair.P].AtomicNumber > 1 && _topology.Atoms[pair.Q].AtomicNumber > 1)];
        return new PairCell
        {
            First = i,
            Second = j,
            Fragments = [.. terms.Select(_finish)],
            Pairs = [.. pairs],
            Contacts = heavy.Length > 0 ? heavy : [.. pairs],
            SecondAtoms = touches ? new HashSet<int>() : second,
        };
    }

    private HashSet<int> Neighborhood(int atom)
    {
        HashSet<int> reached = [atom];
        int[] shell = [atom];
        for (int bonds = 0; bonds < _termBonds; bonds++)
            shell = [.. shell.SelectMany(a => _topology.Neighbors(a).ToArray()).Where(reached.Add)];
        return reached;
    }
}
