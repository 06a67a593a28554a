namespace PluginBridge.Core.Tests;

/// <summary>PDB files of tests/managed/fixtures as text, and edits of their lines.</summary>
internal static class PdbTexts
{
    /// <summary>ACE-ALA-NME, residues 1-3 of chain A, with CONECT records.</summary>
    public static string[] CappedAlanine => Read("capped_alanine.pdb");

    /// <summary>ACE-CYS-NME (chain A) bridged to ACE-CYS-NHE (chain B), with CONECT records.</summary>
    public static string[] Disulfide => Read("disulfide.pdb");

    /// <summary>PHE-HIS(ε)-ASP-PRO-TRP-ARG, charged ends, chain A.</summary>
    public static string[] ChargedPeptide => Read("charged_peptide.pdb");

    public static string Join(this IEnumerable<string> lines) => string.Join('\n', lines);

    public static bool IsAtom(string line) => line.StartsWith("ATOM", StringComparison.Ordinal) || line.StartsWith("HETATM", StringComparison.Ordinal);

    public static string AtomName(string line) => line.Substring(12, 4).Trim();

    public static string ResidueName(string line) => line.Substring(17, 3).Trim();

    public static int ResidueNumber(string line) => int.Parse(line.AsSpan(22, 4));

    /// <summary>Line of an atom, counted from one.</summary>
    public static int LineOf(this string[] lines, int residue, string atom) =>
        Array.FindIndex(lines, l => IsAtom(l) && ResidueNumber(l) == residue && AtomName(l) == atom) + 1;

    public static string[] Without(this string[] lines, Func<string, bool> atom) => [.. lines.Where(l => !IsAtom(l) || !atom(l))];

    public static string[] Without(this string[] lines, int residue, params string[] atoms) =>
        lines.Without(l => ResidueNumber(l) == residue && (atoms.Length == 0 || atoms.Contains(AtomName(l))));

    public static string[] WithoutConnections(this string[] lines) => [.. lines.Where(l => !l.StartsWith("CONECT", StringComparison.Ordinal))];

    public static string[] Edit(this string[] lines, Func<string, bool> atom, Func<string, string> edit) =>
        [.. lines.Select(l => IsAtom(l) && atom(l) ? edit(l) : l)];

    /// <summary>Gives atoms of a residue other names, in the columns that the format wants.</summary>
    public static string[] Rename(this string[] lines, int residue, params (string From, string To)[] names) =>
        lines.Edit(l => ResidueNumber(l) == residue && names.Any(n => n.From == AtomName(l)), l =>
        {
            string to = names.First(n => n.From == AtomName(l)).To;
            return l[..12] + (to.Length == 4 ? to : " " + to.PadRight(3)) + l[16..];
        });

    public static string Set(string line, int column, string text) => line[..(column - 1)] + text + line[(column - 1 + text.Length)..];

    private static string[] Read(string name) =>
        File.ReadAllLines(Path.Combine(PythonFixtures.Root, "tests", "managed", "fixtures", name));
}
