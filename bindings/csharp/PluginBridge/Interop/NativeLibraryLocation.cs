using System.Reflection;
using System.Runtime.InteropServices;

namespace PluginBridge.Interop;

/// <summary>
/// Where libpluginbridge is looked for: the environment variable PLUGINBRIDGE_LIBRARY (the file or its folder), the
/// folder of the program, the system's search path. It is never unloaded, which a NativeAOT library does not support.
/// </summary>
internal static class NativeLibraryLocation
{
    /// <summary>Environment variable with the library's file or folder.</summary>
    public const string Variable = "PLUGINBRIDGE_LIBRARY";

    private const string FileName = "libpluginbridge.so";

    /// <summary>The <see cref="DllImportResolver"/> of this assembly.</summary>
    /// <exception cref="MissingLibraryException">It is nowhere.</exception>
    public static nint Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath)
    {
        if (name != NativeMethods.LibraryName)
            return 0;
        foreach (string candidate in Candidates(Environment.GetEnvironmentVariable(Variable)))
            if (NativeLibrary.TryLoad(candidate, out nint handle))
                return handle;
        throw Missing(Environment.GetEnvironmentVariable(Variable));
    }

    /// <summary>Files to try; only the named one where the variable is set.</summary>
    internal static IReadOnlyList<string> Candidates(string? named) => named switch
    {
        null or "" => [Path.Combine(AppContext.BaseDirectory, FileName), FileName],
        _ when Directory.Exists(named) => [Path.Combine(named, FileName)],
        _ => [named],
    };

    /// <summary>The error that names what was tried and why the last one failed.</summary>
    internal static MissingLibraryException Missing(string? named)
    {
        IReadOnlyList<string> candidates = Candidates(named);
        string reason = "";
        try
        {
            NativeLibrary.Load(candidates[^1]);
        }
        catch (DllNotFoundException error)
        {
            reason = " " + error.Message.Split('\n')[0];
        }
        return new MissingLibraryException($"libpluginbridge is not found (tried {string.Join(", ", candidates)})." +
            $"{reason} Build it with make, or set {Variable} to its file or folder.");
    }
}

/// <summary>Set up before the first call.</summary>
internal static unsafe partial class NativeMethods
{
    static NativeMethods()
    {
        NativeLibrary.SetDllImportResolver(typeof(NativeMethods).Assembly, NativeLibraryLocation.Resolve);
        int found = pb_abi_version();
        if (found != PB_ABI_VERSION)
            throw new MissingLibraryException($"libpluginbridge has interface version {found}, this assembly needs " +
                $"{PB_ABI_VERSION}: use those of one release.");
    }
}
