using System.CommandLine;
using PluginBridge.Cli.Output;

namespace PluginBridge.Cli.Commands;

/// <summary><c>pluginbridge version</c>: of the library, with the code in use and what was found at run time.</summary>
internal static class VersionCommand
{
    internal static Command Create()
    {
        Option<bool> json = CommonOptions.Json();
        var command = new Command("version", "Version, instruction set in use, optional parts found") { json };
        command.SetAction(parsed =>
        {
            bool xtb = PluginBridgeLibrary.HasFeature("gfn2-xtb");
            if (parsed.GetValue(json))
            {
                Json.Write(writer =>
                {
                    writer.WriteString("version", PluginBridgeLibrary.Version);
                    writer.WriteString("instruction_set", PluginBridgeLibrary.InstructionSet);
                    writer.WriteBoolean("libxtb", xtb);
                });
                return 0;
            }
            var table = new TextTable("", "");
            table.Add("PluginBridge", PluginBridgeLibrary.Version);
            table.Add("instruction set", PluginBridgeLibrary.InstructionSet);
            table.Add("libxtb", xtb ? "found" : "not found: gfn2-xtb is not available");
            table.Write();
            return 0;
        });
        return command;
    }
}
