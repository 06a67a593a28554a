using Microsoft.Win32.SafeHandles;

namespace PluginBridge.Interop;

/// <summary>A handle of the library, freed once whatever happens.</summary>
internal abstract class NativeHandle : SafeHandleZeroOrMinusOneIsInvalid
{
    private static int _liveCount;

    protected NativeHandle(nint pointer)
        : base(ownsHandle: true)
    {
        SetHandle(pointer);
        if (!IsInvalid)
            Interlocked.Increment(ref _liveCount);
    }

    /// <summary>Handles that exist in this process; tests look for leaks with it.</summary>
    public static int LiveCount => Volatile.Read(ref _liveCount);

    protected abstract void Free();

    protected sealed override bool ReleaseHandle()
    {
        Free();
        Interlocked.Decrement(ref _liveCount);
        return true;
    }
}

/// <summary>A handle kept from being freed while a call uses it, also by another thread's Dispose.</summary>
internal readonly ref struct Borrowed : IDisposable
{
    private readonly NativeHandle _handle;

    /// <exception cref="ObjectDisposedException">It has been freed.</exception>
    public Borrowed(NativeHandle handle)
    {
        bool added = false;
        handle.DangerousAddRef(ref added);
        _handle = handle;
        Pointer = handle.DangerousGetHandle();
    }

    /// <summary>Valid until Dispose.</summary>
    public nint Pointer { get; }

    public void Dispose() => _handle.DangerousRelease();
}

/// <summary>Owns a <c>pb_model</c>.</summary>
internal sealed unsafe class ModelHandle(pb_model* pointer) : NativeHandle((nint)pointer)
{
    protected override void Free() => NativeMethods.pb_model_free((pb_model*)handle);
}

/// <summary>Owns a <c>pb_system</c>.</summary>
internal sealed unsafe class SystemHandle(pb_system* pointer) : NativeHandle((nint)pointer)
{
    protected override void Free() => NativeMethods.pb_system_free((pb_system*)handle);
}

/// <summary>Owns a <c>pb_workspace</c>.</summary>
internal sealed unsafe class WorkspaceHandle(pb_workspace* pointer) : NativeHandle((nint)pointer)
{
    protected override void Free() => NativeMethods.pb_workspace_free((pb_workspace*)handle);
}
