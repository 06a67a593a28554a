using System.Runtime.CompilerServices;

namespace PluginBridge.Core.Potentials.ViSNet;

/// <summary>Gradient of a matrix product Y = X·W + b with respect to W and b: dW += Xᵀ·dY, db += Σ rows of dY.</summary>
/// <remarks>A tile of dW stays in registers while the rows of X and dY go by. Rows are meant to be a block's, so that X and dY
/// stay in the cache from tile to tile.</remarks>
internal static unsafe class OuterProduct<T, V>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
{
    private const int TileRows = 4;

    /// <summary>Adds the products of some rows.</summary>
    /// <param name="x">First row of X.</param>
    /// <param name="ldx">Elements from one row of X to the next.</param>
    /// <param name="dy">First row of dY.</param>
    /// <param name="ldy">Elements from one row of dY to the next.</param>
    /// <param name="rows">Rows of X and dY.</param>
    /// <param name="inner">Columns of X used: rows of W.</param>
    /// <param name="columns">Columns of dY used: columns of W, a multiple of the register width.</param>
    /// <param name="sum">dW, row-major [inner, columns], then db [columns].</param>
    public static void Add(T* x, nint ldx, T* dy, nint ldy, int rows, int inner, int columns, T* sum)
    {
        int width;
        for (int column = 0; column < columns; column += width * V.Count)
        {
            int left = (columns - column) / V.Count;
            width = left >= 4 && V.PanelWidth >= 4 ? 4 : left >= 2 ? 2 : 1;
            int k = 0;
            for (; k <= inner - TileRows; k += TileRows)
                Tile(width, x + k, ldx, dy + column, ldy, rows, sum + (nint)k * columns + column, columns);
            for (int register = 0; register < width; register++)
            {
                T* first = dy + column + register * V.Count, to = sum + column + register * V.Count;
                for (int rest = k; rest < inner; rest++)
                    Row(x + rest, ldx, first, ldy, rows, to + (nint)rest * columns);
                Bias(first, ldy, rows, to + (nint)inner * columns);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Tile(int registers, T* x, nint ldx, T* dy, nint ldy, nint rows, T* sum, nint ldsum)
    {
        if (registers == 4)
            Tile4(x, ldx, dy, ldy, rows, sum, ldsum);
        else if (registers == 2)
            Tile2(x, ldx, dy, ldy, rows, sum, ldsum);
        else
            Tile1(x, ldx, dy, ldy, rows, sum, ldsum);
    }

    private static void Row(T* x, nint ldx, T* dy, nint ldy, nint rows, T* sum)
    {
        V c = V.Load(sum);
        for (nint r = 0; r < rows; r++, x += ldx, dy += ldy)
            c = V.MultiplyAdd(V.Splat(x[0]), V.Load(dy), c);
        c.Store(sum);
    }

    private static void Bias(T* dy, nint ldy, nint rows, T* sum)
    {
        V c = V.Load(sum);
        for (nint r = 0; r < rows; r++, dy += ldy)
            c += V.Load(dy);
        c.Store(sum);
    }

    /// <summary>Four rows of the sum by 4 registers.</summary>
    private static void Tile4(T* x, nint ldx, T* dy, nint ldy, nint rows, T* sum, nint ldsum)
    {
        T* s0 = sum, s1 = s0 + ldsum, s2 = s1 + ldsum, s3 = s2 + ldsum;
        V c00 = V.Load(s0 + 0 * V.Count), c01 = V.Load(s0 + 1 * V.Count), c02 = V.Load(s0 + 2 * V.Count), c03 = V.Load(s0 + 3 * V.Count);
        V c10 = V.Load(s1 + 0 * V.Count), c11 = V.Load(s1 + 1 * V.Count), c12 = V.Load(s1 + 2 * V.Count), c13 = V.Load(s1 + 3 * V.Count);
        V c20 = V.Load(s2 + 0 * V.Count), c21 = V.Load(s2 + 1 * V.Count), c22 = V.Load(s2 + 2 * V.Count), c23 = V.Load(s2 + 3 * V.Count);
        V c30 = V.Load(s3 + 0 * V.Count), c31 = V.Load(s3 + 1 * V.Count), c32 = V.Load(s3 + 2 * V.Count), c33 = V.Load(s3 + 3 * V.Count);
        for (nint r = 0; r < rows; r++, x += ldx, dy += ldy)
        {
            V b0 = V.Load(dy + 0 * V.Count), b1 = V.Load(dy + 1 * V.Count), b2 = V.Load(dy + 2 * V.Count), b3 = V.Load(dy + 3 * V.Count);
            V a = V.Splat(x[0]);
            c00 = V.MultiplyAdd(a, b0, c00);
            c01 = V.MultiplyAdd(a, b1, c01);
            c02 = V.MultiplyAdd(a, b2, c02);
            c03 = V.MultiplyAdd(a, b3, c03);
            a = V.Splat(x[1]);
            c10 = V.MultiplyAdd(a, b0, c10);
            c11 = V.MultiplyAdd(a, b1, c11);
            c12 = V.MultiplyAdd(a, b2, c12);
            c13 = V.MultiplyAdd(a, b3, c13);
            a = V.Splat(x[2]);
            c20 = V.MultiplyAdd(a, b0, c20);
            c21 = V.MultiplyAdd(a, b1, c21);
            c22 = V.MultiplyAdd(a, b2, c22);
            c23 = V.MultiplyAdd(a, b3, c23);
            a = V.Splat(x[3]);
            c30 = V.MultiplyAdd(a, b0, c30);
            c31 = V.MultiplyAdd(a, b1, c31);
            c32 = V.MultiplyAdd(a, b2, c32);
            c33 = V.MultiplyAdd(a, b3, c33);
        }
        c00.Store(s0 + 0 * V.Count);
        c01.Store(s0 + 1 * V.Count);
        c02.Store(s0 + 2 * V.Count);
        c03.Store(s0 + 3 * V.Count);
        c10.Store(s1 + 0 * V.Count);
        c11.Store(s1 + 1 * V.Count);
        c12.Store(s1 + 2 * V.Count);
        c13.Store(s1 + 3 * V.Count);
        c20.Store(s2 + 0 * V.Count);
        c21.Store(s2 + 1 * V.Count);
        c22.Store(s2 + 2 * V.Count);
        c23.Store(s2 + 3 * V.Count);
        c30.Store(s3 + 0 * V.Count);
        c31.Store(s3 + 1 * V.Count);
        c32.Store(s3 + 2 * V.Count);
        c33.Store(s3 + 3 * V.Count);
    }

    /// <summary>Four rows of the sum by 2 registers.</summary>
    private static void Tile2(T* x, nint ldx, T* dy, nint ldy, nint rows, T* sum, nint ldsum)
    {
        T* s0 = sum, s1 = s0 + ldsum, s2 = s1 + ldsum, s3 = s2 + ldsum;
        V c00 = V.Load(s0 + 0 * V.Count), c01 = V.Load(s0 + 1 * V.Count);
        V c10 = V.Load(s1 + 0 * V.Count), c11 = V.Load(s1 + 1 * V.Count);
        V c20 = V.Load(s2 + 0 * V.Count), c21 = V.Load(s2 + 1 * V.Count);
        V c30 = V.Load(s3 + 0 * V.Count), c31 = V.Load(s3 + 1 * V.Count);
        for (nint r = 0; r < rows; r++, x += ldx, dy += ldy)
        {
            V b0 = V.Load(dy + 0 * V.Count), b1 = V.Load(dy + 1 * V.Count);
            V a = V.Splat(x[0]);
            c00 = V.MultiplyAdd(a, b0, c00);
            c01 = V.MultiplyAdd(a, b1, c01);
            a = V.Splat(x[1]);
            c10 = V.MultiplyAdd(a, b0, c10);
            c11 = V.MultiplyAdd(a, b1, c11);
            a = V.Splat(x[2]);
            c20 = V.MultiplyAdd(a, b0, c20);
            c21 = V.MultiplyAdd(a, b1, c21);
            a = V.Splat(x[3]);
            c30 = V.MultiplyAdd(a, b0, c30);
            c31 = V.MultiplyAdd(a, b1, c31);
        }
        c00.Store(s0 + 0 * V.Count);
        c01.Store(s0 + 1 * V.Count);
        c10.Store(s1 + 0 * V.Count);
        c11.Store(s1 + 1 * V.Count);
        c20.Store(s2 + 0 * V.Count);
        c21.Store(s2 + 1 * V.Count);
        c30.Store(s3 + 0 * V.Count);
        c31.Store(s3 + 1 * V.Count);
    }

    /// <summary>Four rows of the sum by 1 register.</summary>
    private static void Tile1(T* x, nint ldx, T* dy, nint ldy, nint rows, T* sum, nint ldsum)
    {
        T* s0 = sum, s1 = s0 + ldsum, s2 = s1 + ldsum, s3 = s2 + ldsum;
        V c00 = V.Load(s0 + 0 * V.Count);
        V c10 = V.Load(s1 + 0 * V.Count);
        V c20 = V.Load(s2 + 0 * V.Count);
        V c30 = V.Load(s3 + 0 * V.Count);
        for (nint r = 0; r < rows; r++, x += ldx, dy += ldy)
        {
            V b0 = V.Load(dy + 0 * V.Count);
            V a = V.Splat(x[0]);
            c00 = V.MultiplyAdd(a, b0, c00);
            a = V.Splat(x[1]);
            c10 = V.MultiplyAdd(a, b0, c10);
            a = V.Splat(x[2]);
            c20 = V.MultiplyAdd(a, b0, c20);
            a = V.Splat(x[3]);
            c30 = V.MultiplyAdd(a, b0, c30);
        }
        c00.Store(s0 + 0 * V.Count);
        c10.Store(s1 + 0 * V.Count);
        c20.Store(s2 + 0 * V.Count);
        c30.Store(s3 + 0 * V.Count);
    }
}
