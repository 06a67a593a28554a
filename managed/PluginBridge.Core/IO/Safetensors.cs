using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;

namespace PluginBridge.Core.IO;

/// <summary>A tensor of a <see cref="SafetensorsFile"/>: float32 values, row-major.</summary>
public sealed record SafetensorsTensor(string Name, IReadOnlyList<int> Shape, ReadOnlyMemory<float> Values)
{
    /// <summary>The shape as text, e.g. <c>[64, 32]</c>.</summary>
    public string ShapeText => $"[{string.Join(", ", Shape)}]";
}

/// <summary>Reads the safetensors container: eight bytes of header length (little endian), a JSON header, raw tensors.
/// Only F32 tensors are taken. Source: https://huggingface.co/docs/safetensors (format description).</summary>
public sealed class SafetensorsFile
{
    private const int LengthBytes = 8;
    private const int MaxHeaderBytes = 100_000_000; // the format's own limit

    private SafetensorsFile(string name, string hash, IReadOnlyDictionary<string, SafetensorsTensor> tensors,
        IReadOnlyDictionary<string, string> metadata)
    {
        Name = name;
        Hash = hash;
        Tensors = tensors;
        Metadata = metadata;
    }

    /// <summary>Path or name for messages.</summary>
    public string Name { get; }

    /// <summary>SHA-256 of all bytes, lower-case hex.</summary>
    public string Hash { get; }

    /// <summary>Tensors by name.</summary>
    public IReadOnlyDictionary<string, SafetensorsTensor> Tensors { get; }

    /// <summary>The header's <c>__metadata__</c>.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Reads a file.</summary>
    /// <exception cref="PluginBridgeException">Missing, unreadable, truncated or not safetensors.</exception>
    public static SafetensorsFile Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new PluginBridgeException(ErrorCode.File, $"Cannot read model file '{path}': {e.Message}", e);
        }
        return Parse(bytes, path);
    }

    /// <summary>Reads a file image in memory.</summary>
    /// <param name="bytes">The whole file.</param>
    /// <param name="name">Name for messages.</param>
    /// <exception cref="PluginBridgeException">Truncated or not safetensors.</exception>
    public static SafetensorsFile Parse(ReadOnlySpan<byte> bytes, string name)
    {
        if (bytes.Length < LengthBytes)
            throw Bad(name, $"it has {bytes.Length} bytes, too few for a safetensors file");
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        if (length > MaxHeaderBytes || length < 2)
            throw Bad(name, "it is not a safetensors file (the header length makes no sense)");
        if (length > (ulong)(bytes.Length - LengthBytes))
            throw Bad(name, $"it is truncated: the header takes {length} bytes, {bytes.Length - LengthBytes} are there");
        var header = bytes.Slice(LengthBytes, (int)length);
        var data = bytes[(LengthBytes + (int)length)..];

        JsonDocument json;
        try
        {
            json = JsonDocument.Parse(header.ToArray());
        }
        catch (JsonException e)
        {
            throw new PluginBridgeException(ErrorCode.File,
                $"Model file '{name}' is not a safetensors file: its header is not JSON ({e.Message})", e);
        }
        using (json)
        {
            if (json.RootElement.ValueKind != JsonValueKind.Object)
                throw Bad(name, "it is not a safetensors file (the header is not a JSON object)");
            var tensors = new Dictionary<string, SafetensorsTensor>(StringComparer.Ordinal);
            var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var entry in json.RootElement.EnumerateObject())
            {
                if (entry.Name == "__metadata__")
                    ReadMetadata(entry.Value, name, metadata);
                else if (!tensors.TryAdd(entry.Name, ReadTensor(entry, data, name)))
                    throw Bad(name, $"tensor '{entry.Name}' occurs twice");
            }
            return new SafetensorsFile(name, Convert.ToHexStringLower(SHA256.HashData(bytes)), tensors, metadata);
        }
    }

    private static void ReadMetadata(JsonElement value, string name, Dictionary<string, string> metadata)
    {
        if (value.ValueKind != JsonValueKind.Object)
            throw Bad(name, "'__metadata__' is not a JSON object");
        foreach (var entry in value.EnumerateObject())
        {
            if (entry.Value.ValueKind != JsonValueKind.String)
                throw Bad(name, $"'__metadata__' entry '{entry.Name}' is not a string");
            metadata[entry.Name] = entry.Value.GetString()!;
        }
    }

    private static SafetensorsTensor ReadTensor(JsonProperty entry, ReadOnlySpan<byte> data, string file)
    {
        string name = entry.Name;
        var value = entry.Value;
        if (value.ValueKind != JsonValueKind.Object
            || !value.TryGetProperty("dtype", out var type) || type.ValueKind != JsonValueKind.String
            || !value.TryGetProperty("shape", out var shapeJson) || shapeJson.ValueKind != JsonValueKind.Array
            || !value.TryGetProperty("data_offsets", out var offsets) || offsets.ValueKind != JsonValueKind.Array
            || offsets.GetArrayLength() != 2)
            throw Bad(file, $"the entry of tensor '{name}' lacks dtype, shape or data_offsets");
        if (type.GetString() != "F32")
            throw Bad(file, $"tensor '{name}' is {type.GetString()}; only F32 is read");

        var shape = new int[shapeJson.GetArrayLength()];
        long count = 1;
        for (int d = 0; d < shape.Length; d++)
        {
            if (shapeJson[d].ValueKind != JsonValueKind.Number || !shapeJson[d].TryGetInt32(out shape[d]) || shape[d] < 0)
                throw Bad(file, $"the shape of tensor '{name}' is not a list of sizes");
            count *= shape[d];
            if (count > int.MaxValue / sizeof(float))
                throw Bad(file, $"tensor '{name}' is too large");
        }
        if (offsets[0].ValueKind != JsonValueKind.Number || !offsets[0].TryGetInt64(out long begin)
            || offsets[1].ValueKind != JsonValueKind.Number || !offsets[1].TryGetInt64(out long end)
            || begin < 0 || end < begin || end - begin != count * sizeof(float))
            throw Bad(file, $"the data_offsets of tensor '{name}' do not fit its shape");
        if (end > data.Length)
            throw Bad(file, string.Create(CultureInfo.InvariantCulture,
                $"it is truncated: tensor '{name}' ends at byte {end} of the data, {data.Length} are there"));

        var values = new float[count];
        var source = data[(int)begin..(int)end];
        if (BitConverter.IsLittleEndian)
            source.CopyTo(MemoryMarshal.AsBytes(values.AsSpan()));
        else
            for (int i = 0; i < values.Length; i++)
                values[i] = BinaryPrimitives.ReadSingleLittleEndian(source[(i * sizeof(float))..]);
        return new SafetensorsTensor(name, shape, values);
    }

    private static PluginBridgeException Bad(string file, string reason) =>
        new(ErrorCode.File, $"Cannot use model file '{file}': {reason}.");
}
