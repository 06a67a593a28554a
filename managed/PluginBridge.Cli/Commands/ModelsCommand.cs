using System.CommandLine;
using System.Globalization;
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
            List<(ModelInfo Info, long Members)> models = [];
            foreach (string name in Model.List())
            {
                using Model model = Model.Load(name);
                models.Add((model.Info, model.Ensemble.MemberCount));
            }
            if (parsed.GetValue(json))
                WriteJson(models);
            else
                WriteTable(models);
            return 0;
        });
        return command;
    }

    private static void WriteJson(List<(ModelInfo Info, long Members)> models) => Json.Write(json =>
    {
        json.WriteStartArray("models");
        foreach ((ModelInfo model, long members) in models)
        {
            json.WriteStartObject();
            json.WriteString("name", model.Name);
            json.WriteString("target", model.Target);
            json.WriteString("reference_method", model.ReferenceMethod);
            json.WriteString("base_force_field", model.BaseForceField);
            json.WriteString("hash", model.Hash);
            json.WriteNumber("members", members);
            if (double.IsFinite(model.Cutoff))
                json.WriteNumber("cutoff", model.Cutoff);
            else
                json.WriteNull("cutoff");
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

    private static void WriteTable(List<(ModelInfo Info, long Members)> models)
    {
        var table = new TextTable("model", "method", "target", "corrects", "members", "cutoff (nm)");
        foreach ((ModelInfo model, long members) in models)
            table.Add(model.Name, model.ReferenceMethod, model.Target, model.BaseForceField ?? "-",
                members.ToString(CultureInfo.InvariantCulture),
                double.IsFinite(model.Cutoff) ? model.Cutoff.ToString("0.###", CultureInfo.InvariantCulture) : "none");
        table.Write();
    }
}
