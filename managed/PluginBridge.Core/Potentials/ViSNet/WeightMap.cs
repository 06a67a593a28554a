using System.Numerics;

namespace PluginBridge.Core.Potentials.ViSNet;

/// <summary>Where each number of a network's arrays lies in the flat array of trained weights
/// (<see cref="ViSNetParameters"/>). Fills the arrays from it, and takes gradients, summed in the arrays' layout, to
/// it.</summary>
/// <remarks>Padding has the index one past the last weight: the flat arrays have an element more, zero in weights and
/// dropped in gradients.</remarks>
internal sealed unsafe class WeightMap<T, V>(ViSNetParameters parameters)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where V : unmanaged, ISimd<V, T>
{
    private readonly List<(T[] Destination, int[] Source, int Gradient)> _rows = [];
    private readonly List<(PackedMatrix<T, V> Matrix, PackedMatrix<T, V> Transposed, int[] Source)> _matrices = [];
    private T[] _dense = [], _turned = [];

    public ViSNetParameters Parameters { get; } = parameters;

    /// <summary>Index that stands for padding.</summary>
    public int Padding => Parameters.Count;

    /// <summary>Elements of a gradient in the arrays' layout.</summary>
    public int GradientLength { get; private set; }

    /// <summary>Room in the gradient for something that is no copy of weights; returns its first element.</summary>
    public int Reserve(int length)
    {
        int start = GradientLength;
        GradientLength += length;
        return start;
    }

    /// <summary>Rows of a tensor, padded to <paramref name="width"/>.</summary>
    /// <returns>The rows, to be filled, and their gradient's first element.</returns>
    public (T[] Rows, int Gradient) Rows(string tensor, int columns, int width)
    {
        var (_, offset, _, _) = Parameters[tensor];
        int length = Parameters[tensor].Length;
        var source = new int[length / columns * width];
        Array.Fill(source, Padding);
        for (int i = 0; i < length; i++)
            source[i / columns * width + i % columns] = offset + i;
        var rows = new T[source.Length];
        int gradient = Reserve(rows.Length);
        _rows.Add((rows, source, gradient));
        return (rows, gradient);
    }

    /// <summary>A matrix [inner, columns], row-major, with its bias row behind it.</summary>
    public PackedMatrix<T, V> Matrix(int inner, int columns, int[] source, out PackedMatrix<T, V> transposed)
    {
        var matrix = new PackedMatrix<T, V>(inner, columns) { GradientOffset = Reserve(source.Length) };
        transposed = new PackedMatrix<T, V>(columns, inner);
        _matrices.Add((matrix, transposed, source));
        if (_dense.Length < source.Length)
            (_dense, _turned) = (new T[source.Length], new T[source.Length]);
        return matrix;
    }

    /// <summary>Copies weights to where the network has them.</summary>
    /// <param name="weights">All weights and a zero.</param>
    public void Fill(ReadOnlySpan<float> weights)
    {
        foreach (var (destination, source, _) in _rows)
            Gather(weights, source, destination);
        foreach (var (matrix, transposed, source) in _matrices)
        {
            Gather(weights, source, _dense);
            int inner = matrix.Inner, columns = matrix.Columns, size = inner * columns;
            matrix.Set(_dense.AsSpan(0, size), _dense.AsSpan(size, columns));
            Transpose(_dense, inner, columns, _turned);
            transposed.Set(_turned.AsSpan(0, size), default);
        }
    }

    /// <summary>Takes gradients in the arrays' layout to their weights. Weights without influence on the energy are left
    /// alone.</summary>
    /// <param name="sums">First element.</param>
    /// <param name="factor">Factor to all of them.</param>
    /// <param name="gradient">Room for all weights and one element more.</param>
    public void Scatter(T* sums, double factor, Span<double> gradient)
    {
        foreach (var (_, source, start) in _rows)
            Scatter(sums + start, source, factor, gradient);
        foreach (var (matrix, _, source) in _matrices)
            Scatter(sums + matrix.GradientOffset, source, factor, gradient);
    }

    private static void Gather(ReadOnlySpan<float> weights, int[] source, T[] destination)
    {
        for (int i = 0; i < source.Length; i++)
            destination[i] = T.CreateTruncating(weights[source[i]]);
    }

    private static void Scatter(T* sums, int[] source, double factor, Span<double> gradient)
    {
        for (int i = 0; i < source.Length; i++)
            gradient[source[i]] = factor * double.CreateTruncating(sums[i]);
    }

    private static void Transpose(T[] matrix, int rows, int columns, T[] turned)
    {
        const int Block = 16;
        for (int r0 = 0; r0 < rows; r0 += Block)
            for (int c0 = 0; c0 < columns; c0 += Block)
                for (int r = r0; r < Math.Min(r0 + Block, rows); r++)
                    for (int c = c0; c < Math.Min(c0 + Block, columns); c++)
                        turned[c * rows + r] = matrix[r * columns + c];
    }
}
