using System.Runtime.InteropServices;

namespace PluginBridge.Cli.Library;

/// <summary>Unmanaged memory for the arguments of one call, freed together.</summary>
internal sealed unsafe class NativeArena : IDisposable
{
    private readonly List<nint> _blocks = [];

    internal T* Allocate<T>(int count) where T : unmanaged
    {
        void* block = NativeMemory.AllocZeroed((nuint)Math.Max(1, count), (nuint)sizeof(T));
        _blocks.Add((nint)block);
        return (T*)block;
    }

    internal T* Copy<T>(IReadOnlyCollection<T> values) where T : unmanaged
    {
        T* block = Allocate<T>(values.Count);
        int i = 0;
        foreach (T value in values)
            block[i++] = value;
        return block;
    }

    internal byte* Text(string text)
    {
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(text);
        byte* block = Allocate<byte>(bytes.Length + 1);
        bytes.CopyTo(new Span<byte>(block, bytes.Length));
        return block;
    }

    internal byte** Texts(IReadOnlyCollection<string> texts)
    {
        byte** block = (byte**)Allocate<nint>(texts.Count);
        int i = 0;
        foreach (string text in texts)
            block[i++] = Text(text);
        return block;
    }

    public void Dispose()
    {
        foreach (nint block in _blocks)
            NativeMemory.Free((void*)block);
        _blocks.Clear();
    }
}
