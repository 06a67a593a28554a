using System.Runtime.CompilerServices;
using PluginBridge.Core;

namespace PluginBridge.Exports;

/// <summary>Structs that callers hand in; the first field is always <c>struct_size</c>.</summary>
internal static unsafe class Input
{
    // No struct of this interface comes near it, uninitialised memory usually exceeds it.
    private const int _largest = 4096;

    /// <summary>
    /// Copies a struct of an older or newer caller: fields that the caller does not know are zero, fields that we do
    /// not know must be.
    /// </summary>
    internal static T Read<T>(T* given, string name) where T : unmanaged
    {
        nuint size = CheckedSize(given, name);
        for (nuint i = (nuint)sizeof(T); i < size; i++)
            if (((byte*)given)[i] != 0)
                throw new PluginBridgeException(ErrorCode.Unsupported,
                    $"{name} sets a field that this version of the library does not know; update the library.");
        T copy = default;
        Unsafe.CopyBlockUnaligned(&copy, given, (uint)Math.Min(size, (nuint)sizeof(T)));
        return copy;
    }

    /// <summary>The size that the caller wrote into a struct.</summary>
    internal static nuint CheckedSize<T>(T* given, string name) where T : unmanaged
    {
        if (given == null)
            throw Guard.Invalid($"{name} is NULL.");
        nuint size = *(nuint*)given;
        if (size <= (nuint)sizeof(nuint) || size > _largest)
            throw Guard.Invalid($"{name}.struct_size is {size}; set it to sizeof({name}), here {sizeof(T)}.");
        return size;
    }
}

/// <summary>Structs and handles that callers want filled.</summary>
internal static unsafe class Output
{
    /// <summary>Checks where a new handle goes and clears it, so that a failed call leaves no dangling one.</summary>
    internal static void Clear(nint* handle, string name)
    {
        if (handle == null)
            throw Guard.Invalid($"{name} is NULL: there is nowhere to put the new handle.");
        *handle = 0;
    }

    /// <summary>Fills as much of the caller's struct as the caller knows of.</summary>
    internal static void Write<T>(T* target, T source, string name) where T : unmanaged
    {
        nuint size = Input.CheckedSize(target, name);
        Unsafe.InitBlockUnaligned(target, 0, (uint)size);
        Unsafe.CopyBlockUnaligned(target, &source, (uint)Math.Min(size, (nuint)sizeof(T)));
        *(nuint*)target = size;
    }
}
