using System.Runtime.InteropServices;

namespace PluginBridge.Interop;

/// <summary>Turns what the C functions return into .NET's ways: one table from status to exception.</summary>
internal static unsafe class Ensure
{
    private static readonly Dictionary<pb_status, Func<string, PluginBridgeException>> _exceptions = new()
    {
        [pb_status.PB_INVALID_ARGUMENT] = message => new InvalidArgumentException(message),
        [pb_status.PB_FILE_ERROR] = message => new ModelFileException(message),
        [pb_status.PB_TOPOLOGY_ERROR] = message => new TopologyException(message),
        [pb_status.PB_UNSUPPORTED] = message => new UnsupportedException(message),
        [pb_status.PB_FORCE_FIELD_MISMATCH] = message => new ForceFieldMismatchException(message),
        [pb_status.PB_CALCULATION_FAILED] = message => new CalculationFailedException(message),
        [pb_status.PB_MISSING_LIBRARY] = message => new MissingLibraryException(message),
    };

    /// <summary>Throws the exception of a status that is not success, with the message of this thread.</summary>
    public static void Success(pb_status status)
    {
        if (status == pb_status.PB_OK)
            return;
        string message = Text(NativeMethods.pb_last_error()) ?? "";
        throw _exceptions.TryGetValue(status, out Func<string, PluginBridgeException>? make)
            ? make(message)
            : new PluginBridgeException(ErrorCode.Internal, message);
    }

    /// <summary>Throws where an array has another length than its shape says.</summary>
    public static void Length(string name, int length, long expected)
    {
        if (length != expected)
            throw new InvalidArgumentException($"{name} has {length} elements instead of {expected}.");
    }

    /// <summary>A copy of a string of the library; null for NULL.</summary>
    public static string? Text(byte* utf8) => Marshal.PtrToStringUTF8((nint)utf8);
}
