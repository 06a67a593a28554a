using PluginBridge.Core.Potentials.ViSNet;

namespace PluginBridge.Performance;

/// <summary>What one evaluation has executed, counted in elements (an operation on a register of n lanes is n).</summary>
internal static class Counted
{
    public static long MultiplyAdds { get; set; }

    /// <summary>Sums, differences, products, minima and maxima.</summary>
    public static long Simple { get; set; }

    /// <summary>Quotients and square roots.</summary>
    public static long Divisions { get; set; }

    /// <summary>Moved between registers and memory, caches included.</summary>
    public static long Bytes { get; set; }

    public static double Flops => 2.0 * MultiplyAdds + Simple + Divisions;

    public static void Clear() => (MultiplyAdds, Simple, Divisions, Bytes) = (0, 0, 0, 0);
}

/// <summary>A register that counts what is done with it. The network's kernels are generic over the register, so running
/// them with this one counts exactly what they execute, however they are written. One thread at a time.</summary>
internal readonly unsafe struct CountingSimd<V>(V value) : ISimd<CountingSimd<V>, float>
    where V : unmanaged, ISimd<V, float>
{
    private readonly V _value = value;

    public static int Count => V.Count;

    public static int PanelWidth => V.PanelWidth;

    public static CountingSimd<V> Zero => new(V.Zero);

    public static CountingSimd<V> Splat(float value)
    {
        Counted.Bytes += sizeof(float);
        return new(V.Splat(value));
    }

    public static CountingSimd<V> Constant(double value) => new(V.Constant(value));

    public static CountingSimd<V> Load(float* source)
    {
        Counted.Bytes += sizeof(float) * V.Count;
        return new(V.Load(source));
    }

    public void Store(float* destination)
    {
        Counted.Bytes += sizeof(float) * V.Count;
        _value.Store(destination);
    }

    public static CountingSimd<V> operator +(CountingSimd<V> a, CountingSimd<V> b) => Simple(a._value + b._value);

    public static CountingSimd<V> operator -(CountingSimd<V> a, CountingSimd<V> b) => Simple(a._value - b._value);

    public static CountingSimd<V> operator *(CountingSimd<V> a, CountingSimd<V> b) => Simple(a._value * b._value);

    public static CountingSimd<V> operator /(CountingSimd<V> a, CountingSimd<V> b) => Division(a._value / b._value);

    public static CountingSimd<V> MultiplyAdd(CountingSimd<V> a, CountingSimd<V> b, CountingSimd<V> c)
    {
        Counted.MultiplyAdds += V.Count;
        return new(V.MultiplyAdd(a._value, b._value, c._value));
    }

    public static CountingSimd<V> Sqrt(CountingSimd<V> a) => Division(V.Sqrt(a._value));

    public static CountingSimd<V> Min(CountingSimd<V> a, CountingSimd<V> b) => Simple(V.Min(a._value, b._value));

    public static CountingSimd<V> Max(CountingSimd<V> a, CountingSimd<V> b) => Simple(V.Max(a._value, b._value));

    /// <summary>Integer work, not counted.</summary>
    public static CountingSimd<V> PowerOfTwo(CountingSimd<V> shifted) => new(V.PowerOfTwo(shifted._value));

    public static float Sum(CountingSimd<V> a)
    {
        Counted.Simple += V.Count - 1;
        return V.Sum(a._value);
    }

    public static CountingSimd<V> SumGroups(CountingSimd<V> a, int size)
    {
        for (int width = 1; width < size; width *= 2)
            Counted.Simple += V.Count;
        return new(V.SumGroups(a._value, size));
    }

    private static CountingSimd<V> Simple(V result)
    {
        Counted.Simple += V.Count;
        return new(result);
    }

    private static CountingSimd<V> Division(V result)
    {
        Counted.Divisions += V.Count;
        return new(result);
    }
}
