using PluginBridge.Core.Potentials.ViSNet;

namespace PluginBridge.Performance;

/// <summary>A kernel's time on one thread.</summary>
/// <param name="Name">Which.</param>
/// <param name="Shape">Sizes in words.</param>
/// <param name="Flops">Counted operations of a call.</param>
/// <param name="Bytes">Bytes read and written by a call, if it streams through memory; else 0.</param>
/// <param name="Seconds">Median of a call.</param>
internal sealed record KernelResult(string Name, string Shape, double Flops, double Bytes, double Seconds);

/// <summary>The network's kernels on the shapes in which it calls them.</summary>
internal static unsafe class Kernels<V>
    where V : unmanaged, ISimd<V, float>
{
    /// <summary>Rows of a block of edges, of atoms, of atoms' vectors, of pairs: what a call of the product gets.</summary>
    private const int EdgeRows = 128, AtomRows = 32, VectorRows = 96, PairRows = 96;

    public static IEnumerable<KernelResult> Run(ViSNetHeader header, int repeats, double seconds, long streamed)
    {
        int h = RoundUp(header.HiddenChannels), b = RoundUp(header.RadialFunctions);
        (string Name, int Rows, int Inner, int Columns)[] products =
        [
            ("edges: dk, dv, f", EdgeRows, h, 3 * h),
            ("edges: s1, s2", EdgeRows, h, 2 * h),
            ("edges, reverse: dk, dv, f", EdgeRows, 3 * h, h),
            ("edges, reverse: s1, s2", EdgeRows, 2 * h, h),
            ("atoms: q, k, v", AtomRows, h, 3 * h),
            ("atoms: v1, v2, v3, target, source", VectorRows, h, 5 * h),
            ("atoms, reverse: v1, v2, v3, target, source", VectorRows, 5 * h, h),
            ("pairs: radial functions", PairRows, b, 2 * h),
        ];
        foreach (var (name, rows, inner, columns) in products)
            yield return Product(name, rows, inner, columns, repeats, seconds);
        yield return Silu(h, streamed, repeats, seconds);
        yield return Norm(h, streamed, repeats, seconds);
    }

    private static int RoundUp(int channels) => (channels + V.Count - 1) / V.Count * V.Count;

    private static KernelResult Product(string name, int rows, int inner, int columns, int repeats, double seconds)
    {
        using NativeBuffer<float> a = new(), c = new();
        Fill(a, (long)rows * inner);
        c.Ensure((long)rows * columns);
        float[] weights = new float[inner * columns];
        var random = new Random(1);
        for (int k = 0; k < weights.Length; k++)
            weights[k] = random.NextSingle() - 0.5f;
        var packed = new PackedMatrix<float, V>(inner, columns, weights, default);
        double time = Timing.Median(Timing.Measure(
            () => Gemm<float, V>.Multiply(a.Pointer, inner, rows, packed, c.Pointer, columns), repeats, seconds));
        return new KernelResult("Gemm, " + name, $"{rows} x {inner} x {columns}", 2.0 * rows * inner * columns, 0, time);
    }

    /// <summary>SiLU and its derivative from memory to memory: 9 multiply-adds, 2 divisions and a few more an element.</summary>
    private static KernelResult Silu(int h, long elements, int repeats, double seconds)
    {
        elements = elements / h * h;
        using NativeBuffer<float> z = new(), y = new(), slope = new();
        Fill(z, elements);
        y.Ensure(elements);
        slope.Ensure(elements);
        double time = Timing.Median(Timing.Measure(() =>
        {
            float* from = z.Pointer, to = y.Pointer, derivative = slope.Pointer;
            for (long i = 0; i < elements; i += V.Count)
            {
                SimdMath<float, V>.Silu(V.Load(from + i), out V value, out V d);
                value.Store(to + i);
                d.Store(derivative + i);
            }
        }, repeats, seconds));
        return new KernelResult("SiLU and derivative", $"{elements} elements", 0, 3.0 * sizeof(float) * elements, time);
    }

    private static KernelResult Norm(int h, long elements, int repeats, double seconds)
    {
        int rows = (int)(elements / h);
        using NativeBuffer<float> x = new(), normalized = new(), output = new();
        Fill(x, (long)rows * h);
        normalized.Ensure((long)rows * h);
        output.Ensure((long)rows * h);
        float[] ones = [.. Enumerable.Repeat(1f, h)], zeros = new float[h];
        double time = Timing.Median(Timing.Measure(() =>
        {
            for (int r = 0; r < rows; r++)
                LayerNorm<float, V>.Forward(x.Pointer + (long)r * h, h, ones, ones, zeros, normalized.Pointer + (long)r * h,
                    output.Pointer + (long)r * h);
        }, repeats, seconds));
        return new KernelResult("LayerNorm", $"{rows} x {h}", 0, 3.0 * sizeof(float) * rows * h, time);
    }

    private static void Fill(NativeBuffer<float> buffer, long count)
    {
        float* values = buffer.Ensure(count);
        for (long i = 0; i < count; i++)
            values[i] = (i % 251 - 125) * 0.01f;
    }
}
