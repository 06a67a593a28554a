namespace PluginBridge.Cli;

/// <summary>Where the executable finds <c>libpluginbridge.so</c>: in <c>../lib</c>, built or installed.</summary>
internal static class LibraryLocation
{
    private const string _variable = "PLUGINBRIDGE_LIBRARY";

    /// <summary>Tells the binding, unless the user already has.</summary>
    internal static void Set()
    {
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable(_variable)))
            Environment.SetEnvironmentVariable(_variable,
                Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "lib", "libpluginbridge.so")));
    }
}
