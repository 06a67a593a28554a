using System.Text.Json;

namespace PluginBridge.Core.Chemistry;

/// <summary>A residue name that stands for several protonation forms.</summary>
internal sealed record ResidueFamily(string Name, string[] Forms, string[] Aliases);

/// <summary>One term of a torsion definition: k(1+cos(nφ−φ₀)).</summary>
internal readonly record struct TorsionTerm(int Periodicity, double Phase, double Constant);

/// <summary>Torsion parameters of four atom types; <c>*</c> stands for any. Terms of zero constant are left out.</summary>
internal sealed record TorsionDefinition(string[] Types, TorsionTerm[] Terms)
{
    public bool HasWildcard { get; } = Types.Contains("*");
}

/// <summary>
/// The ff14SB table embedded in the assembly, as read from <c>Data/ff14sb.json</c>, which
/// <c>Data/make_ff14sb_table.py</c> makes from OpenMM's amber14/protein.ff14SB.xml.
/// </summary>
internal sealed class ForceFieldTable
{
    private static readonly Lazy<ForceFieldTable> _instance = new(Load);

    private ForceFieldTable(JsonElement root)
    {
        Coulomb14Scale = root.GetProperty("coulomb14Scale").GetDouble();
        LennardJones14Scale = root.GetProperty("lennardJones14Scale").GetDouble();
        var elements = new Dictionary<string, int>();
        var lennardJones = new Dictionary<string, (double, double)>();
        foreach (JsonElement row in root.GetProperty("atomTypes").EnumerateArray())
        {
            elements.Add(Text(row[0]), Elements.AtomicNumber(Text(row[1])));
            lennardJones.Add(Text(row[0]), (row[2].GetDouble(), row[3].GetDouble()));
        }

        LennardJones = lennardJones;
        Families = [.. root.GetProperty("families").EnumerateArray().Select(f =>
            new ResidueFamily(Text(f.GetProperty("name")), Texts(f.GetProperty("forms")), Texts(f.GetProperty("aliases"))))];
        AtomNames = root.GetProperty("atomNames").EnumerateObject().ToDictionary(
            p => p.Name, p => p.Value.EnumerateArray().Select(Texts).ToArray());
        Residues = [.. root.GetProperty("residues").EnumerateArray().Select(r => ReadResidue(r, elements))];

        var bonds = new Dictionary<(string, string), (double, double)>();
        foreach (JsonElement row in root.GetProperty("bonds").EnumerateArray())
        {
            string[] types = Text(row[0]).Split(' ');
            bonds[(types[0], types[1])] = bonds[(types[1], types[0])] = (row[1].GetDouble(), row[2].GetDouble());
        }

        var angles = new Dictionary<(string, string, string), (double, double)>();
        foreach (JsonElement row in root.GetProperty("angles").EnumerateArray())
        {
            string[] types = Text(row[0]).Split(' ');
            angles[(types[0], types[1], types[2])] = angles[(types[2], types[1], types[0])] = (row[1].GetDouble(), row[2].GetDouble());
        }

        Bonds = bonds;
        Angles = angles;
        Propers = [.. root.GetProperty("propers").EnumerateArray().Select(ReadTorsion)];
        Impropers = [.. root.GetProperty("impropers").EnumerateArray().Select(ReadTorsion)];
    }

    /// <summary>The table.</summary>
    public static ForceFieldTable Instance => _instance.Value;

    /// <summary>Scale of the Coulomb energy of 1-4 pairs.</summary>
    public double Coulomb14Scale { get; }

    /// <summary>Scale of the Lennard-Jones energy of 1-4 pairs.</summary>
    public double LennardJones14Scale { get; }

    /// <summary>σ (nm) and ε (kJ/mol) by atom type.</summary>
    public IReadOnlyDictionary<string, (double Sigma, double Epsilon)> LennardJones { get; }

    /// <summary>Residue names that stand for several forms.</summary>
    public IReadOnlyList<ResidueFamily> Families { get; }

    /// <summary>Groups of synonymous atom names by residue; those of <c>*</c> hold for all.</summary>
    public IReadOnlyDictionary<string, string[][]> AtomNames { get; }

    /// <summary>Residue templates.</summary>
    public IReadOnlyList<ResidueTemplate> Residues { get; }

    /// <summary>Length (nm) and constant (kJ/mol/nm²) by atom types, in both directions.</summary>
    public IReadOnlyDictionary<(string, string), (double Length, double Constant)> Bonds { get; }

    /// <summary>Angle (rad) and constant (kJ/mol/rad²) by atom types, in both directions.</summary>
    public IReadOnlyDictionary<(string, string, string), (double Angle, double Constant)> Angles { get; }

    /// <summary>Proper torsions.</summary>
    public IReadOnlyList<TorsionDefinition> Propers { get; }

    /// <summary>Improper torsions; the central atom's type is the first.</summary>
    public IReadOnlyList<TorsionDefinition> Impropers { get; }

    private static ForceFieldTable Load()
    {
        using Stream stream = typeof(ForceFieldTable).Assembly.GetManifestResourceStream("PluginBridge.Core.Chemistry.Data.ff14sb.json")
            ?? throw new PluginBridgeException(ErrorCode.Internal, "The ff14SB table is missing from the assembly's resources.");
        using JsonDocument document = JsonDocument.Parse(stream);
        return new ForceFieldTable(document.RootElement);
    }

    private static ResidueTemplate ReadResidue(JsonElement node, Dictionary<string, int> elements)
    {
        TemplateAtom[] atoms = [.. node.GetProperty("atoms").EnumerateArray().Select(row => new TemplateAtom(
            Text(row[0]), Text(row[1]), elements[Text(row[1])], row[2].GetDouble(), row.GetArrayLength() > 3 ? row[3].GetInt32() : 0))];
        ChainPosition position = Text(node.GetProperty("terminus")) switch
        {
            "N" => ChainPosition.NTerminal,
            "C" => ChainPosition.CTerminal,
            _ => ChainPosition.Internal,
        };
        return new ResidueTemplate(Text(node.GetProperty("name")), Text(node.GetProperty("base")), position,
            Text(node.GetProperty("kind")) == "cap", atoms,
            Text(node.GetProperty("bonds")).Split(' ').Select(b => b.Split('-')).Select(b => (b[0], b[1])),
            Text(node.GetProperty("externalBonds")).Split(' '));
    }

    private static TorsionDefinition ReadTorsion(JsonElement row) => new(
        Text(row[0]).Split(' '),
        [.. row.EnumerateArray().Skip(1).Select(t => new TorsionTerm(t[0].GetInt32(), t[1].GetDouble(), t[2].GetDouble()))]);

    private static string Text(JsonElement element) => element.GetString()!;

    private static string[] Texts(JsonElement element) => [.. element.EnumerateArray().Select(Text)];
}
