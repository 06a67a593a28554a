namespace PluginBridge.Core.Fragmentation;

/// <summary>Answers whether some set of a family (a fragment) holds all atoms of a group: a bond, a pair, a torsion.</summary>
internal sealed class AtomSetCover
{
    private readonly Dictionary<int, List<int>> _holders = [];
    private readonly List<HashSet<int>> _sets = [];

    /// <summary>Takes the sets of the family.</summary>
    public AtomSetCover(IEnumerable<IReadOnlyList<int>> sets)
    {
        foreach (IReadOnlyList<int> set in sets)
        {
            foreach (int atom in set)
                (_holders.TryGetValue(atom, out List<int>? list) ? list : _holders[atom] = []).Add(_sets.Count);
            _sets.Add([.. set]);
        }
    }

    /// <summary>Atoms of all sets, ascending.</summary>
    public int[] Union => [.. _holders.Keys.Order()];

    /// <summary>Whether one set holds all these atoms.</summary>
    public bool Covers(params ReadOnlySpan<int> atoms)
    {
        if (!_holders.TryGetValue(atoms[0], out List<int>? holders))
            return false;
        foreach (int s in holders)
        {
            HashSet<int> set = _sets[s];
            bool all = true;
            foreach (int atom in atoms)
                all &= set.Contains(atom);
            if (all)
                return true;
        }

        return false;
    }

    /// <summary>Atoms that share a set with an atom, ascending, itself included.</summary>
    public int[] Companions(int atom) =>
        _holders.TryGetValue(atom, out List<int>? holders) ? [.. holders.SelectMany(s => _sets[s]).Distinct().Order()] : [];
}
