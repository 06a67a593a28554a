using PluginBridge.Interop;

namespace PluginBridge.Bindings.Tests;

/// <summary>Points the binding at the built library, before any test calls it.</summary>
[SetUpFixture]
internal sealed class BuiltLibrary
{
    /// <summary>Root of the source tree.</summary>
    public static string Root { get; } = FindRoot();

    private static string LibraryFile => Path.Combine(Root, "build", "lib", "libpluginbridge.so");

    /// <summary>PLUGINBRIDGE_LIBRARY, where it is set, comes first.</summary>
    [OneTimeSetUp]
    public void Locate()
    {
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable(NativeLibraryLocation.Variable)))
            Environment.SetEnvironmentVariable(NativeLibraryLocation.Variable, LibraryFile);
    }

    /// <summary>Skips a test where the library is not built.</summary>
    public static void Require()
    {
        string named = Environment.GetEnvironmentVariable(NativeLibraryLocation.Variable) ?? "";
        if (!File.Exists(named) && !Directory.Exists(named))
            Assert.Ignore($"{named} is not built: run make build");
    }

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(TestContext.CurrentContext.TestDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "native", "include", "pluginbridge.h")))
            folder = folder.Parent;
        // Built outside the tree: this file's own place tells where the tree is.
        return folder?.FullName ?? Path.GetFullPath(Path.Combine(SourceFolder(), "..", "..", ".."));
    }

    private static string SourceFolder([System.Runtime.CompilerServices.CallerFilePath] string path = "") =>
        Path.GetDirectoryName(path)!;
}
