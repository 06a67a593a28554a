using PluginBridge.Core.Potentials.ViSNet;

namespace PluginBridge.Performance;

/// <summary>What the machine can do at most: fused multiply-adds a second, bytes a second.</summary>
internal static unsafe class Machine<V>
    where V : unmanaged, ISimd<V, float>
{
    private const int Steps = 100_000;
    private const int Chains = 12;

    /// <summary>FLOP/s of fused multiply-adds in registers; an add and a multiply are two. The best of the repeats, since
    /// anything less than the peak would flatter what is compared with it.</summary>
    public static double PeakFlops(int threads, int repeats, double seconds)
    {
        double[] sums = new double[threads];
        double time = Timing.Measure(() => Timing.OnThreads(threads, t =>
        {
            for (int k = 0; k < 100; k++)
                sums[t] = Chain(1 + t);
        }), repeats, seconds).Min();
        if (!sums.All(double.IsFinite))
            throw new InvalidOperationException("The peak loop has left the range of numbers.");
        return 100.0 * Steps * Chains * 2 * V.Count * threads / time;
    }

    /// <summary>Bytes a second of a[i] = b[i] + s·c[i] over arrays far larger than the caches (STREAM's triad, McCalpin
    /// 1995: three numbers an element, the fetch of a before it is written not counted). The best of the repeats.</summary>
    public static double Bandwidth(int threads, int repeats, double seconds, long elements)
    {
        elements = elements / (threads * V.Count) * threads * V.Count;
        using NativeBuffer<float> a = new(), b = new(), c = new();
        foreach (var array in (NativeBuffer<float>[])[a, b, c])
            new Span<float>(array.Ensure(elements), checked((int)elements)).Fill(1);
        long share = elements / threads;
        double time = Timing.Measure(() => Timing.OnThreads(threads, t =>
            Triad(a.Pointer + t * share, b.Pointer + t * share, c.Pointer + t * share, share)), repeats, seconds).Min();
        return 3.0 * sizeof(float) * elements / time;
    }

    private static void Triad(float* a, float* b, float* c, long count)
    {
        V s = V.Splat(0.5f);
        for (long i = 0; i < count; i += V.Count)
            V.MultiplyAdd(s, V.Load(c + i), V.Load(b + i)).Store(a + i);
    }

    /// <summary>Twelve independent chains: enough for two units of a latency of four or five, and few enough for sixteen
    /// registers.</summary>
    private static double Chain(float start)
    {
        V x = V.Splat(0.999f), y = V.Splat(0.001f);
        V a = V.Splat(start), b = a, c = a, d = a, e = a, f = a, g = a, h = a, i = a, j = a, k = a, l = a;
        for (int n = 0; n < Steps; n++)
        {
            a = V.MultiplyAdd(a, x, y);
            b = V.MultiplyAdd(b, x, y);
            c = V.MultiplyAdd(c, x, y);
            d = V.MultiplyAdd(d, x, y);
            e = V.MultiplyAdd(e, x, y);
            f = V.MultiplyAdd(f, x, y);
            g = V.MultiplyAdd(g, x, y);
            h = V.MultiplyAdd(h, x, y);
            i = V.MultiplyAdd(i, x, y);
            j = V.MultiplyAdd(j, x, y);
            k = V.MultiplyAdd(k, x, y);
            l = V.MultiplyAdd(l, x, y);
        }
        return V.Sum(a + b + c + d + e + f + g + h + i + j + k + l);
    }
}
