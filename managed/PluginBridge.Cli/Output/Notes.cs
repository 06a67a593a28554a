using PluginBridge.Core.IO;

namespace PluginBridge.Cli.Output;

/// <summary>What the reader had to decide, on standard error.</summary>
internal static class Notes
{
    internal static void Write(PdbFile protein)
    {
        foreach (string note in protein.Notes)
            Console.Error.WriteLine("note: " + note);
    }
}
