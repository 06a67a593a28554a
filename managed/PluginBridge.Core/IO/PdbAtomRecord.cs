using System.Globalization;
using PluginBridge.Core.Chemistry;

namespace PluginBridge.Core.IO;

/// <summary>One ATOM or HETATM line; coordinates in nm.</summary>
internal sealed record PdbAtomRecord(int Line, string Serial, string Name, char AltLoc, string ResidueName, string Chain,
    string ResidueNumber, double X, double Y, double Z, double Occupancy, int AtomicNumber, string ElementText)
{
    /// <summary>Whether the file calls it deuterium; it is taken as hydrogen, and so is its name.</summary>
    public bool IsDeuterium { get; private init; }

    /// <summary>How messages name it: <c>atom HA of TYR 2 (chain A)</c>.</summary>
    public string Describe() => $"atom {Name} of {DescribeResidue()}";

    /// <summary>How messages name its residue.</summary>
    public string DescribeResidue() =>
        Chain.Length > 0 ? $"{ResidueName} {ResidueNumber} (chain {Chain})" : $"{ResidueName} {ResidueNumber}";

    public static PdbAtomRecord Parse(string text, int line, string file)
    {
        string name = Field(text, 12, 4);
        string residueName = Field(text, 17, 4); // the column before the chain identifier is for NALA and the like
        string number = Field(text, 22, 4) + Field(text, 26, 1);
        string chain = Field(text, 21, 1);
        if (name.Length == 0 || residueName.Length == 0)
            throw new PluginBridgeException(ErrorCode.File,
                $"{file}, line {line}: the {Field(text, 0, 6)} record has no {(name.Length == 0 ? "atom" : "residue")} name in its column.");
        var coordinates = new double[3];
        for (int axis = 0; axis < 3; axis++)
        {
            string field = Field(text, 30 + 8 * axis, 8);
            if (RunsOn(text, 30 + 8 * axis, field))
                throw new PluginBridgeException(ErrorCode.File,
                    $"{file}, line {line}: {"xyz"[axis]} of atom {name} of {residueName} {number} ('{field}') is wider than its columns "
                    + $"{31 + 8 * axis}-{38 + 8 * axis}, so that the line cannot be read by columns. Move the structure to the origin.");
            if (!TryNumber(field, out coordinates[axis]))
                throw new PluginBridgeException(ErrorCode.File,
                    $"{file}, line {line}: {"xyz"[axis]} of atom {name} of {residueName} {number} is '{field}', which is not a number "
                    + $"(columns {31 + 8 * axis}-{38 + 8 * axis}).");
        }

        string occupancy = Field(text, 54, 6);
        string element = Field(text, 76, 2);
        bool deuterium = element.ToUpperInvariant() is "D" || (element.Length == 0 && name.TrimStart('0', '1', '2', '3') is ['D' or 'd', ..]);
        if (deuterium)
            name = Hydrogen(name);
        return new PdbAtomRecord(line, Field(text, 6, 5), name, text.Length > 16 ? text[16] : ' ', residueName, chain, number,
            coordinates[0] * Units.NanometrePerAngstrom, coordinates[1] * Units.NanometrePerAngstrom,
            coordinates[2] * Units.NanometrePerAngstrom, TryNumber(occupancy, out double o) ? o : 1.0,
            deuterium ? 1 : ElementOf(element, name), element)
        {
            IsDeuterium = deuterium,
        };
    }

    /// <summary>Name of the hydrogen in a deuterium's place: DA, HA.</summary>
    private static string Hydrogen(string name)
    {
        int d = name.IndexOfAny(['D', 'd']);
        return d < 0 ? name : $"{name[..d]}H{name[(d + 1)..]}";
    }

    /// <summary>Whether a number goes on into the next columns. Read by columns it would be a wrong one, unless it has the
    /// format's three decimals: then its neighbour fills its own columns.</summary>
    private static bool RunsOn(string text, int start, string field)
    {
        int end = start + 8;
        return end < text.Length && !char.IsWhiteSpace(text[end - 1]) && !char.IsWhiteSpace(text[end])
            && !(field.LastIndexOf('.') is var point && point == field.Length - 4);
    }

    /// <summary>Trimmed text of columns that a short line may not reach.</summary>
    public static string Field(string text, int start, int length) =>
        start >= text.Length ? "" : text.Substring(start, Math.Min(length, text.Length - start)).Trim();

    public static bool TryNumber(string field, out double value) =>
        double.TryParse(field, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && double.IsFinite(value);

    /// <summary>Element of columns 77-78, or of the name's first letter, as proteins need no more; 0 where neither is one.</summary>
    private static int ElementOf(string element, string name)
    {
        int z = Elements.AtomicNumber(element);
        if (z > 0 || element.Any(char.IsLetter))
            return z;
        string letters = name.TrimStart('0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '\'', '"');
        return letters.Length > 0 ? Elements.AtomicNumber(letters.AsSpan(0, 1)) : 0;
    }
}

/// <summary>The lines of one residue, alternate locations included.</summary>
internal sealed class PdbResidueRecord(PdbAtomRecord first, int segment)
{
    /// <summary>Lines of its atoms.</summary>
    public List<PdbAtomRecord> Atoms { get; private set; } = [first];

    /// <summary>Counts chains as TER and chain identifiers separate them.</summary>
    public int Segment { get; } = segment;

    /// <summary>Name, from the first line that is kept.</summary>
    public string Name => Atoms[0].ResidueName;

    /// <summary>How messages name it.</summary>
    public string Describe() => Atoms[0].DescribeResidue();

    /// <summary>Whether a line continues this residue.</summary>
    public bool Continues(PdbAtomRecord next)
    {
        PdbAtomRecord last = Atoms[^1];
        return next.Chain == last.Chain && next.ResidueNumber == last.ResidueNumber
            && (next.ResidueName == last.ResidueName || (next.AltLoc != ' ' && last.AltLoc != ' '));
    }

    /// <summary>Keeps one alternate location: the one of the highest occupancy, the first among equals.</summary>
    /// <returns>A note on the choice, null where there was none.</returns>
    public string? SelectAlternates(string file)
    {
        char[] labels = [.. Atoms.Select(a => a.AltLoc).Where(c => c != ' ').Distinct()];
        string? note = null;
        if (labels.Length > 0)
        {
            char chosen = labels.MaxBy(label => Atoms.Where(a => a.AltLoc == label).Average(a => a.Occupancy));
            string name = Atoms.First(a => a.AltLoc == chosen).ResidueName;
            if (labels.Length > 1)
                note = $"{file}: {Describe()} has alternate locations {string.Join(", ", labels)}; {chosen} is used.";
            Atoms = [.. Atoms.Where(a => a.ResidueName == name)
                .GroupBy(a => a.Name)
                .Select(group => group.FirstOrDefault(a => a.AltLoc == chosen) ?? group.MaxBy(a => a.Occupancy)!)
                .OrderBy(a => a.Line)];
            return note;
        }

        IGrouping<string, PdbAtomRecord>? twice = Atoms.GroupBy(a => a.Name).FirstOrDefault(g => g.Count() > 1);
        if (twice is not null)
            throw new PluginBridgeException(ErrorCode.File,
                $"{file}, line {twice.ElementAt(1).Line}: {twice.First().Describe()} is there twice "
                + $"(first on line {twice.First().Line}). "
                + "Remove one, or mark alternate locations in column 17.");
        return null;
    }
}
