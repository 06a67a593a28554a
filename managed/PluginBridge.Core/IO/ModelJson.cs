using System.Text.Json;

namespace PluginBridge.Core.IO;

/// <summary>An object of a model's JSON that names file and key when something is wrong.</summary>
/// <param name="element">The object.</param>
/// <param name="file">The model file, for messages.</param>
/// <param name="path">Where in the file it is, e.g. <c>metadata.units</c>; empty for a file that is JSON itself.</param>
internal readonly struct ModelJson(JsonElement element, string file, string path)
{
    /// <summary>The error of content that makes no sense.</summary>
    public PluginBridgeException Bad(string reason) =>
        new(ErrorCode.File, $"Cannot use model file '{file}': {reason}{(path.StartsWith("metadata", StringComparison.Ordinal) ? " (in its metadata)" : "")}.");

    /// <summary>The error of content that another version may understand.</summary>
    public PluginBridgeException Unsupported(string reason) =>
        new(ErrorCode.Unsupported, $"Cannot use model file '{file}': {reason}.");

    /// <summary>An object.</summary>
    public ModelJson Child(string key) => new(Get(key, JsonValueKind.Object, "an object"), file, Path(key));

    /// <summary>A list of objects.</summary>
    public ModelJson[] Children(string key)
    {
        var list = new List<ModelJson>();
        foreach (JsonElement item in Get(key, JsonValueKind.Array, "a list").EnumerateArray())
            list.Add(new ModelJson(item, file, $"{Path(key)}[{list.Count}]"));
        return [.. list];
    }

    public string Text(string key) => Get(key, JsonValueKind.String, "a text").GetString()!;

    public bool Has(string key) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null;

    public string? OptionalText(string key) => Has(key) ? Text(key) : null;

    public double Number(string key)
    {
        double number = Get(key, JsonValueKind.Number, "a number").GetDouble();
        return double.IsFinite(number) ? number : throw Bad($"'{Path(key)}' is not a finite number");
    }

    public int Integer(string key) =>
        Get(key, JsonValueKind.Number, "a number").TryGetInt32(out int number)
            ? number
            : throw Bad($"'{Path(key)}' is not a whole number");

    public int[] Integers(string key)
    {
        var array = Get(key, JsonValueKind.Array, "a list");
        var numbers = new int[array.GetArrayLength()];
        for (int i = 0; i < numbers.Length; i++)
            if (array[i].ValueKind != JsonValueKind.Number || !array[i].TryGetInt32(out numbers[i]))
                throw Bad($"'{Path(key)}' is not a list of whole numbers");
        return numbers;
    }

    private string Path(string key) => path.Length == 0 ? key : $"{path}.{key}";

    private JsonElement Get(string key, JsonValueKind kind, string kindText)
    {
        if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(key, out var value))
            throw Bad($"'{Path(key)}' is missing");
        return value.ValueKind == kind ? value : throw Bad($"'{Path(key)}' is not {kindText}");
    }
}
