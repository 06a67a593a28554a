namespace PluginBridge.Core.Tests;

/// <summary>Finds the structures shared beside the repository; tests that need them are skipped where they are absent.</summary>
internal static class FragmentTestFiles
{
    /// <summary>Path of a protein structure.</summary>
    public static string Protein(string file)
    {
        foreach (string folder in Candidates())
        {
            string path = Path.Combine(folder, "data", "proteins", file);
            if (File.Exists(path))
                return path;
        }

        Assert.Ignore($"{file} is not here: set PLUGINBRIDGE_SHARED to the folder with data/proteins.");
        return "";
    }

    private static IEnumerable<string> Candidates()
    {
        if (Environment.GetEnvironmentVariable("PLUGINBRIDGE_SHARED") is { Length: > 0 } given)
            yield return given;
        for (DirectoryInfo? d = new(TestContext.CurrentContext.TestDirectory); d is not null; d = d.Parent)
            yield return Path.Combine(d.FullName, "..", "shared");
    }
}
