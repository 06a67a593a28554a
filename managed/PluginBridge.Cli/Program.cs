using System.CommandLine;
using PluginBridge.Cli.Commands;

namespace PluginBridge.Cli;

/// <summary>Entry point. Exit codes: 0 done, 1 the input or the calculation failed, 2 wrong usage.</summary>
internal static class Program
{
    private const int _failed = 1;
    private const int _usage = 2;

    private static int Main(string[] arguments)
    {
        var root = new RootCommand("Energies and forces of proteins from fragmented neural and quantum-chemical potentials")
        {
            EnergyCommand.Create(),
            FragmentsCommand.Create(),
            PrepareCommand.Create(),
            ModelsCommand.Create(),
            VersionCommand.Create(),
        };
        LibraryLocation.Set(); // before parsing: the library says which schemes there are
        try
        {
            ParseResult parsed = root.Parse(arguments);
            if (parsed.Errors.Count > 0)
                return Fail(_usage, parsed.Errors[0].Message + " See pluginbridge --help.");
            return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (Exception exception)
        {
            return Fail(_failed, Describe(exception));
        }
    }

    // Both the reader of PDB files and the library say in their own exceptions what is wrong; all else is our fault.
    private static string Describe(Exception exception) => exception switch
    {
        Core.PluginBridgeException or PluginBridgeException or IOException => exception.Message,
        TypeInitializationException { InnerException: { } inner } => Describe(inner),
        _ => $"internal error, please report it: {exception.GetType().Name}: {exception.Message}",
    };

    private static int Fail(int code, string message)
    {
        Console.Error.WriteLine("error: " + message.ReplaceLineEndings(" "));
        return code;
    }
}
