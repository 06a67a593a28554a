using System.CommandLine;
using System.Globalization;
using PluginBridge.Cli.Library;
using PluginBridge.Cli.Output;

namespace PluginBridge.Cli.Commands;

/// <summary><c>pluginbridge models</c>: what <c>--model</c> finds by name.</summary>
internal static class ModelsCommand
{
    internal static Command Create()
    {
        Option<bool> json = CommonOptions.Json();
        var command = new Command("models", "Potentials that can be used by name") { json };
        command.SetAction(parsed =>
        {
            List<ModelDescription> models = [];
            foreach (string name in CoreLibrary.ModelNames())
            {
                using NativeModel model = NativeModel.Load(name);
                models.Add(model.Describe());
            }
            if (parsed.GetValue(json))
                WriteJson(models);
            else
                WriteTable(models);
            return 0;
        });
        return command;
    }

    private static void WriteJson(List<ModelDescription> models) => Json.Write(json =>
    {
        json.WriteStartArray("models");
        foreach (ModelDescription model in models)
        {
            json.WriteStartObject();
            json.WriteString("name", model.Name);
            json.WriteString("target", model.Target);
            json.WriteString("reference_method", model.ReferenceMethod);
            json.WriteString("base_force_field", model.BaseForceField);
            json.WriteString("hash", model.Hash);
            if (double.IsFinite(model.Cutoff))
                json.WriteNumber("cutoff", model.Cutoff);
            else
                json.WriteNull("cutoff");
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

    private static void WriteTable(List<ModelDescription> models)
    {
        var table = new TextTable("model", "method", "target", "corrects", "cutoff (nm)");
        foreach (ModelDescription model in models)
            table.Add(model.Name, model.ReferenceMethod, model.Target, model.BaseForceField ?? "-",
                double.IsFinite(model.Cutoff) ? model.Cutoff.ToString("0.###", CultureInfo.InvariantCulture) : "none");
        table.Write();
    }
}
