using PluginBridge.Core;

namespace PluginBridge.Exports;

/// <summary>The border that no exception crosses: they become a status and this thread's message.</summary>
internal static unsafe class Guard
{
    private static readonly Utf8String _none = new("");

    [ThreadStatic]
    private static Utf8String? _lastError;

    /// <summary>Message of this thread's last failed call.</summary>
    internal static byte* LastError => (_lastError ?? _none).Pointer;

    /// <summary>Runs a call; returns its <c>pb_status</c>.</summary>
    internal static int Invoke(Action call)
    {
        try
        {
            call();
            return 0;
        }
        catch (Exception exception)
        {
            return Fail(exception);
        }
    }

    /// <summary>Runs a call that has no status; returns <paramref name="failed"/> where it fails.</summary>
    internal static T Query<T>(T failed, Func<T> call)
    {
        try
        {
            return call();
        }
        catch (Exception exception)
        {
            Fail(exception);
            return failed;
        }
    }

    /// <summary>Frees a handle; NULL is fine, anything else that is no live handle is reported to the logger.</summary>
    internal static void Free(nint handle, HandleKind kind)
    {
        if (handle != 0)
            Query(0, () =>
            {
                HandleTable.Remove(handle, kind).Dispose();
                return 0;
            });
    }

    /// <summary>The exception for a wrong argument.</summary>
    internal static PluginBridgeException Invalid(string message) => new(ErrorCode.InvalidArgument, message);

    /// <summary>Keeps an exception's message for this thread and returns its <c>pb_status</c>.</summary>
    internal static int Fail(Exception exception)
    {
        (ErrorCode code, string message) = exception switch
        {
            PluginBridgeException known => (known.Code, known.Message),
            OutOfMemoryException => (ErrorCode.Internal, "Out of memory."),
            _ => (ErrorCode.Internal, $"Internal error, please report it: {exception.GetType().Name}: {exception.Message}"),
        };
        try
        {
            _lastError = new Utf8String(message);
            Logger.Write(LogLevel.Debug, message);
        }
        catch (OutOfMemoryException)
        {
            _lastError = null;
        }
        return (int)code;
    }
}
