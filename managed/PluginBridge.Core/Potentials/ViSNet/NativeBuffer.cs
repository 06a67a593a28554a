using System.Runtime.InteropServices;

namespace PluginBridge.Core.Potentials.ViSNet;

/// <summary>A buffer whatever its elements are.</summary>
internal interface INativeBuffer : IDisposable
{
    /// <summary>Bytes it holds.</summary>
    long Bytes { get; }
}

/// <summary>Growable array outside the managed heap, aligned to cache lines. Its content is lost when it grows.</summary>
internal sealed unsafe class NativeBuffer<T> : INativeBuffer
    where T : unmanaged
{
    private const nuint Alignment = 64;
    private const long LargeBuffer = 4L << 20;

    /// <summary>First element; null before the first <see cref="Ensure"/>.</summary>
    public T* Pointer { get; private set; }

    /// <summary>Elements that fit.</summary>
    public long Capacity { get; private set; }

    /// <inheritdoc/>
    public long Bytes => Capacity * sizeof(T);

    /// <summary>Makes room for <paramref name="count"/> elements (some more on growth: a fifth, of large buffers a fiftieth) and
    /// returns the first.</summary>
    public T* Ensure(long count)
    {
        if (count <= Capacity && Pointer != null)
            return Pointer;
        long capacity = Capacity == 0 ? Math.Max(count, 1) : count + count / (count > LargeBuffer ? 50 : 5);
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

    /// <summary>Gives the memory back; the buffer can be used again.</summary>
    public void Free()
    {
        if (Pointer != null)
            NativeMemory.AlignedFree(Pointer);
        Pointer = null;
        Capacity = 0;
    }
}
