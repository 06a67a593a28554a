using System.Runtime.CompilerServices;

namespace PluginBridge.Core.Potentials.ViSNet;

/// <summary>A weight matrix W [inner, columns] with a bias row, repacked for <see cref="Gemm{T,V}"/>: panels of up to
/// <see cref="ISimd{TSelf,T}.PanelWidth"/> registers of columns, each panel stored row after row.</summary>
#pragma warning disable CA1001 // freed with the network, by the buffers' finalizers: evaluators share it
internal sealed unsafe class PackedMatrix<T, V>
#pragma warning restore CA1001
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
{
    private readonly NativeBuffer<T> _panels = new();
    private readonly NativeBuffer<T> _bias = new();

    /// <summary>A matrix to be <see cref="Set"/>.</summary>
    /// <param name="inner">Rows of W: length of an input row.</param>
    /// <param name="columns">Columns of W, a multiple of the register width.</param>
    public PackedMatrix(int inner, int columns)
    {
        Inner = inner;
        Columns = columns;
        _panels.Ensure((long)inner * columns);
        _bias.Ensure(columns);
    }

    /// <summary>A matrix with values.</summary>
    public PackedMatrix(int inner, int columns, ReadOnlySpan<T> matrix, ReadOnlySpan<T> bias)
        : this(inner, columns) => Set(matrix, bias);

    /// <summary>Repacks values.</summary>
    /// <param name="matrix">W, row-major [inner, columns].</param>
    /// <param name="bias">Row added to each output row; empty for none.</param>
    public void Set(ReadOnlySpan<T> matrix, ReadOnlySpan<T> bias)
    {
        var row = new Span<T>(Bias, Columns);
        if (bias.IsEmpty)
            row.Clear();
        else
            bias.CopyTo(row);
        T* panel = Panels;
        int full = V.PanelWidth * V.Count;
        for (int start = 0; start < Columns; start += full)
        {
            int width = Math.Min(full, Columns - start);
            for (int k = 0; k < Inner; k++, panel += width)
                matrix.Slice(k * Columns + start, width).CopyTo(new Span<T>(panel, width));
        }
    }

    public int Inner { get; }

    public int Columns { get; }

    /// <summary>First element, in an array of weight gradients, of those of W, row-major; the bias's follow.</summary>
    public int GradientOffset { get; init; }

    public T* Panels => _panels.Pointer;

    public T* Bias => _bias.Pointer;

    /// <summary>Multiply-adds of one row.</summary>
    public long Work => (long)Inner * Columns;
}

/// <summary>Matrix product C = A·W + bias with accumulators in registers, six rows at a time.</summary>
/// <remarks>Each output is one chain of fused multiply-adds over the inner index, whatever the row's place in a tile: so
/// results do not depend on how rows are cut into blocks.</remarks>
internal static unsafe class Gemm<T, V>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
{
    private const int TileRows = 6;

    /// <summary>C [rows, W.Columns] = A [rows, W.Inner]·W + bias. C must not overlap A.</summary>
    /// <param name="a">First row of A.</param>
    /// <param name="lda">Elements from one row of A to the next.</param>
    /// <param name="rows">Rows of A and C.</param>
    /// <param name="w">Packed weights.</param>
    /// <param name="c">First row of C.</param>
    /// <param name="ldc">Elements from one row of C to the next.</param>
    public static void Multiply(T* a, nint lda, int rows, PackedMatrix<T, V> w, T* c, nint ldc)
    {
        if (rows < TileRows)
        {
            MultiplyFewRows(a, lda, rows, w, c, ldc);
            return;
        }
        int full = V.PanelWidth * V.Count;
        T* panel = w.Panels;
        for (int start = 0; start < w.Columns; start += full)
        {
            int width = Math.Min(full, w.Columns - start);
            for (int row = 0; row < rows; row += TileRows)
            {
                // The last tile steps back over rows already done: the same numbers are written again.
                int first = Math.Min(row, rows - TileRows);
                Tile(width / V.Count, a + first * lda, lda, w.Inner, panel, w.Bias + start, c + first * ldc + start, ldc);
            }
            panel += (long)w.Inner * width;
        }
    }

    private static void MultiplyFewRows(T* a, nint lda, int rows, PackedMatrix<T, V> w, T* c, nint ldc)
    {
        T* panel = w.Panels;
        int full = V.PanelWidth * V.Count;
        for (int start = 0; start < w.Columns; start += full)
        {
            int width = Math.Min(full, w.Columns - start);
            for (int column = 0; column < width; column += V.Count)
                for (int row = 0; row < rows; row++)
                {
                    T* x = a + row * lda;
                    V sum = V.Load(w.Bias + start + column);
                    for (nint k = 0; k < w.Inner; k++)
                        sum = V.MultiplyAdd(V.Splat(x[k]), V.Load(panel + k * width + column), sum);
                    sum.Store(c + row * ldc + start + column);
                }
            panel += (long)w.Inner * width;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Tile(int registers, T* a, nint lda, int k, T* b, T* bias, T* c, nint ldc)
    {
        if (registers == 4)
            Tile4(a, lda, k, b, bias, c, ldc);
        else if (registers == 3)
            Tile3(a, lda, k, b, bias, c, ldc);
        else if (registers == 2)
            Tile2(a, lda, k, b, bias, c, ldc);
        else
            Tile1(a, lda, k, b, bias, c, ldc);
    }

    /// <summary>Six rows by 4 registers.</summary>
    private static void Tile4(T* a, nint lda, int k, T* b, T* bias, T* c, nint ldc)
    {
        T* a0 = a, a1 = a0 + lda, a2 = a1 + lda, a3 = a2 + lda, a4 = a3 + lda, a5 = a4 + lda;
        V c00 = V.Load(bias + 0 * V.Count), c10 = c00, c20 = c00, c30 = c00, c40 = c00, c50 = c00;
        V c01 = V.Load(bias + 1 * V.Count), c11 = c01, c21 = c01, c31 = c01, c41 = c01, c51 = c01;
        V c02 = V.Load(bias + 2 * V.Count), c12 = c02, c22 = c02, c32 = c02, c42 = c02, c52 = c02;
        V c03 = V.Load(bias + 3 * V.Count), c13 = c03, c23 = c03, c33 = c03, c43 = c03, c53 = c03;
        for (nint i = 0; i < k; i++, b += 4 * V.Count)
        {
            V b0 = V.Load(b + 0 * V.Count), b1 = V.Load(b + 1 * V.Count), b2 = V.Load(b + 2 * V.Count), b3 = V.Load(b + 3 * V.Count);
            V x = V.Splat(a0[i]);
            c00 = V.MultiplyAdd(x, b0, c00);
            c01 = V.MultiplyAdd(x, b1, c01);
            c02 = V.MultiplyAdd(x, b2, c02);
            c03 = V.MultiplyAdd(x, b3, c03);
            x = V.Splat(a1[i]);
            c10 = V.MultiplyAdd(x, b0, c10);
            c11 = V.MultiplyAdd(x, b1, c11);
            c12 = V.MultiplyAdd(x, b2, c12);
            c13 = V.MultiplyAdd(x, b3, c13);
            x = V.Splat(a2[i]);
            c20 = V.MultiplyAdd(x, b0, c20);
            c21 = V.MultiplyAdd(x, b1, c21);
            c22 = V.MultiplyAdd(x, b2, c22);
            c23 = V.MultiplyAdd(x, b3, c23);
            x = V.Splat(a3[i]);
            c30 = V.MultiplyAdd(x, b0, c30);
            c31 = V.MultiplyAdd(x, b1, c31);
            c32 = V.MultiplyAdd(x, b2, c32);
            c33 = V.MultiplyAdd(x, b3, c33);
            x = V.Splat(a4[i]);
            c40 = V.MultiplyAdd(x, b0, c40);
            c41 = V.MultiplyAdd(x, b1, c41);
            c42 = V.MultiplyAdd(x, b2, c42);
            c43 = V.MultiplyAdd(x, b3, c43);
            x = V.Splat(a5[i]);
            c50 = V.MultiplyAdd(x, b0, c50);
            c51 = V.MultiplyAdd(x, b1, c51);
            c52 = V.MultiplyAdd(x, b2, c52);
            c53 = V.MultiplyAdd(x, b3, c53);
        }
        c00.Store(c + 0 * V.Count);
        c01.Store(c + 1 * V.Count);
        c02.Store(c + 2 * V.Count);
        c03.Store(c + 3 * V.Count);
        c += ldc;
        c10.Store(c + 0 * V.Count);
        c11.Store(c + 1 * V.Count);
        c12.Store(c + 2 * V.Count);
        c13.Store(c + 3 * V.Count);
        c += ldc;
        c20.Store(c + 0 * V.Count);
        c21.Store(c + 1 * V.Count);
        c22.Store(c + 2 * V.Count);
        c23.Store(c + 3 * V.Count);
        c += ldc;
        c30.Store(c + 0 * V.Count);
        c31.Store(c + 1 * V.Count);
        c32.Store(c + 2 * V.Count);
        c33.Store(c + 3 * V.Count);
        c += ldc;
        c40.Store(c + 0 * V.Count);
        c41.Store(c + 1 * V.Count);
        c42.Store(c + 2 * V.Count);
        c43.Store(c + 3 * V.Count);
        c += ldc;
        c50.Store(c + 0 * V.Count);
        c51.Store(c + 1 * V.Count);
        c52.Store(c + 2 * V.Count);
        c53.Store(c + 3 * V.Count);
    }

    /// <summary>Six rows by 3 registers.</summary>
    private static void Tile3(T* a, nint lda, int k, T* b, T* bias, T* c, nint ldc)
    {
        T* a0 = a, a1 = a0 + lda, a2 = a1 + lda, a3 = a2 + lda, a4 = a3 + lda, a5 = a4 + lda;
        V c00 = V.Load(bias + 0 * V.Count), c10 = c00, c20 = c00, c30 = c00, c40 = c00, c50 = c00;
        V c01 = V.Load(bias + 1 * V.Count), c11 = c01, c21 = c01, c31 = c01, c41 = c01, c51 = c01;
        V c02 = V.Load(bias + 2 * V.Count), c12 = c02, c22 = c02, c32 = c02, c42 = c02, c52 = c02;
        for (nint i = 0; i < k; i++, b += 3 * V.Count)
        {
            V b0 = V.Load(b + 0 * V.Count), b1 = V.Load(b + 1 * V.Count), b2 = V.Load(b + 2 * V.Count);
            V x = V.Splat(a0[i]);
            c00 = V.MultiplyAdd(x, b0, c00);
            c01 = V.MultiplyAdd(x, b1, c01);
            c02 = V.MultiplyAdd(x, b2, c02);
            x = V.Splat(a1[i]);
            c10 = V.MultiplyAdd(x, b0, c10);
            c11 = V.MultiplyAdd(x, b1, c11);
            c12 = V.MultiplyAdd(x, b2, c12);
            x = V.Splat(a2[i]);
            c20 = V.MultiplyAdd(x, b0, c20);
            c21 = V.MultiplyAdd(x, b1, c21);
            c22 = V.MultiplyAdd(x, b2, c22);
            x = V.Splat(a3[i]);
            c30 = V.MultiplyAdd(x, b0, c30);
            c31 = V.MultiplyAdd(x, b1, c31);
            c32 = V.MultiplyAdd(x, b2, c32);
            x = V.Splat(a4[i]);
            c40 = V.MultiplyAdd(x, b0, c40);
            c41 = V.MultiplyAdd(x, b1, c41);
            c42 = V.MultiplyAdd(x, b2, c42);
            x = V.Splat(a5[i]);
            c50 = V.MultiplyAdd(x, b0, c50);
            c51 = V.MultiplyAdd(x, b1, c51);
            c52 = V.MultiplyAdd(x, b2, c52);
        }
        c00.Store(c + 0 * V.Count);
        c01.Store(c + 1 * V.Count);
        c02.Store(c + 2 * V.Count);
        c += ldc;
        c10.Store(c + 0 * V.Count);
        c11.Store(c + 1 * V.Count);
        c12.Store(c + 2 * V.Count);
        c += ldc;
        c20.Store(c + 0 * V.Count);
        c21.Store(c + 1 * V.Count);
        c22.Store(c + 2 * V.Count);
        c += ldc;
        c30.Store(c + 0 * V.Count);
        c31.Store(c + 1 * V.Count);
        c32.Store(c + 2 * V.Count);
        c += ldc;
        c40.Store(c + 0 * V.Count);
        c41.Store(c + 1 * V.Count);
        c42.Store(c + 2 * V.Count);
        c += ldc;
        c50.Store(c + 0 * V.Count);
        c51.Store(c + 1 * V.Count);
        c52.Store(c + 2 * V.Count);
    }

    /// <summary>Six rows by 2 registers.</summary>
    private static void Tile2(T* a, nint lda, int k, T* b, T* bias, T* c, nint ldc)
    {
        T* a0 = a, a1 = a0 + lda, a2 = a1 + lda, a3 = a2 + lda, a4 = a3 + lda, a5 = a4 + lda;
        V c00 = V.Load(bias + 0 * V.Count), c10 = c00, c20 = c00, c30 = c00, c40 = c00, c50 = c00;
        V c01 = V.Load(bias + 1 * V.Count), c11 = c01, c21 = c01, c31 = c01, c41 = c01, c51 = c01;
        for (nint i = 0; i < k; i++, b += 2 * V.Count)
        {
            V b0 = V.Load(b + 0 * V.Count), b1 = V.Load(b + 1 * V.Count);
            V x = V.Splat(a0[i]);
            c00 = V.MultiplyAdd(x, b0, c00);
            c01 = V.MultiplyAdd(x, b1, c01);
            x = V.Splat(a1[i]);
            c10 = V.MultiplyAdd(x, b0, c10);
            c11 = V.MultiplyAdd(x, b1, c11);
            x = V.Splat(a2[i]);
            c20 = V.MultiplyAdd(x, b0, c20);
            c21 = V.MultiplyAdd(x, b1, c21);
            x = V.Splat(a3[i]);
            c30 = V.MultiplyAdd(x, b0, c30);
            c31 = V.MultiplyAdd(x, b1, c31);
            x = V.Splat(a4[i]);
            c40 = V.MultiplyAdd(x, b0, c40);
            c41 = V.MultiplyAdd(x, b1, c41);
            x = V.Splat(a5[i]);
            c50 = V.MultiplyAdd(x, b0, c50);
            c51 = V.MultiplyAdd(x, b1, c51);
        }
        c00.Store(c + 0 * V.Count);
        c01.Store(c + 1 * V.Count);
        c += ldc;
        c10.Store(c + 0 * V.Count);
        c11.Store(c + 1 * V.Count);
        c += ldc;
        c20.Store(c + 0 * V.Count);
        c21.Store(c + 1 * V.Count);
        c += ldc;
        c30.Store(c + 0 * V.Count);
        c31.Store(c + 1 * V.Count);
        c += ldc;
        c40.Store(c + 0 * V.Count);
        c41.Store(c + 1 * V.Count);
        c += ldc;
        c50.Store(c + 0 * V.Count);
        c51.Store(c + 1 * V.Count);
    }

    /// <summary>Six rows by 1 register.</summary>
    private static void Tile1(T* a, nint lda, int k, T* b, T* bias, T* c, nint ldc)
    {
        T* a0 = a, a1 = a0 + lda, a2 = a1 + lda, a3 = a2 + lda, a4 = a3 + lda, a5 = a4 + lda;
        V c00 = V.Load(bias + 0 * V.Count), c10 = c00, c20 = c00, c30 = c00, c40 = c00, c50 = c00;
        for (nint i = 0; i < k; i++, b += 1 * V.Count)
        {
            V b0 = V.Load(b + 0 * V.Count);
            V x = V.Splat(a0[i]);
            c00 = V.MultiplyAdd(x, b0, c00);
            x = V.Splat(a1[i]);
            c10 = V.MultiplyAdd(x, b0, c10);
            x = V.Splat(a2[i]);
            c20 = V.MultiplyAdd(x, b0, c20);
            x = V.Splat(a3[i]);
            c30 = V.MultiplyAdd(x, b0, c30);
            x = V.Splat(a4[i]);
            c40 = V.MultiplyAdd(x, b0, c40);
            x = V.Splat(a5[i]);
            c50 = V.MultiplyAdd(x, b0, c50);
        }
        c00.Store(c + 0 * V.Count);
        c += ldc;
        c10.Store(c + 0 * V.Count);
        c += ldc;
        c20.Store(c + 0 * V.Count);
        c += ldc;
        c30.Store(c + 0 * V.Count);
        c += ldc;
        c40.Store(c + 0 * V.Count);
        c += ldc;
        c50.Store(c + 0 * V.Count);
    }
}
