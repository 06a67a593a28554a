using System.Runtime.InteropServices;

namespace PluginBridge.Core.Potentials.Xtb;

/// <summary>libxtb, found at run time and never unloaded.</summary>
internal sealed class XtbLibrary
{
    /// <summary>File names, the most specific first: 6 is the only ABI version so far.</summary>
    private static readonly string[] _fileNames = ["libxtb.so.6", "libxtb.so"];

    private static readonly Lazy<XtbLibrary> _shared = new(() => Load(_fileNames));

    private XtbLibrary(nint handle)
    {
        Functions = new XtbFunctions(handle);
        Threads = new XtbThreads(handle);
    }

    /// <summary>The C functions.</summary>
    public XtbFunctions Functions { get; }

    /// <summary>Thread counts of the libraries beneath it.</summary>
    public XtbThreads Threads { get; }

    /// <summary>The library of this process.</summary>
    /// <exception cref="PluginBridgeException"><see cref="ErrorCode.MissingLibrary"/>.</exception>
    public static XtbLibrary Shared => _shared.Value;

    /// <summary>Whether <see cref="Shared"/> can be had.</summary>
    public static bool IsAvailable
    {
        get
        {
            try
            {
                return Shared is not null;
            }
            catch (PluginBridgeException)
            {
                return false;
            }
        }
    }

    /// <summary>Loads the first of some file names that exists.</summary>
    /// <exception cref="PluginBridgeException"><see cref="ErrorCode.MissingLibrary"/>: none does, or it lacks a
    /// function.</exception>
    public static XtbLibrary Load(IReadOnlyList<string> fileNames)
    {
        using (OpenMPWaiting.Passive())
            foreach (string name in fileNames)
                if (NativeLibrary.TryLoad(name, out nint handle))
                    return Open(name, handle);
        throw new PluginBridgeException(ErrorCode.MissingLibrary,
            $"GFN2-xTB needs libxtb, which is not found (tried {string.Join(", ", fileNames)}). On Debian or Ubuntu " +
            "install the package libxtb6 (apt-get install libxtb6); elsewhere install xtb and put the folder of its " +
            "library into LD_LIBRARY_PATH.");
    }

    private static XtbLibrary Open(string name, nint handle)
    {
        try
        {
            return new XtbLibrary(handle);
        }
        catch (EntryPointNotFoundException error)
        {
            throw new PluginBridgeException(ErrorCode.MissingLibrary,
                $"{name} is not a usable libxtb: {error.Message} Install xtb 6.3 or later (Debian package libxtb6).",
                error);
        }
    }
}
