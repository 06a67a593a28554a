using System.Runtime.InteropServices;

namespace PluginBridge.Interop;

/// <summary>Arrays and strings as C sees them, for the duration of one call.</summary>
internal sealed unsafe class NativeArguments : IDisposable
{
    private readonly List<GCHandle> _pinned = [];
    private readonly List<nint> _strings = [];

    /// <summary>Pointer to an array's elements; NULL for null or an empty array.</summary>
    public T* Pin<T>(T[]? array)
        where T : unmanaged
    {
        if (array is null || array.Length == 0)
            return null;
        var pinned = GCHandle.Alloc(array, GCHandleType.Pinned);
        _pinned.Add(pinned);
        return (T*)pinned.AddrOfPinnedObject();
    }

    /// <summary>A UTF-8 string; NULL for null.</summary>
    public byte* Text(string? text)
    {
        if (text is null)
            return null;
        nint copy = Marshal.StringToCoTaskMemUTF8(text);
        _strings.Add(copy);
        return (byte*)copy;
    }

    /// <summary>An array of UTF-8 strings; NULL for null.</summary>
    public byte** Texts(IReadOnlyList<string>? texts)
    {
        if (texts is null)
            return null;
        nint[] pointers = new nint[texts.Count];
        for (int i = 0; i < pointers.Length; i++)
            pointers[i] = (nint)Text(texts[i]);
        return (byte**)Pin(pointers);
    }

    public void Dispose()
    {
        foreach (GCHandle pinned in _pinned)
            pinned.Free();
        foreach (nint text in _strings)
            Marshal.FreeCoTaskMem(text);
    }
}
