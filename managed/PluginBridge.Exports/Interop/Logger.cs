namespace PluginBridge.Exports;

/// <summary>Severity; mirrors <c>pb_log_level</c>.</summary>
internal enum LogLevel
{
    Debug = 0,
    Info = 1,
    Warning = 2,
}

/// <summary>Hands messages to the host's callback; without one they are dropped.</summary>
internal static unsafe class Logger
{
    private sealed class Sink(delegate* unmanaged[Cdecl]<int, byte*, void*, void> callback, void* user)
    {
        internal void Write(LogLevel level, Utf8String message) => callback((int)level, message.Pointer, user);
    }

    // One reference, so that another thread never pairs a new callback with an old user pointer.
    private static volatile Sink? _sink;

    internal static void Set(delegate* unmanaged[Cdecl]<int, byte*, void*, void> callback, void* user) =>
        _sink = callback == null ? null : new Sink(callback, user);

    internal static void Write(LogLevel level, string message)
    {
        if (_sink is { } sink)
        {
            var text = new Utf8String(message);
            sink.Write(level, text);
            GC.KeepAlive(text);
        }
    }
}
