namespace PluginBridge.Core.Chemistry;

/// <summary>An atom of a residue template.</summary>
/// <param name="Name">Canonical name, AMBER's and PDB version 3's: <c>N</c>, <c>CA</c>, <c>HB2</c>.</param>
/// <param name="Type">ff14SB atom type.</param>
/// <param name="AtomicNumber">Atomic number Z.</param>
/// <param name="Charge">Partial charge, e.</param>
/// <param name="FormalCharge">Formal charge, e: charges of ionic groups are on one atom of the group.</param>
public sealed record TemplateAtom(string Name, string Type, int AtomicNumber, double Charge, int FormalCharge);

/// <summary>Where in a chain a residue form stands.</summary>
public enum ChainPosition
{
    /// <summary>Inside a chain, or a cap.</summary>
    Internal,

    /// <summary>Charged N-terminus, NH3+ (NH2+ of proline).</summary>
    NTerminal,

    /// <summary>Charged C-terminus, COO−.</summary>
    CTerminal,
}

/// <summary>A residue form of ff14SB, such as <c>HIP</c>, <c>NGLY</c>, <c>CALA</c>, <c>ACE</c>. Immutable.</summary>
public sealed class ResidueTemplate
{
    private readonly Dictionary<string, int> _indices = new(StringComparer.Ordinal);
    private readonly int[][] _neighbors;
    private readonly int[] _externalBonds;

    internal ResidueTemplate(string name, string baseName, ChainPosition position, bool isCap, IReadOnlyList<TemplateAtom> atoms,
        IEnumerable<(string, string)> bonds, IEnumerable<string> externalBonds)
    {
        Name = name;
        BaseName = baseName;
        Position = position;
        IsCap = isCap;
        Atoms = atoms;
        for (int i = 0; i < atoms.Count; i++)
            _indices.Add(atoms[i].Name, i);
        var neighbors = atoms.Select(_ => new List<int>()).ToArray();
        var list = new List<Bond>();
        foreach ((string first, string second) in bonds)
        {
            (int a, int b) = (_indices[first], _indices[second]);
            list.Add(new Bond(Math.Min(a, b), Math.Max(a, b)));
            neighbors[a].Add(b);
            neighbors[b].Add(a);
        }

        Bonds = list;
        _neighbors = [.. neighbors.Select(n => n.Order().ToArray())];
        _externalBonds = new int[atoms.Count];
        foreach (string atom in externalBonds)
            _externalBonds[_indices[atom]]++;
        Charge = atoms.Sum(a => a.FormalCharge);
        Signature = SignatureOf(atoms.Select(a => a.AtomicNumber));
    }

    /// <summary>Name of the form, with N or C in front at a chain's end: <c>NHIP</c>.</summary>
    public string Name { get; }

    /// <summary>Name without the chain position: <c>HIP</c>.</summary>
    public string BaseName { get; }

    /// <summary>Where in a chain it stands.</summary>
    public ChainPosition Position { get; }

    /// <summary>True for ACE, NME and NHE.</summary>
    public bool IsCap { get; }

    /// <summary>Formal charge of the residue, e.</summary>
    public int Charge { get; }

    /// <summary>Its atoms.</summary>
    public IReadOnlyList<TemplateAtom> Atoms { get; }

    /// <summary>Bonds between its atoms, by template index.</summary>
    public IReadOnlyList<Bond> Bonds { get; }

    /// <summary>Counts of elements in one string; equal for residues that may be alike.</summary>
    internal string Signature { get; }

    /// <summary>Template index of a canonical atom name, −1 where absent.</summary>
    public int IndexOf(string atomName) => _indices.GetValueOrDefault(atomName, -1);

    /// <summary>Template indices bonded to an atom, ascending.</summary>
    public ReadOnlySpan<int> Neighbors(int atom) => _neighbors[atom];

    /// <summary>Number of bonds that an atom has to other residues.</summary>
    public int ExternalBonds(int atom) => _externalBonds[atom];

    internal static string SignatureOf(IEnumerable<int> atomicNumbers) =>
        string.Join(' ', atomicNumbers.GroupBy(z => z).OrderBy(g => g.Key).Select(g => $"{g.Key}:{g.Count()}"));
}
