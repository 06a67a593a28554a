using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;

namespace PluginBridge.Core.Tests;

/// <summary>Runs the Python scripts that make reference values, once for each version of what they read.</summary>
internal static class PythonFixtures
{
    public const string Python = "/usr/bin/python3";

    /// <summary>The repository.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Structures handed out with the project; not part of the repository.</summary>
    public static string Shared => Environment.GetEnvironmentVariable("PLUGINBRIDGE_SHARED") ?? Path.Combine(Root, "..", "shared");

    /// <summary>The folder under build/test-fixtures that a script filled; its name has the hash of all files involved.</summary>
    /// <param name="name">Begin of the folder's name.</param>
    /// <param name="script">A file of tests/managed/fixtures; its arguments are the folder and the inputs.</param>
    /// <param name="sources">Other code that the results depend on.</param>
    /// <param name="inputs">Files to hand to the script; those that do not exist are left out.</param>
    public static string Make(string name, string script, IEnumerable<string> sources, IEnumerable<string> inputs)
    {
        if (!File.Exists(Python))
            Assert.Ignore($"{Python} makes the reference values with {script}, and it is not here");
        string path = Path.Combine(Root, "tests", "managed", "fixtures", script);
        string[] files = [.. inputs.Where(File.Exists)];
        byte[] key = SHA256.HashData(Encoding.UTF8.GetBytes(string.Concat(((string[])[path, .. sources, .. files]).Select(File.ReadAllText))));
        string folder = Path.Combine(Root, "build", "test-fixtures", $"{name}-{Convert.ToHexStringLower(key)[..12]}");
        if (Directory.Exists(folder))
            return folder;

        string partial = folder + "-" + Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        Run(path, [partial, .. files]);
        try
        {
            Directory.Move(partial, folder);
        }
        catch (IOException) when (Directory.Exists(folder))
        {
            // Another test run made it at the same time.
            Directory.Delete(partial, recursive: true);
        }

        return folder;
    }

    private static void Run(string script, string[] arguments)
    {
        var start = new ProcessStartInfo(Python, [script, .. arguments]) { RedirectStandardError = true };
        start.Environment["OPENBLAS_NUM_THREADS"] = "1";
        start.Environment["OMP_NUM_THREADS"] = "1";
        using Process process = Process.Start(start)!;
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, errors);
    }

    private static string FindRoot([CallerFilePath] string source = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(source)!, "..", "..", ".."));
}
