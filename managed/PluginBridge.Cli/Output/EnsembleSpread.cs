using System.Globalization;
using System.Text.Json;
using PluginBridge.Core.IO;
using Atom = PluginBridge.Core.Chemistry.Atom;

namespace PluginBridge.Cli.Output;

/// <summary>How far the members of an ensemble are apart for a protein, in all and where it is worst.</summary>
internal sealed class EnsembleSpread
{
    private const int _worstCount = 5;

    private readonly Model _model;
    private readonly PdbFile _protein;
    private readonly double _energySpread;
    private readonly double[] _forceSpreads;
    private readonly double[]? _forceErrors;
    private readonly int[] _worst;

    private EnsembleSpread(Model model, PdbFile protein, double energy, double energySpread, double[] forceSpreads, double[]? forceErrors)
    {
        (_model, _protein, Energy, _energySpread, _forceSpreads, _forceErrors) = (model, protein, energy, energySpread, forceSpreads, forceErrors);
        _worst = [.. Enumerable.Range(0, forceSpreads.Length).OrderByDescending(atom => forceSpreads[atom]).Take(_worstCount)];
    }

    /// <summary>The total energy, kJ/mol: the members' mean.</summary>
    internal double Energy { get; }

    /// <summary>Evaluates a protein, wrapped into a box unless that is empty; forces are filled unless empty.</summary>
    internal static EnsembleSpread Of(Workspace workspace, Model model, PdbFile protein, double[] forces, double[] box)
    {
        double[] spreads = new double[protein.Topology.Atoms.Count];
        double[] errors = model.Ensemble.IsCalibrated ? new double[spreads.Length] : [];
        double energy = workspace.EvaluateWithUncertainty(protein.Positions, out double energySpread, spreads, errors, forces,
            boxVectors: box, quantity: EnergyQuantity.Total);
        return new EnsembleSpread(model, protein, energy, energySpread, spreads, model.Ensemble.IsCalibrated ? errors : null);
    }

    /// <summary>The member <c>uncertainty</c> of the command's JSON: kJ/mol and kJ/mol/nm; errors are null without a
    /// calibration; numbers of single atoms, in the file's order, where <paramref name="everyAtom"/>.</summary>
    internal void Write(Utf8JsonWriter json, bool everyAtom)
    {
        json.WriteStartObject("uncertainty");
        json.WriteNumber("members", _model.Ensemble.MemberCount);
        json.WriteNumber("energy_spread", _energySpread);
        json.WriteNumber("mean_force_spread", _forceSpreads.Average());
        json.WriteNumber("max_force_spread", _forceSpreads.Max());
        WriteOptional(json, "mean_force_error", _forceErrors?.Average());
        WriteOptional(json, "max_force_error", _forceErrors?.Max());
        json.WriteStartArray("worst_atoms");
        foreach (int atom in _worst)
        {
            json.WriteStartObject();
            json.WriteNumber("atom", atom);
            json.WriteString("name", Atoms[atom].Name);
            json.WriteString("residue", Residue(atom));
            json.WriteNumber("force_spread", _forceSpreads[atom]);
            WriteOptional(json, "force_error", _forceErrors?[atom]);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (everyAtom)
        {
            WriteArray(json, "force_spreads", _forceSpreads);
            if (_forceErrors is not null)
                WriteArray(json, "force_errors", _forceErrors);
        }
        json.WriteEndObject();
    }

    /// <summary>Adds rows to the command's summary.</summary>
    internal void AddTo(TextTable summary)
    {
        summary.Add("members", _model.Ensemble.MemberCount.ToString(CultureInfo.InvariantCulture));
        summary.Add("energy spread", Text(_energySpread, "F4") + " kJ/mol");
        summary.Add("force spread", $"{Text(_forceSpreads.Average())} kJ/mol/nm on average, {Text(_forceSpreads.Max())} at most");
        summary.Add("expected force error", _forceErrors is null
            ? "not calibrated"
            : $"{Text(_forceErrors.Average())} kJ/mol/nm on average, {Text(_forceErrors.Max())} at most");
    }

    /// <summary>Writes the atoms with the largest spreads.</summary>
    internal void WriteWorst()
    {
        var table = new TextTable("atom", "residue", "spread (kJ/mol/nm)", "expected error") { RightAlignedFrom = 2 };
        foreach (int atom in _worst)
            table.Add(Atoms[atom].Name, Residue(atom), Text(_forceSpreads[atom]), _forceErrors is null ? "-" : Text(_forceErrors[atom]));
        table.Write();
    }

    private IReadOnlyList<Atom> Atoms => _protein.Topology.Atoms;

    private string Residue(int atom) => _protein.Topology.Residues[Atoms[atom].ResidueIndex].ToString();

    private static string Text(double number, string format = "F1") => number.ToString(format, CultureInfo.InvariantCulture);

    private static void WriteOptional(Utf8JsonWriter json, string key, double? number)
    {
        if (number is { } value)
            json.WriteNumber(key, value);
        else
            json.WriteNull(key);
    }

    private static void WriteArray(Utf8JsonWriter json, string key, double[] numbers)
    {
        json.WriteStartArray(key);
        foreach (double number in numbers)
            json.WriteNumberValue(number);
        json.WriteEndArray();
    }
}
