using System.Text.Json;
using PluginBridge.Core.IO;

namespace PluginBridge.Core.Potentials.ViSNet;

/// <summary>What a model file says about itself: the JSON under the metadata key <c>pluginbridge</c>.</summary>
internal sealed record ViSNetHeader
{
    private const int FormatVersion = 1;

    public required string Name { get; init; }

    public required int HiddenChannels { get; init; }

    public required int Layers { get; init; }

    public required int Heads { get; init; }

    public required int RadialFunctions { get; init; }

    public required double CutoffAngstrom { get; init; }

    /// <summary>Of the envelope, see <see cref="CutoffEnvelope{T, V}"/>; 0: cosine.</summary>
    public required int EnvelopeExponent { get; init; }

    /// <summary>Added to the squared norms of vector features in the read-out. Small ones make a kink where a vector
    /// vanishes, which shows in energy conservation.</summary>
    public required double NormFloor { get; init; }

    /// <summary>Floor of the norm of vector features, see <see cref="VectorNorm{T, V}"/>; 0: none, as published.</summary>
    public required double VectorNorm { get; init; }

    /// <summary>Atomic numbers; an atom's type is its place in the list.</summary>
    public required int[] Elements { get; init; }

    public required PotentialTarget Target { get; init; }

    public required string? BaseForceField { get; init; }

    public required string ReferenceMethod { get; init; }

    /// <summary>kJ/mol in one energy unit of the network.</summary>
    public required double EnergyUnit { get; init; }

    /// <summary>Factor from the network's atomic outputs to its energy unit.</summary>
    public required double EnergyScale { get; init; }

    /// <summary>Reference energy by atom type, in the network's energy unit.</summary>
    public required double[] ReferenceEnergies { get; init; }

    /// <summary>Reference energy per elementary charge, in the network's energy unit.</summary>
    public required double ReferenceCharge { get; init; }

    /// <summary>Parses and checks the JSON text of a header.</summary>
    /// <exception cref="PluginBridgeException">File: a key is missing or of the wrong kind. Unsupported: an architecture,
    /// format, target or unit that this version does not know.</exception>
    public static ViSNetHeader Parse(string text, string file)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(text);
        }
        catch (JsonException e)
        {
            throw new PluginBridgeException(ErrorCode.File,
                $"Cannot use model file '{file}': its metadata 'pluginbridge' is not JSON ({e.Message})", e);
        }
        using (document)
            return Read(new ModelJson(document.RootElement, file, "metadata"));
    }

    private static ViSNetHeader Read(ModelJson root)
    {
        int format = root.Integer("format");
        if (format != FormatVersion)
            throw root.Unsupported($"its format version is {format}; this version reads {FormatVersion}");

        var architecture = root.Child("architecture");
        string type = architecture.Text("type");
        if (type != "visnet")
            throw root.Unsupported($"its architecture is '{type}'; this version knows 'visnet'");
        int order = architecture.Integer("l_max");
        if (order != 1)
            throw root.Unsupported($"its l_max is {order}; this version knows l_max = 1");

        var units = root.Child("units");
        string length = units.Text("length");
        if (length != "angstrom")
            throw root.Unsupported($"its unit of length is '{length}'; this version knows 'angstrom'");

        int[] elements = root.Integers("elements");
        var reference = root.Child("reference_energies");
        var referenceElements = reference.Child("elements");
        var header = new ViSNetHeader
        {
            Name = root.Text("name"),
            HiddenChannels = architecture.Integer("hidden_channels"),
            Layers = architecture.Integer("num_layers"),
            Heads = architecture.Integer("num_heads"),
            RadialFunctions = architecture.Integer("num_rbf"),
            CutoffAngstrom = architecture.Number("cutoff"),
            // Absent: as in the published ViSNet.
            EnvelopeExponent = architecture.Has("envelope_exponent") ? architecture.Integer("envelope_exponent") : 0,
            NormFloor = architecture.Has("norm_floor") ? architecture.Number("norm_floor") : 1e-8,
            VectorNorm = architecture.Has("vector_norm") ? architecture.Number("vector_norm") : 0,
            Elements = elements,
            Target = ParseTarget(root),
            BaseForceField = root.OptionalText("base_force_field"),
            ReferenceMethod = root.Text("reference_method"),
            EnergyUnit = ParseEnergyUnit(root, units.Text("energy")),
            EnergyScale = root.Number("energy_scale"),
            ReferenceEnergies =
                [.. elements.Select(z => referenceElements.Number(z.ToString(System.Globalization.CultureInfo.InvariantCulture)))],
            ReferenceCharge = reference.Number("charge"),
        };
        header.Check(root);
        return header;
    }

    private void Check(ModelJson root)
    {
        if (HiddenChannels < 2 || HiddenChannels > 65536 || HiddenChannels % 2 != 0)
            throw root.Bad($"hidden_channels is {HiddenChannels}, not a positive even number");
        if (Heads < 1 || HiddenChannels % Heads != 0)
            throw root.Bad($"num_heads is {Heads}, which does not divide hidden_channels = {HiddenChannels}");
        if (Layers is < 1 or > 1000)
            throw root.Bad($"num_layers is {Layers}");
        if (RadialFunctions is < 1 or > 65536)
            throw root.Bad($"num_rbf is {RadialFunctions}");
        if (!(CutoffAngstrom > 0) || !double.IsFinite(CutoffAngstrom))
            throw root.Bad($"cutoff is {CutoffAngstrom}");
        if (EnvelopeExponent is not 0 and (< 3 or > 20))
            throw root.Bad($"envelope_exponent is {EnvelopeExponent}, neither 0 (cosine) nor from 3 to 20");
        if (!(NormFloor > 0))
            throw root.Bad($"norm_floor is {NormFloor}");
        if (!(VectorNorm >= 0) || !double.IsFinite(VectorNorm))
            throw root.Bad($"vector_norm is {VectorNorm}, neither 0 (none) nor positive");
        if (Elements.Length == 0 || Elements.Any(z => z is < 1 or > 118) || Elements.Distinct().Count() != Elements.Length)
            throw root.Bad("elements is not a list of different atomic numbers");
        if (Target != PotentialTarget.Absolute && BaseForceField is null)
            throw root.Bad("base_force_field is missing, though the target is a difference to a force field");
    }

    private static PotentialTarget ParseTarget(ModelJson root)
    {
        string target = root.Text("target");
        return target.Replace('−', '-').Replace(" ", "", StringComparison.Ordinal) switch
        {
            "E_QM" => PotentialTarget.Absolute,
            "E_QM-E_MM" => PotentialTarget.CorrectionToForceField,
            "E_QM-E_nb" => PotentialTarget.CorrectionToNonbonded,
            _ => throw root.Unsupported($"its target is '{target}'; this version knows E_QM, E_QM - E_MM and E_QM - E_nb"),
        };
    }

    private static double ParseEnergyUnit(ModelJson root, string unit) => unit switch
    {
        "kcal/mol" => Units.KilojoulePerKilocalorie,
        "kJ/mol" => 1,
        "eV" => Units.KilojoulePerElectronvolt,
        "hartree" => Units.KilojoulePerHartree,
        _ => throw root.Unsupported($"its unit of energy is '{unit}'; this version knows kcal/mol, kJ/mol, eV and hartree"),
    };
}
