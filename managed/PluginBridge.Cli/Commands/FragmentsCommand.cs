using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using PluginBridge.Cli.Output;
using PluginBridge.Core.IO;
using Topology = PluginBridge.Core.Chemistry.Topology;

namespace PluginBridge.Cli.Commands;

/// <summary><c>pluginbridge fragments</c>: the terms of the signed sum that a scheme makes of a protein.</summary>
internal static class FragmentsCommand
{
    internal static Command Create()
    {
        Argument<string> file = CommonOptions.File();
        Option<string> scheme = CommonOptions.Scheme();
        Option<bool> json = CommonOptions.Json();
        Option<bool> skipUnknown = CommonOptions.SkipUnknown();
        var command = new Command("fragments", "Coefficients, residues, atoms, caps and charges of the fragments")
        {
            file, scheme, json, skipUnknown,
        };
        command.SetAction(parsed =>
        {
            PdbFile protein = PdbReader.Read(parsed.GetRequiredValue(file), parsed.GetValue(skipUnknown));
            Notes.Write(protein);
            string name = parsed.GetRequiredValue(scheme);
            // Fragments do not depend on the model; the plain force field needs no file.
            using Model model = Model.Load("ff14sb");
            using FragmentedSystem system = WholeProtein.Under(model, protein.Topology, name);
            if (parsed.GetValue(json))
                WriteJson(name, protein.Topology, system);
            else
                WriteTable(protein.Topology, system);
            return 0;
        });
        return command;
    }

    private static void WriteJson(string scheme, Topology topology, FragmentedSystem system) => Json.Write(json =>
    {
        json.WriteString("scheme", scheme);
        json.WriteStartArray("fragments");
        foreach (Fragment fragment in Fragments(system))
        {
            json.WriteStartObject();
            json.WriteString("label", fragment.Label);
            json.WriteNumber("coefficient", fragment.Coefficient);
            json.WriteNumber("charge", fragment.Charge);
            json.WriteStartArray("residues");
            foreach (int residue in fragment.Residues)
                json.WriteStringValue(topology.Residues[residue].ToString());
            json.WriteEndArray();
            json.WriteStartArray("atoms");
            foreach (int atom in fragment.Atoms)
                json.WriteNumberValue(atom);
            json.WriteEndArray();
            WriteCaps(json, fragment);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

    private static void WriteCaps(Utf8JsonWriter json, Fragment fragment)
    {
        json.WriteStartArray("caps");
        foreach (Cap cap in fragment.Caps)
        {
            json.WriteStartObject();
            json.WriteNumber("anchor", cap.Anchor);
            json.WriteNumber("replaced", cap.Replaced);
            json.WriteNumber("length", cap.Length);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void WriteTable(Topology topology, FragmentedSystem system)
    {
        var table = new TextTable("fragment", "residues", "coefficient", "atoms", "caps", "charge") { RightAlignedFrom = 2 };
        foreach (Fragment fragment in Fragments(system))
            table.Add(fragment.Label, Residues(topology, fragment), Signed(fragment.Coefficient),
                fragment.Atoms.Count.ToString(CultureInfo.InvariantCulture),
                fragment.Caps.Count.ToString(CultureInfo.InvariantCulture), Signed(fragment.Charge));
        table.Write();
    }

    private static IEnumerable<Fragment> Fragments(FragmentedSystem system) =>
        Enumerable.Range(0, system.FragmentCount).Select(system.GetFragment);

    private static string Residues(Topology topology, Fragment fragment)
    {
        IEnumerable<string> names = fragment.Residues.Select(r => $"{topology.Residues[r].Name} {topology.Residues[r].Number}");
        return fragment.Residues.Count <= 4
            ? string.Join(", ", names)
            : $"{names.First()} … {names.Last()} ({fragment.Residues.Count})";
    }

    private static string Signed(double number) => number.ToString("+0;-0;0", CultureInfo.InvariantCulture);
}
