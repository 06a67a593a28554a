using System.Reflection;
using System.Runtime.InteropServices;

namespace PluginBridge.Cli.Library;

/// <summary>Where the executable finds <c>libpluginbridge.so</c>: in <c>../lib</c>, built or installed.</summary>
internal static class LibraryLocation
{
    private const string _name = "pluginbridge";

    internal static string Path { get; } =
        System.IO.Path.GetFullPath(System.IO.Path.Combine(AppContext.BaseDirectory, "..", "lib", "libpluginbridge.so"));

    internal static void Register() => NativeLibrary.SetDllImportResolver(Assembly.GetExecutingAssembly(),
        (name, _, _) => name == _name ? NativeLibrary.Load(Path) : 0);
}
