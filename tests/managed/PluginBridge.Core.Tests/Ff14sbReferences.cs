using System.Text.Json;
using PluginBridge.Core.Chemistry;

namespace PluginBridge.Core.Tests;

/// <summary>What OpenMM says of one molecule.</summary>
internal sealed record Ff14sbReference(string Name, string PdbPath, string[] Forms, double[] Positions,
    IReadOnlyDictionary<string, double> Energies, double[] Forces, MolecularMechanicsTerms Terms);

/// <summary>
/// Runs fixtures/make_forcefield_references.py with OpenMM, once for each version of the script, and reads what it wrote
/// from build/test-fixtures.
/// </summary>
internal static class Ff14sbReferences
{
    private static readonly Lazy<string> _folder = new(Make);

    public static Ff14sbReference Load(string name)
    {
        string path = Path.Combine(_folder.Value, name + ".json");
        if (!File.Exists(path))
            Assert.Ignore($"{name}.pdb is not in {PythonFixtures.Shared}/data/proteins");
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(path));
        JsonElement root = document.RootElement;
        return new Ff14sbReference(name, Path.Combine(_folder.Value, name + ".pdb"),
            [.. root.GetProperty("forms").EnumerateArray().Select(e => e.GetString()!)],
            Numbers(root.GetProperty("positions")),
            root.GetProperty("energies").EnumerateObject().ToDictionary(p => p.Name, p => p.Value.GetDouble()),
            Numbers(root.GetProperty("forces")), Terms(root.GetProperty("terms")));
    }

    private static MolecularMechanicsTerms Terms(JsonElement terms)
    {
        return new MolecularMechanicsTerms
        {
            AtomCount = terms.GetProperty("atoms").GetInt32(),
            Bonds = [.. Rows("bonds").Select(r => new HarmonicBond((int)r[0], (int)r[1], r[2], r[3]))],
            Angles = [.. Rows("angles").Select(r => new HarmonicAngle((int)r[0], (int)r[1], (int)r[2], r[3], r[4]))],
            Torsions = [.. Rows("torsions").Select(r => new PeriodicTorsion((int)r[0], (int)r[1], (int)r[2], (int)r[3], (int)r[4], r[5], r[6]))],
            RyckaertBellemansTorsions = [.. Rows("ryckaertBellemans").Select(r =>
                new RyckaertBellemansTorsion((int)r[0], (int)r[1], (int)r[2], (int)r[3], r[4], r[5], r[6], r[7], r[8], r[9]))],
            CmapTorsions = [.. Rows("cmaps").Select(r => new CmapTorsion((int)r[0], (int)r[1], (int)r[2], (int)r[3], (int)r[4],
                (int)r[5], (int)r[6], (int)r[7], (int)r[8]))],
            CmapGrids = [.. Rows("cmapGrids").Select(r => new CmapGrid((int)r[0], r[1..]))],
            Nonbonded = [.. Rows("nonbonded").Select(r => new NonbondedParameters(r[0], r[1], r[2]))],
            Exceptions = [.. Rows("exceptions").Select(r => new NonbondedException((int)r[0], (int)r[1], r[2], r[3], r[4]))],
        };

        IEnumerable<double[]> Rows(string key) => terms.TryGetProperty(key, out JsonElement rows) ? rows.EnumerateArray().Select(Numbers) : [];
    }

    private static double[] Numbers(JsonElement list) => [.. list.EnumerateArray().Select(e => e.GetDouble())];

    private static string Make()
    {
        string proteins = Path.Combine(PythonFixtures.Shared, "data", "proteins");
        return PythonFixtures.Make("ff14sb", "make_forcefield_references.py", [],
            new[] { "chig", "trpcage" }.Select(n => Path.Combine(proteins, n + ".pdb")));
    }
}
