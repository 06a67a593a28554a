using System.Runtime.InteropServices;
using System.Text.Json;
using PluginBridge.Core.Potentials;

namespace PluginBridge.Core.Tests;

/// <summary>What the PyTorch twin says of frames of one molecule, in nm and kJ/mol. Scale: Σ |atomic energy| without reference
/// energies, which energy errors are measured by. SingleEnergyError and SingleForceError: the
/// largest errors of PyTorch in single precision.</summary>
internal sealed record ViSNetCase(string Name, Molecule Molecule, double[][] Positions, double[] Energies, double[] Scales,
    double[][] Forces, double SingleEnergyError, double SingleForceError)
{
    public override string ToString() => Name;
}

/// <summary>Runs fixtures/make_visnet_references.py, once for each version of the script and of the twin, and reads what it
/// wrote from build/test-fixtures.</summary>
internal static class ViSNetReferences
{
    private static readonly Lazy<string> _folder = new(Make);

    public static string ModelPath(string model) => Path.Combine(_folder.Value, model + ".safetensors");

    public static IReadOnlyList<ViSNetCase> Load(string model)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder.Value, model + ".json")));
        double unit = document.RootElement.GetProperty("energyUnit").GetString() switch
        {
            "kcal/mol" => 4.184,
            "kJ/mol" => 1,
            "eV" => 96.48533212331001,
            "hartree" => 2625.4996394798254,
            var other => throw new InvalidDataException(other),
        };
        var data = MemoryMarshal.Cast<byte, double>(File.ReadAllBytes(Path.Combine(_folder.Value, model + ".bin"))).ToArray();
        return [.. document.RootElement.GetProperty("cases").EnumerateArray().Select(e => Read(e, data, unit))];
    }

    /// <summary>Ignores the test if the case is not there, because its structure was not handed out with the tests.</summary>
    public static ViSNetCase Load(string model, string name)
    {
        var found = Load(model).FirstOrDefault(c => c.Name == name);
        if (found is null)
            Assert.Ignore($"{name}.pdb is not in {PythonFixtures.Shared}/data/proteins");
        return found!;
    }

    private static ViSNetCase Read(JsonElement json, double[] data, double unit)
    {
        int[] numbers = [.. json.GetProperty("numbers").EnumerateArray().Select(e => e.GetInt32())];
        int frames = json.GetProperty("frames").GetInt32(), next = json.GetProperty("offset").GetInt32(), n = 3 * numbers.Length;
        double[] Take(int count, double factor)
        {
            next += count;
            return [.. data[(next - count)..next].Select(x => factor * x)];
        }

        double[][] positions = [.. Enumerable.Range(0, frames).Select(_ => Take(n, 0.1))];
        double[] energies = Take(frames, unit), scales = Take(frames, unit);
        double[][] forces = [.. Enumerable.Range(0, frames).Select(_ => Take(n, unit * 10))];
        double[] single = [.. json.GetProperty("singleErrors").EnumerateArray().Select(e => e.GetDouble() * unit)];
        return new ViSNetCase(json.GetProperty("name").GetString()!, new Molecule(numbers, json.GetProperty("charge").GetInt32()),
            positions, energies, scales, forces, single[0], single[1] * 10);
    }

    private static string Make() => PythonFixtures.Make("visnet", "make_visnet_references.py",
        new[] { "visnet", "graph", "edge_ops", "modelfile", "molecules" }
            .Select(n => Path.Combine(PythonFixtures.Root, "training", "pbtrain", n + ".py"))
            .Append(Path.Combine(PythonFixtures.Root, "models", "visnet-gfn2", "visnet-gfn2.safetensors")),
        [Path.Combine(PythonFixtures.Shared, "data", "proteins", "chig.pdb")]);
}
