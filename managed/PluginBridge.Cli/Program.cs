using System.CommandLine;
using PluginBridge.Cli.Commands;
using PluginBridge.Cli.Library;
using PluginBridge.Core;

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
            ModelsCommand.Create(),
            VersionCommand.Create(),
        };
        ParseResult parsed = root.Parse(arguments);
        if (parsed.Errors.Count > 0)
            return Fail(_usage, parsed.Errors[0].Message + " See pluginbridge --help.");
        try
        {
            LibraryLocation.Register();
            return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (PluginBridgeException exception)
        {
            return Fail(_failed, exception.Message);
        }
        catch (DllNotFoundException)
        {
            return Fail(_failed, $"{LibraryLocation.Path} cannot be loaded; bin and lib belong together.");
        }
        catch (IOException exception)
        {
            return Fail(_failed, exception.Message);
        }
        catch (Exception exception)
        {
            return Fail(_failed, $"internal error, please report it: {exception.GetType().Name}: {exception.Message}");
        }
    }

    private static int Fail(int code, string message)
    {
        Console.Error.WriteLine("error: " + message.ReplaceLineEndings(" "));
        return code;
    }
}
