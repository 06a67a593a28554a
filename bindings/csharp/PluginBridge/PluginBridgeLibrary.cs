using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using PluginBridge.Interop;

namespace PluginBridge;

/// <summary>Severity of a log message.</summary>
public enum LogLevel
{
    /// <summary>For developers.</summary>
    Debug = pb_log_level.PB_LOG_DEBUG,

    /// <summary>Progress.</summary>
    Info = pb_log_level.PB_LOG_INFO,

    /// <summary>Something the user should know of.</summary>
    Warning = pb_log_level.PB_LOG_WARNING,
}

/// <summary>The native library: version, features, log.</summary>
public static unsafe class PluginBridgeLibrary
{
    private static Action<LogLevel, string>? _logger;

    /// <summary>Version, e.g. <c>0.1.0</c>.</summary>
    /// <exception cref="MissingLibraryException">It is not found.</exception>
    public static string Version => Ensure.Text(NativeMethods.pb_version()) ?? "";

    /// <summary>Instruction-set level of the code in use, e.g. <c>x86-64-v3</c>.</summary>
    public static string InstructionSet => Ensure.Text(NativeMethods.pb_instruction_set()) ?? "";

    /// <summary>Whether the library has a feature: <c>box</c>, <c>virial</c>, <c>float64</c>, <c>visnet</c>,
    /// <c>gfn2-xtb</c>, <c>host-terms</c>.</summary>
    public static bool HasFeature(string feature)
    {
        ArgumentNullException.ThrowIfNull(feature);
        using var arguments = new NativeArguments();
        return NativeMethods.pb_has_feature(arguments.Text(feature)) != 0;
    }

    /// <summary>Sends log messages to a callback, which any thread may call; null (the default) drops them. What the
    /// callback throws is dropped.</summary>
    public static void SetLogger(Action<LogLevel, string>? logger)
    {
        Volatile.Write(ref _logger, logger);
        NativeMethods.pb_set_logger(logger is null ? null : &Log, null);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Log(int level, byte* message, void* user)
    {
        try
        {
            Volatile.Read(ref _logger)?.Invoke((LogLevel)level, Ensure.Text(message) ?? "");
        }
#pragma warning disable CA1031 // an exception must not cross into native code
        catch (Exception)
#pragma warning restore CA1031
        {
        }
    }
}
