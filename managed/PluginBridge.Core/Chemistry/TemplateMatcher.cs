namespace PluginBridge.Core.Chemistry;

/// <summary>
/// Finds which atom of a template each atom of a residue is, by elements and bonds alone (a graph isomorphism, as
/// OpenMM's ForceField does it). Names only choose among symmetric atoms.
/// </summary>
internal sealed class TemplateMatcher
{
    private readonly Topology _topology;
    private readonly IReadOnlyList<int> _atoms;
    private readonly int[][] _neighbors;
    private readonly int[] _externalBonds;
    private readonly int[] _order;

    public TemplateMatcher(Topology topology, Residue residue)
    {
        _topology = topology;
        _atoms = residue.Atoms;
        var local = new Dictionary<int, int>(_atoms.Count);
        for (int i = 0; i < _atoms.Count; i++)
            local.Add(_atoms[i], i);
        _neighbors = new int[_atoms.Count][];
        _externalBonds = new int[_atoms.Count];
        for (int i = 0; i < _atoms.Count; i++)
        {
            var inside = new List<int>();
            foreach (int neighbor in topology.Neighbors(_atoms[i]))
            {
                if (local.TryGetValue(neighbor, out int j))
                    inside.Add(j);
                else
                    _externalBonds[i]++;
            }

            _neighbors[i] = [.. inside];
        }

        _order = BreadthFirst();
        Signature = ResidueTemplate.SignatureOf(_atoms.Select(a => topology.Atoms[a].AtomicNumber));
    }

    /// <summary>Counts of elements, to look templates up by.</summary>
    public string Signature { get; }

    /// <summary>Template index of each atom of the residue, in the residue's order; null where the graphs differ.</summary>
    public int[]? Match(ResidueTemplate template)
    {
        int n = _atoms.Count;
        if (template.Atoms.Count != n || template.Bonds.Count * 2 != _neighbors.Sum(list => list.Length))
            return null;
        var preferred = new int[n];
        for (int i = 0; i < n; i++)
            preferred[i] = ResidueTemplates.ResolveAtom(template, _topology.Atoms[_atoms[i]].Name);
        var match = new int[n];
        Array.Fill(match, -1);
        return Extend(template, 0, match, new bool[n], preferred) ? match : null;
    }

    private bool Extend(ResidueTemplate template, int depth, int[] match, bool[] used, int[] preferred)
    {
        if (depth == match.Length)
            return true;
        int atom = _order[depth];
        int first = preferred[atom];
        for (int k = first >= 0 ? -1 : 0; k < match.Length; k++)
        {
            int candidate = k < 0 ? first : k;
            if ((k >= 0 && k == first) || used[candidate] || !Fits(template, atom, candidate, match))
                continue;
            match[atom] = candidate;
            used[candidate] = true;
            if (Extend(template, depth + 1, match, used, preferred))
                return true;
            match[atom] = -1;
            used[candidate] = false;
        }

        return false;
    }

    private bool Fits(ResidueTemplate template, int atom, int candidate, int[] match)
    {
        if (template.Atoms[candidate].AtomicNumber != _topology.Atoms[_atoms[atom]].AtomicNumber
            || template.ExternalBonds(candidate) != _externalBonds[atom]
            || template.Neighbors(candidate).Length != _neighbors[atom].Length)
            return false;
        // Bond counts are equal, so an assignment that maps every bond onto a bond is an isomorphism.
        foreach (int neighbor in _neighbors[atom])
            if (match[neighbor] >= 0 && !template.Neighbors(candidate).Contains(match[neighbor]))
                return false;
        return true;
    }

    private int[] BreadthFirst()
    {
        var order = new List<int>(_atoms.Count);
        var seen = new bool[_atoms.Count];
        for (int start = 0; start < _atoms.Count; start++)
        {
            if (seen[start])
                continue;
            seen[start] = true;
            order.Add(start);
            for (int head = order.Count - 1; head < order.Count; head++)
                foreach (int neighbor in _neighbors[order[head]])
                    if (!seen[neighbor])
                    {
                        seen[neighbor] = true;
                        order.Add(neighbor);
                    }
        }

        return [.. order];
    }
}
