namespace PluginBridge.Exports;

/// <summary>Arrays that callers hand in as count and pointer, checked before they are read.</summary>
internal static unsafe class CountedArray
{
    /// <summary>A count as an int; it must not be negative or beyond what one array can hold.</summary>
    internal static int Count(long count, string name) => count is >= 0 and <= int.MaxValue / 16
        ? (int)count
        : throw Guard.Invalid($"{name} is {count}.");

    /// <summary>The elements of an array that is needed where its count is not zero.</summary>
    internal static ReadOnlySpan<T> Read<T>(T* array, int count, int width, string name) where T : unmanaged =>
        count == 0 ? []
        : array == null ? throw Guard.Invalid($"{name} is NULL, but {count} entries are announced.")
        : new ReadOnlySpan<T>(array, count * width);

    /// <summary>Indices below a bound.</summary>
    internal static ReadOnlySpan<int> ReadIndices(int* array, int count, int width, int bound, string name)
    {
        ReadOnlySpan<int> indices = Read(array, count, width, name);
        for (int i = 0; i < indices.Length; i++)
            if ((uint)indices[i] >= (uint)bound)
                throw Guard.Invalid($"{Element(name, i, width)} is {indices[i]}, outside 0..{bound - 1}.");
        return indices;
    }

    /// <summary>Numbers that are neither NaN nor infinite.</summary>
    internal static ReadOnlySpan<double> ReadFinite(double* array, int count, int width, string name)
    {
        ReadOnlySpan<double> values = Read(array, count, width, name);
        for (int i = 0; i < values.Length; i++)
            if (!double.IsFinite(values[i]))
                throw Guard.Invalid($"{Element(name, i, width)} is {values[i]}.");
        return values;
    }

    private static string Element(string name, int i, int width) =>
        width == 1 ? $"{name}[{i}]" : $"{name}[{i / width}][{i % width}]";
}
