using System.Runtime.CompilerServices;

namespace PluginBridge.Core.Tests;

/// <summary>Finds files of the repository and those shared beside it; tests that need the latter are skipped without.</summary>
internal static class FragmentTestFiles
{
    /// <summary>Path of a protein structure.</summary>
    public static string Protein(string file)
    {
        string shared = Environment.GetEnvironmentVariable("PLUGINBRIDGE_SHARED") is { Length: > 0 } given
            ? given
            : Path.Combine(Root(), "..", "shared");
        string path = Path.Combine(shared, "data", "proteins", file);
        if (!File.Exists(path))
            Assert.Ignore($"{file} is not here: set PLUGINBRIDGE_SHARED to the folder with data/proteins.");
        return path;
    }

    /// <summary>Path of a small model with random weights.</summary>
    public static string Model(string file) => Path.Combine(Root(), "tests", "fixtures", "visnet", file);

    private static string Root([CallerFilePath] string source = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(source)!, "..", "..", ".."));
}
