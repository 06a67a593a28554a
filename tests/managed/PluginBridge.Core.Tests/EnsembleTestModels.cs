using System.Text.Json.Nodes;
using PluginBridge.Core.Potentials.Ensemble;

namespace PluginBridge.Core.Tests;

/// <summary>A folder with networks of different random weights and an ensemble file, deleted at the end.</summary>
internal sealed class EnsembleTestModels : IDisposable
{
    public EnsembleTestModels(int members = 3, Action<int, ViSNetTestModel>? edit = null, int channels = 16)
    {
        Folder = Directory.CreateTempSubdirectory("pluginbridge-ensemble-").FullName;
        Json = new JsonObject { ["format"] = 1, ["type"] = "ensemble", ["name"] = "committee", ["members"] = new JsonArray() };
        for (int m = 0; m < members; m++)
        {
            var model = new ViSNetTestModel(channels: channels, layers: 2, seed: 10 + m);
            edit?.Invoke(m, model);
            Add($"member-{m}.safetensors", model.Bytes());
        }
    }

    public string Folder { get; }

    /// <summary>The ensemble file's content, written by <see cref="Write"/>.</summary>
    public JsonObject Json { get; }

    public JsonArray Members => (JsonArray)Json["members"]!;

    public string Member(int index) => Path.Combine(Folder, Members[index]!["file"]!.GetValue<string>());

    public void Add(string file, byte[] bytes)
    {
        File.WriteAllBytes(Path.Combine(Folder, file), bytes);
        Members.Add(new JsonObject { ["file"] = file, ["sha256"] = HashOf(bytes) });
    }

    public void Calibrate(double floor, double scale, string unit) => Json["calibration"] = new JsonObject
    {
        ["form"] = "sqrt(floor^2 + (scale * spread)^2)",
        ["floor"] = floor,
        ["scale"] = scale,
        ["unit"] = unit,
        ["measured"] = new JsonObject { ["anything"] = "goes" },
    };

    /// <summary>Writes the ensemble file; its path.</summary>
    public string Write(string file = "committee.json")
    {
        string path = Path.Combine(Folder, file);
        File.WriteAllText(path, Json.ToJsonString());
        return path;
    }

    public EnsemblePotential Load() => EnsemblePotential.Load(Write());

    public static string HashOf(byte[] bytes) => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes));

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
