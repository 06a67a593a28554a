using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace PluginBridge.Exports;

/// <summary>Memory that C code may point into for as long as the object that owns it lives.</summary>
internal static unsafe class Pinned
{
    /// <summary>A copy of an array on the pinned heap.</summary>
    internal static T[] Copy<T>(IReadOnlyCollection<T> source) where T : unmanaged
    {
        T[] copy = GC.AllocateUninitializedArray<T>(source.Count, pinned: true);
        int i = 0;
        foreach (T item in source)
            copy[i++] = item;
        return copy;
    }

    /// <summary>Address of a pinned array; NULL if it is empty.</summary>
    internal static T* Address<T>(T[] array) where T : unmanaged =>
        array.Length == 0 ? null : (T*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(array));
}

/// <summary>A zero-terminated UTF-8 string at a fixed address that lives as long as this object.</summary>
internal sealed unsafe class Utf8String
{
    private readonly byte[] _bytes;

    internal Utf8String(string text)
    {
        _bytes = GC.AllocateArray<byte>(Encoding.UTF8.GetByteCount(text) + 1, pinned: true);
        Encoding.UTF8.GetBytes(text, _bytes);
    }

    internal byte* Pointer => Pinned.Address(_bytes);
}

/// <summary>Strings from and to C.</summary>
internal static unsafe class Utf8
{
    /// <summary>A C string, null for NULL.</summary>
    internal static string? Read(byte* text) => Marshal.PtrToStringUTF8((nint)text);

    /// <summary>A C string that must be there.</summary>
    internal static string Require(byte* text, string name)
    {
        string? value = Read(text);
        return string.IsNullOrEmpty(value) ? throw Guard.Invalid($"{name} is {(value is null ? "NULL" : "empty")}.") : value;
    }

    /// <summary>An optional array of C strings; <paramref name="absent"/> gives its elements where it is NULL.</summary>
    internal static string[] ReadArray(byte** texts, int count, string name, Func<int, string> absent)
    {
        var values = new string[count];
        for (int i = 0; i < count; i++)
            values[i] = texts == null ? absent(i) : Read(texts[i]) ?? throw Guard.Invalid($"{name}[{i}] is NULL.");
        return values;
    }

    /// <summary>Copies a text with its closing zero into a caller's buffer, cut between characters at its capacity.</summary>
    internal static void Copy(string text, byte* buffer, nuint capacity, nuint* required)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        if (required != null)
            *required = (nuint)bytes.Length + 1;
        if (buffer == null || capacity == 0)
            return;
        int length = (int)Math.Min((nuint)bytes.Length, capacity - 1);
        while (length > 0 && length < bytes.Length && (bytes[length] & 0xC0) == 0x80)
            length--;
        bytes.AsSpan(0, length).CopyTo(new Span<byte>(buffer, length));
        buffer[length] = 0;
    }
}
