using System.ComponentModel;
using System.Diagnostics;
using PluginBridge.Core;

namespace PluginBridge.Cli;

/// <summary>Runs a module of the Python package: what needs Python's chemistry is done there.</summary>
internal static class PythonModule
{
    /// <summary>Environment variable that names the Python.</summary>
    internal const string Variable = "PLUGINBRIDGE_PYTHON";

    /// <summary>Debian's Python, for which its python3-pdbfixer is.</summary>
    internal const string Debian = "/usr/bin/python3";

    /// <summary>Runs <c>python -m module arguments</c>; standard output is ours.</summary>
    /// <param name="python">Python; null: the environment's, else Debian's.</param>
    /// <param name="module">Module of the package.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <returns>Its exit code; it has written why it failed.</returns>
    /// <exception cref="PluginBridgeException">Python or the package is missing, or the module broke down.</exception>
    internal static int Run(string? python, string module, IEnumerable<string> arguments)
    {
        string interpreter = !string.IsNullOrEmpty(python) ? python
            : Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named ? named : Debian;
        var start = new ProcessStartInfo(interpreter, ["-m", module, .. arguments]) { UseShellExecute = false, RedirectStandardError = true };
        // The package staged beside the executable, where there is one; otherwise Python's own path has to hold it.
        string staged = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "python"));
        if (File.Exists(Path.Combine(staged, "pluginbridge", "prepare.py")))
            start.Environment["PYTHONPATH"] = string.Join(Path.PathSeparator,
                new[] { staged, Environment.GetEnvironmentVariable("PYTHONPATH") }.Where(path => !string.IsNullOrEmpty(path)));

        using Process process = Start(start, interpreter);
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode == 0 || errors.Split('\n').Any(line => line.StartsWith("error: ", StringComparison.Ordinal)))
        {
            Console.Error.Write(errors);
            return process.ExitCode;
        }

        string last = errors.Split('\n', StringSplitOptions.RemoveEmptyEntries).LastOrDefault() ?? $"exit code {process.ExitCode}";
        throw new PluginBridgeException(ErrorCode.MissingLibrary, last.Contains("No module named", StringComparison.Ordinal)
            ? $"{interpreter} does not find the Python package ({last.Trim()}). Put it on PYTHONPATH (build/python), install it with pip, "
                + $"or name another Python with --python or {Variable}."
            : $"{interpreter} -m {module} broke down, please report it: {last.Trim()}");
    }

    private static Process Start(ProcessStartInfo start, string interpreter)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception exception)
        {
            throw new PluginBridgeException(ErrorCode.MissingLibrary,
                $"Python cannot be started as {interpreter} ({exception.Message}); preparing a structure needs Python with PDBFixer. "
                + $"Install it (Debian: apt install python3-pdbfixer), or name it with --python or {Variable}.", exception);
        }
    }
}
