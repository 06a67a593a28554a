using System.Numerics;
using PluginBridge.Core.Potentials.ViSNet;

namespace PluginBridge.Core.Tests;

/// <summary>The SIMD kernels at every register width and precision against plain loops in double precision.</summary>
[TestFixture(typeof(float), typeof(Simd128<float>))]
[TestFixture(typeof(float), typeof(Simd256<float>))]
[TestFixture(typeof(float), typeof(Simd512<float>))]
[TestFixture(typeof(double), typeof(Simd128<double>))]
[TestFixture(typeof(double), typeof(Simd256<double>))]
[TestFixture(typeof(double), typeof(Simd512<double>))]
internal sealed unsafe class ViSNetKernelTests<T, V>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where V : unmanaged, ISimd<V, T>
{
    private static bool Single => typeof(T) == typeof(float);

    [Test]
    public void ExpAndSiluAreAccurate()
    {
        double tolerance = Single ? 1.2e-7 : 4e-16, worstExp = 0, worstValue = 0, worstSlope = 0;
        T* lanes = stackalloc T[V.Count];
        for (double x = Single ? -86 : -700; x < (Single ? 88 : 700); x += Single ? 0.00713 : 0.0571)
        {
            T rounded = T.CreateTruncating(x);
            double exact = double.CreateTruncating(rounded);
            SimdMath<T, V>.Exp(V.Splat(rounded)).Store(lanes);
            worstExp = Math.Max(worstExp, Math.Abs(Value(lanes[V.Count - 1]) / Math.Exp(exact) - 1));

            SimdMath<T, V>.Silu(V.Splat(rounded), out V y, out V slope);
            double sigma = 1 / (1 + Math.Exp(-exact));
            y.Store(lanes);
            worstValue = Math.Max(worstValue, Math.Abs(Value(lanes[0]) / (exact * sigma) - 1));
            slope.Store(lanes);
            worstSlope = Math.Max(worstSlope, Math.Abs(Value(lanes[0]) - sigma * (1 + exact * Math.Exp(-exact) * sigma)));
        }
        Assert.Multiple(() =>
        {
            Assert.That(worstExp, Is.LessThan(tolerance));
            Assert.That(worstValue, Is.LessThan(3 * tolerance));
            Assert.That(worstSlope, Is.LessThan(3 * tolerance));
        });
    }

    [Test]
    public void SiluOfHugeArgumentsStaysFinite([Values(-1e30, -200, 200, 1e30)] double z)
    {
        T* lanes = stackalloc T[V.Count];
        SimdMath<T, V>.Silu(V.Splat(T.CreateTruncating(z)), out V y, out V slope);
        y.Store(lanes);
        Assert.That(Value(lanes[0]), Is.EqualTo(Math.Max(z, 0)).Within(1e-6 * Math.Abs(z)));
        slope.Store(lanes);
        Assert.That(Value(lanes[0]), Is.EqualTo(z > 0 ? 1 : 0).Within(1e-6));
    }

    [Test]
    public void SinCosAreAccurate()
    {
        double tolerance = Single ? 2e-7 : 4e-16;
        T* lanes = stackalloc T[V.Count];
        for (double phi = 0; phi <= Math.PI / 2; phi += 0.0123)
        {
            T rounded = T.CreateTruncating(phi);
            SimdMath<T, V>.SinCos(V.Splat(rounded), out V sin, out V cos);
            sin.Store(lanes);
            Assert.That(Value(lanes[0]), Is.EqualTo(Math.Sin(Value(rounded))).Within(tolerance));
            cos.Store(lanes);
            Assert.That(Value(lanes[0]), Is.EqualTo(Math.Cos(Value(rounded))).Within(tolerance));
        }
    }

    [Test]
    public void GroupSumsAreSums()
    {
        T* lanes = stackalloc T[V.Count];
        for (int k = 0; k < V.Count; k++)
            lanes[k] = T.CreateTruncating((k * k + 3) % 17);
        V value = V.Load(lanes);
        double[] numbers = [.. new ReadOnlySpan<T>(lanes, V.Count).ToArray().Select(Value)];
        Assert.That(Value(V.Sum(value)), Is.EqualTo(numbers.Sum()));
        for (int size = 1; size <= V.Count; size *= 2)
        {
            V.SumGroups(value, size).Store(lanes);
            for (int k = 0; k < V.Count; k++)
                Assert.That(Value(lanes[k]), Is.EqualTo(numbers.Skip(k / size * size).Take(size).Sum()), $"lane {k} of groups of {size}");
        }
    }

    [Test]
    public void HeadSumsAreSums([Values(1, 2, 3, 4, 5, 8, 16, 32, 24)] int width, [Values(1, 3, 4)] int heads)
    {
        int channels = width * heads, padded = (channels + V.Count - 1) / V.Count * V.Count;
        var row = new T[padded];
        for (int c = 0; c < channels; c++)
            row[c] = T.CreateTruncating((c * 7 + 2) % 13);
        double[] numbers = [.. row.Select(Value)];
        fixed (T* first = row)
            new AttentionHeads<T, V>(heads, channels).Sum(first);
        for (int c = 0; c < padded; c++)
            Assert.That(Value(row[c]), Is.EqualTo(c < channels ? numbers.Skip(c / width * width).Take(width).Sum() : 0), $"channel {c}");
    }

    [Test]
    public void ProductsAreProducts([Values(1, 5, 6, 7, 13, 96)] int rows, [Values(1, 16, 33)] int inner, [Values(1, 2, 3, 4, 5, 8)] int registers)
    {
        int columns = registers * V.Count, lda = inner + 3, ldc = columns + V.Count;
        var random = new Random(rows + 100 * inner + registers);
        T[] Random(int count) => [.. Enumerable.Range(0, count).Select(_ => T.CreateTruncating(random.NextDouble() - 0.5))];
        T[] a = Random(rows * lda), w = Random(inner * columns), bias = Random(columns), c = new T[rows * ldc];
        var packed = new PackedMatrix<T, V>(inner, columns, w, bias);
        fixed (T* pa = a, pc = c)
            Gemm<T, V>.Multiply(pa, lda, rows, packed, pc, ldc);
        GC.KeepAlive(packed);
        double tolerance = (Single ? 1e-7 : 3e-16) * (inner + 2);
        for (int r = 0; r < rows; r++)
        {
            for (int o = 0; o < columns; o++)
            {
                double sum = Value(bias[o]);
                for (int k = 0; k < inner; k++)
                    sum += Value(a[r * lda + k]) * Value(w[k * columns + o]);
                if (Math.Abs(Value(c[r * ldc + o]) - sum) > tolerance)
                    Assert.Fail($"row {r}, column {o}: {c[r * ldc + o]} instead of {sum}");
            }
            Assert.That(c[(r * ldc + columns)..((r + 1) * ldc)], Is.All.EqualTo(T.Zero), "nothing is written past a row");
        }
    }

    [Test]
    public void OuterProductsAreAdded([Values(1, 2, 7, 33)] int rows, [Values(1, 4, 16, 23)] int inner, [Values(1, 2, 3, 4, 5, 7)] int registers)
    {
        int columns = registers * V.Count, ldx = inner + 1, ldy = columns + V.Count;
        var random = new Random(rows + 100 * inner + registers);
        T[] Random(int count) => [.. Enumerable.Range(0, count).Select(_ => T.CreateTruncating(random.NextDouble() - 0.5))];
        T[] x = Random(rows * ldx), dy = Random(rows * ldy), before = Random((inner + 1) * columns + 3), sum = [.. before];
        fixed (T* px = x, py = dy, ps = sum)
            OuterProduct<T, V>.Add(px, ldx, py, ldy, rows, inner, columns, ps);
        double tolerance = (Single ? 1e-7 : 3e-16) * (rows + 2);
        for (int k = 0; k <= inner; k++)
            for (int c = 0; c < columns; c++)
            {
                double expected = Value(before[k * columns + c]);
                for (int r = 0; r < rows; r++)
                    expected += (k < inner ? Value(x[r * ldx + k]) : 1) * Value(dy[r * ldy + c]);
                if (Math.Abs(Value(sum[k * columns + c]) - expected) > tolerance)
                    Assert.Fail($"row {k}, column {c}: {sum[k * columns + c]} instead of {expected}");
            }
        Assert.That(sum[^3..], Is.EqualTo(before[^3..]), "nothing is written past the sum");
    }

    private static double Value(T x) => double.CreateTruncating(x);
}
