namespace PluginBridge.Core.Chemistry;

/// <summary>An atom of a <see cref="Topology"/>.</summary>
/// <param name="Index">Position in the topology, and in every positions and forces array.</param>
/// <param name="Name">Atom name as the host gave it; empty where unknown.</param>
/// <param name="AtomicNumber">Atomic number Z.</param>
/// <param name="ResidueIndex">Index of its residue, −1 in a topology without residues.</param>
public sealed record Atom(int Index, string Name, int AtomicNumber, int ResidueIndex);

/// <summary>A residue of a <see cref="Topology"/>.</summary>
/// <param name="Index">Position in the topology.</param>
/// <param name="Name">Residue name as the host gave it, e.g. <c>HIS</c>; the protonation form follows from its atoms.</param>
/// <param name="Number">Residue number with insertion code, as printed in the host's file, e.g. <c>52A</c>.</param>
/// <param name="Chain">Chain identifier.</param>
/// <param name="Atoms">Indices of its atoms, ascending.</param>
public sealed record Residue(int Index, string Name, string Number, string Chain, IReadOnlyList<int> Atoms)
{
    /// <summary>How messages name a residue: <c>TYR 2 (chain A)</c>.</summary>
    public override string ToString() =>
        Chain.Length > 0 ? $"{Name} {Number} (chain {Chain})" : $"{Name} {Number}";
}

/// <summary>A covalent bond between two atoms, <c>A &lt; B</c>.</summary>
public readonly record struct Bond(int A, int B);

/// <summary>
/// What a system is made of: atoms, covalent bonds and, for biopolymers, residues. Immutable.
/// </summary>
public sealed class Topology
{
    private readonly int[][] _neighbors;

    /// <summary>Creates a topology and checks its indices.</summary>
    /// <exception cref="PluginBridgeException">An index is out of range, an atom bonds to itself, a bond is listed twice.</exception>
    public Topology(IReadOnlyList<Atom> atoms, IReadOnlyList<Residue> residues, IEnumerable<Bond> bonds)
    {
        Atoms = atoms;
        Residues = residues;
        var unique = new HashSet<Bond>();
        var neighbors = new List<int>[atoms.Count];
        for (int i = 0; i < atoms.Count; i++)
        {
            neighbors[i] = [];
            if (atoms[i].Index != i)
                throw new PluginBridgeException(ErrorCode.Topology, $"Atom {atoms[i].Name} at position {i} carries index {atoms[i].Index}.");
        }

        foreach (Bond given in bonds)
        {
            Bond bond = given.A < given.B ? given : new Bond(given.B, given.A);
            if (bond.A < 0 || bond.B >= atoms.Count || bond.A == bond.B)
                throw new PluginBridgeException(ErrorCode.Topology, $"Bond {given.A}-{given.B} does not join two of the {atoms.Count} atoms.");
            if (!unique.Add(bond))
                throw new PluginBridgeException(ErrorCode.Topology, $"Bond {Describe(bond.A)} - {Describe(bond.B)} is listed twice.");
            neighbors[bond.A].Add(bond.B);
            neighbors[bond.B].Add(bond.A);
        }

        Bonds = [.. unique.OrderBy(b => b.A).ThenBy(b => b.B)];
        _neighbors = [.. neighbors.Select(list => list.Order().ToArray())];
    }

    /// <summary>All atoms, by index.</summary>
    public IReadOnlyList<Atom> Atoms { get; }

    /// <summary>All residues, by index; empty for a molecule without residues (a ligand).</summary>
    public IReadOnlyList<Residue> Residues { get; }

    /// <summary>All covalent bonds, ordered.</summary>
    public IReadOnlyList<Bond> Bonds { get; }

    /// <summary>Indices of the atoms bonded to an atom, ascending.</summary>
    public ReadOnlySpan<int> Neighbors(int atom) => _neighbors[atom];

    /// <summary>How messages name an atom: <c>atom HA of TYR 2 (chain A)</c>.</summary>
    public string Describe(int atom)
    {
        Atom a = Atoms[atom];
        string name = a.Name.Length > 0 ? a.Name : $"{Elements.Symbol(a.AtomicNumber)} (index {atom})";
        return a.ResidueIndex >= 0 && a.ResidueIndex < Residues.Count
            ? $"atom {name} of {Residues[a.ResidueIndex]}"
            : $"atom {name}";
    }
}
