using System.CommandLine;
using System.Globalization;
using PluginBridge.Cli.Output;
using PluginBridge.Core.IO;
using Atom = PluginBridge.Core.Chemistry.Atom;

namespace PluginBridge.Cli.Commands;

/// <summary><c>pluginbridge energy</c>: total energy, and forces, of a protein in vacuo.</summary>
internal static class EnergyCommand
{
    private sealed record Request(string File, string Model, string Scheme, bool Forces, bool Uncertainty, bool Json,
        int Threads, bool DoublePrecision, bool SkipUnknown, bool Periodic);

    internal static Command Create()
    {
        Argument<string> file = CommonOptions.File();
        var model = new Option<string>("--model")
        {
            Description = "Name of a model (see pluginbridge models), a model file, gfn2-xtb or ff14sb",
            DefaultValueFactory = _ => "visnet-gfn2",
        };
        Option<string> scheme = CommonOptions.Scheme();
        var forces = new Option<bool>("--forces") { Description = "Forces on all atoms as well, in the file's order" };
        var uncertainty = new Option<bool>("--uncertainty")
        {
            Description = "How far the members of an ensemble are apart, and the atoms where they are farthest",
        };
        Option<bool> json = CommonOptions.Json();
        var threads = new Option<int>("--threads")
        {
            Description = "Threads; the result does not depend on them",
            DefaultValueFactory = _ => Environment.ProcessorCount,
        };
        threads.Validators.Add(result =>
        {
            string text = result.Tokens.Count > 0 ? result.Tokens[0].Value : "";
            if (result.Tokens.Count > 0 && !(int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int n) && n > 0))
                result.AddError($"--threads takes a positive number, not '{text}'.");
        });
        var precision = new Option<string>("--precision")
        {
            Description = "Precision of networks",
            DefaultValueFactory = _ => "single",
        };
        precision.AcceptOnlyFromAmong("single", "double");
        Option<bool> skipUnknown = CommonOptions.SkipUnknown();
        var periodic = new Option<bool>("--periodic")
        {
            Description = "The file is wrapped into the box of its CRYST1 record: make molecules whole that its faces cut",
        };

        var command = new Command("energy", "Total energy of a protein in vacuo (kJ/mol)")
        {
            file, model, scheme, forces, uncertainty, json, threads, precision, skipUnknown, periodic,
        };
        command.SetAction(parsed => Run(new Request(parsed.GetRequiredValue(file), parsed.GetRequiredValue(model),
            parsed.GetRequiredValue(scheme), parsed.GetValue(forces), parsed.GetValue(uncertainty), parsed.GetValue(json),
            parsed.GetValue(threads), parsed.GetRequiredValue(precision) == "double", parsed.GetValue(skipUnknown),
            parsed.GetValue(periodic))));
        return command;
    }

    private static int Run(Request request)
    {
        PdbFile protein = PdbReader.Read(request.File, request.SkipUnknown);
        Notes.Write(protein);
        if (request.Periodic && protein.BoxVectors.Length == 0)
            throw new PluginBridgeException(ErrorCode.File, $"{protein.Name}: --periodic needs a box, and there is no CRYST1 record "
                + "with one in this file.");
        double[] box = request.Periodic ? protein.BoxVectors : [];
        using Model model = Model.Load(request.Model);
        using FragmentedSystem system = WholeProtein.Under(model, protein.Topology, request.Scheme);
        using Workspace workspace = system.CreateWorkspace(request.Threads, request.DoublePrecision);
        double[] forces = request.Forces ? new double[protein.Positions.Length] : [];
        EnsembleSpread? spread = request.Uncertainty ? EnsembleSpread.Of(workspace, model, protein, forces, box) : null;
        double energy = spread?.Energy ?? workspace.Evaluate(protein.Positions, forces, boxVectors: box,
            quantity: EnergyQuantity.Total);

        if (request.Json)
            WriteJson(request, system.FragmentCount, energy, forces, spread);
        else
            WriteTables(request, protein, system.FragmentCount, energy, forces, spread);
        return 0;
    }

    private static void WriteJson(Request request, int fragments, double energy, double[] forces, EnsembleSpread? spread) => Json.Write(json =>
    {
        json.WriteString("model", request.Model);
        json.WriteString("scheme", request.Scheme);
        json.WriteNumber("fragments", fragments);
        json.WriteNumber("energy", energy);
        spread?.Write(json, request.Forces);
        if (!request.Forces)
            return;
        json.WriteStartArray("forces");
        foreach (double[] force in forces.Chunk(3))
        {
            json.WriteStartArray();
            foreach (double component in force)
                json.WriteNumberValue(component);
            json.WriteEndArray();
        }
        json.WriteEndArray();
    });

    private static void WriteTables(Request request, PdbFile protein, int fragments, double energy, double[] forces,
        EnsembleSpread? spread)
    {
        var summary = new TextTable("", "");
        summary.Add("file", $"{protein.Name}: {Count(protein.Topology.Atoms.Count)} atoms, {Count(protein.Topology.Residues.Count)} residues");
        summary.Add("model", request.Model);
        summary.Add("scheme", $"{request.Scheme}: {fragments} fragment{(fragments == 1 ? "" : "s")}");
        summary.Add("energy", energy.ToString("F4", CultureInfo.InvariantCulture) + " kJ/mol");
        spread?.AddTo(summary);
        summary.Write();
        spread?.WriteWorst();
        if (!request.Forces)
            return;

        var table = new TextTable("atom", "residue", "Fx", "Fy", "Fz (kJ/mol/nm)") { RightAlignedFrom = 2 };
        foreach (Atom atom in protein.Topology.Atoms)
            table.Add([atom.Name, protein.Topology.Residues[atom.ResidueIndex].ToString(),
                .. forces.AsSpan(3 * atom.Index, 3).ToArray().Select(f => f.ToString("F3", CultureInfo.InvariantCulture))]);
        table.Write();
    }

    private static string Count(int number) => number.ToString(CultureInfo.InvariantCulture);
}
