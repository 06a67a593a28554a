using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text.Json;
using PluginBridge.Core.IO;

namespace PluginBridge.Core.Potentials.Ensemble;

/// <summary>A JSON file that makes several model files one model: their paths, their hashes and what their spread means.</summary>
/// <remarks>
/// <code>
/// { "format": 1, "type": "ensemble", "name": "visnet-gfn2-ensemble",
///   "members": [ { "file": "member-1.safetensors", "sha256": "…" }, … ],
///   "calibration": { "form": "sqrt(floor^2 + (scale * spread)^2)", "floor": 0.3, "scale": 1.2,
///                    "unit": "kcal/mol/angstrom", "measured": { … } } }
/// </code>
/// Files are relative to the JSON file. "calibration" may be absent or null; "measured" is free. Other keys are ignored.
/// </remarks>
internal sealed record EnsembleFile
{
    /// <summary>Extension of such files.</summary>
    public const string Extension = ".json";

    private const int FormatVersion = 1;
    private const string FileType = "ensemble";
    private const string CalibrationForm = "sqrt(floor^2 + (scale * spread)^2)";
    private const ulong LargestSafetensorsHeader = 100_000_000;

    public required string Name { get; init; }

    /// <summary>Paths as written and SHA-256 in lower-case hex.</summary>
    public required IReadOnlyList<(string File, string Hash)> Members { get; init; }

    /// <summary>Null where there is none.</summary>
    public required ForceErrorCalibration? Calibration { get; init; }

    /// <summary>SHA-256 of the JSON file in lower-case hex: it fixes the members through theirs.</summary>
    public required string Hash { get; init; }

    /// <summary>Whether a file is one of this kind, by its extension or its content.</summary>
    public static bool IsEnsemble(string path)
    {
        if (path.EndsWith(Extension, StringComparison.OrdinalIgnoreCase))
            return true;
        Span<byte> start = stackalloc byte[64];
        try
        {
            using FileStream file = File.OpenRead(path);
            return IsJson(start[..file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // whoever reads the file says why it cannot
        }
    }

    /// <summary>Whether the bytes are JSON text rather than safetensors, whose first eight bytes are a header length:
    /// text there would be an impossible one.</summary>
    public static bool IsJson(ReadOnlySpan<byte> bytes)
    {
        int start = bytes.StartsWith((ReadOnlySpan<byte>)[0xEF, 0xBB, 0xBF]) ? 3 : 0;
        int first = bytes[start..].IndexOfAnyExcept(" \t\r\n"u8);
        return first >= 0 && bytes[start + first] == (byte)'{'
            && (bytes.Length < sizeof(ulong) || BinaryPrimitives.ReadUInt64LittleEndian(bytes) > LargestSafetensorsHeader);
    }

    /// <summary>Parses and checks the file's content.</summary>
    /// <exception cref="PluginBridgeException">File: not JSON, a key is missing or makes no sense. Unsupported: a format,
    /// type or calibration that this version does not know.</exception>
    public static EnsembleFile Parse(ReadOnlySpan<byte> bytes, string file)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(bytes.ToArray());
        }
        catch (JsonException e)
        {
            throw new PluginBridgeException(ErrorCode.File, $"Cannot use model file '{file}': it is not JSON ({e.Message})", e);
        }
        using (document)
            return Read(new ModelJson(document.RootElement, file, ""), Convert.ToHexStringLower(SHA256.HashData(bytes)));
    }

    private static EnsembleFile Read(ModelJson root, string hash)
    {
        string type = root.Text("type");
        if (type != FileType)
            throw root.Unsupported($"its type is '{type}'; a JSON model file is an '{FileType}'");
        int format = root.Integer("format");
        if (format != FormatVersion)
            throw root.Unsupported($"its format version is {format}; this version reads {FormatVersion}");

        var members = new List<(string File, string Hash)>();
        foreach (ModelJson member in root.Children("members"))
        {
            (string file, string memberHash) = (member.Text("file"), member.Text("sha256").ToLowerInvariant());
            if (members.Find(m => m.Hash == memberHash).File is { } twin)
                throw root.Bad($"its members '{twin}' and '{file}' are the same file: they would agree however wrong they are");
            members.Add((file, memberHash));
        }
        if (members.Count < 2)
            throw root.Bad($"it has {members.Count} member{(members.Count == 1 ? "" : "s")}; a spread takes two or more");
        return new EnsembleFile
        {
            Name = root.Text("name"),
            Members = members,
            Calibration = root.Has("calibration") ? ReadCalibration(root.Child("calibration")) : null,
            Hash = hash,
        };
    }

    private static ForceErrorCalibration ReadCalibration(ModelJson calibration)
    {
        string form = calibration.Text("form");
        if (form != CalibrationForm)
            throw calibration.Unsupported($"its calibration has the form '{form}'; this version knows '{CalibrationForm}'");
        string unit = calibration.Text("unit");
        double factor = unit switch
        {
            "kcal/mol/angstrom" => Units.KilojoulePerKilocalorie / Units.NanometrePerAngstrom,
            "kJ/mol/nm" => 1,
            _ => throw calibration.Unsupported($"its calibration is in '{unit}'; this version knows kcal/mol/angstrom and kJ/mol/nm"),
        };
        (double floor, double scale) = (calibration.Number("floor"), calibration.Number("scale"));
        if (floor < 0 || scale < 0 || floor + scale == 0)
            throw calibration.Bad($"its calibration with floor {floor} and scale {scale} gives no positive error");
        return new ForceErrorCalibration(factor * floor, scale);
    }
}
