using PluginBridge.Core.Chemistry;

namespace PluginBridge.Core.Fragmentation;

/// <summary>
/// The graph of residues: peptide bonds (C of one, N of the next) and disulfide bridges (SG–SG), found from covalent
/// bonds and canonical names, so that neither residue order nor numbering matters.
/// </summary>
internal sealed class ResidueLinks
{
    private readonly Topology _topology;
    private readonly TemplateAssignment _assignment;
    private readonly Dictionary<(int Residue, string Name), int> _named = [];
    private readonly Dictionary<int, int> _next = [];
    private readonly Dictionary<int, int> _previous = [];

    /// <summary>Reads the links of some residues; the residues at both ends must be assigned.</summary>
    /// <param name="topology">The bonds.</param>
    /// <param name="assignment">The canonical names.</param>
    /// <param name="residues">Residues whose links are wanted.</param>
    /// <param name="outwardOnly">Read only links that lead out of <paramref name="residues"/>: a region in one piece may
    /// hold any bond inside.</param>
    /// <exception cref="PluginBridgeException">A bond between residues that is neither peptide bond nor disulfide.</exception>
    public ResidueLinks(Topology topology, TemplateAssignment assignment, IReadOnlyList<int> residues, bool outwardOnly = false)
    {
        var inside = residues.ToHashSet();
        _topology = topology;
        _assignment = assignment;
        Disulfides = new DisulfideGraph();
        foreach (int residue in residues)
            foreach (int atom in topology.Residues[residue].Atoms)
                foreach (int other in topology.Neighbors(atom))
                    if (topology.Atoms[other].ResidueIndex is var linked && linked != residue
                        && !(outwardOnly && inside.Contains(linked)))
                        AddLink(atom, other);
    }

    /// <summary>Disulfide bridges of the residues.</summary>
    public DisulfideGraph Disulfides { get; }

    /// <summary>The residue whose N is bonded to this one's C; −1 at a C-terminus.</summary>
    public int Next(int residue) => _next.GetValueOrDefault(residue, -1);

    /// <summary>The residue whose C is bonded to this one's N; −1 at an N-terminus.</summary>
    public int Previous(int residue) => _previous.GetValueOrDefault(residue, -1);

    /// <summary>Whether a residue is ACE, NME or NHE.</summary>
    public bool IsCap(int residue) => _assignment.IsCap(residue);

    /// <summary>An atom by its canonical name.</summary>
    public int Atom(int residue, string name)
    {
        if (_named.TryGetValue((residue, name), out int found))
            return found;
        foreach (int atom in _topology.Residues[residue].Atoms)
            _named[(residue, _assignment.CanonicalName(atom))] = atom;
        return _named.TryGetValue((residue, name), out found)
            ? found
            : throw new PluginBridgeException(ErrorCode.Topology, $"Residue {_topology.Residues[residue]} has no atom {name}.");
    }

    private void AddLink(int atom, int other)
    {
        int residue = _topology.Atoms[atom].ResidueIndex, partner = _topology.Atoms[other].ResidueIndex;
        switch (_assignment.CanonicalName(atom), _assignment.CanonicalName(other))
        {
            case ("C", "N"):
                _next[residue] = partner;
                _previous[partner] = residue;
                break;
            case ("N", "C"):
                _next[partner] = residue;
                _previous[residue] = partner;
                break;
            case ("SG", "SG"):
                Disulfides.Add(residue, partner);
                break;
            default:
                throw new PluginBridgeException(ErrorCode.Unsupported,
                    $"{_topology.Describe(atom)} is bonded to {_topology.Describe(other)}: only peptide bonds and disulfide " +
                    "bridges can join fragments or end a region. Use the scheme 'whole' with a region that holds both residues.");
        }
    }
}
