using System.Runtime.InteropServices;

namespace PluginBridge.Core.Potentials.ViSNet;

/// <summary>Growable array outside the managed heap, aligned to cache lines. Its content is lost when it grows.</summary>
internal sealed unsafe class NativeBuffer<T> : IDisposable
    where T : unmanaged
{
    private const nuint Alignment = 64;

    /// <summary>First element; null before the first <see cref="Ensure"/>.</summary>
    public T* Pointer { get; private set; }

    /// <summary>Elements that fit.</summary>
    public long Capacity { get; private set; }

    /// <summary>Makes room for <paramref name="count"/> elements (a fifth more on growth) and returns the first.</summary>
    public T* Ensure(long count)
    {
        if (count <= Capacity && Pointer != null)
            return Pointer;
        long capacity = Capacity == 0 ? Math.Max(count, 1) : count + count / 5;
        Free();
        Pointer = (T*)NativeMemory.AlignedAlloc((nuint)capacity * (nuint)sizeof(T), Alignment);
        Capacity = capacity;
        return Pointer;
    }

    /// <summary>As <see cref="Ensure"/>, but keeps the first <paramref name="used"/> elements.</summary>
    public T* Grow(long count, long used)
    {
        if (count <= Capacity)
            return Pointer;
        long capacity = count + count / 2;
        var larger = (T*)NativeMemory.AlignedAlloc((nuint)capacity * (nuint)sizeof(T), Alignment);
        if (Pointer != null)
            Buffer.MemoryCopy(Pointer, larger, capacity * sizeof(T), used * sizeof(T));
        Free();
        Pointer = larger;
        Capacity = capacity;
        return Pointer;
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    ~NativeBuffer() => Free();

    private void Free()
    {
        if (Pointer != null)
            NativeMemory.AlignedFree(Pointer);
        Pointer = null;
        Capacity = 0;
    }
}
