using System.Numerics;

namespace PluginBridge.Core.Potentials.ViSNet;

/// <summary>Layer normalisation of a row of channels and its reverse. Padding stays zero.</summary>
internal static unsafe class LayerNorm<T, V>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where V : unmanaged, ISimd<V, T>
{
    private const double Epsilon = 1e-5;

    /// <summary>normalized = (x − mean) / √(variance + ε), output = normalized·weight + bias; returns 1/√(variance + ε).</summary>
    public static T Forward(T* x, int channels, ReadOnlySpan<T> mask, ReadOnlySpan<T> weight, ReadOnlySpan<T> bias,
        T* normalized, T* output)
    {
        int padded = mask.Length;
        V sum = V.Zero;
        for (int c = 0; c < padded; c += V.Count)
            sum += V.Load(x + c);
        T count = T.CreateTruncating(channels);
        V mean = V.Splat(V.Sum(sum) / count);
        V squares = V.Zero;
        fixed (T* m = mask, w = weight, b = bias)
        {
            for (int c = 0; c < padded; c += V.Count)
            {
                V centred = (V.Load(x + c) - mean) * V.Load(m + c);
                centred.Store(normalized + c);
                squares = V.MultiplyAdd(centred, centred, squares);
            }
            T inverse = T.One / T.Sqrt(V.Sum(squares) / count + T.CreateTruncating(Epsilon));
            V scale = V.Splat(inverse);
            for (int c = 0; c < padded; c += V.Count)
            {
                V value = V.Load(normalized + c) * scale;
                value.Store(normalized + c);
                V.MultiplyAdd(value, V.Load(w + c), V.Load(b + c)).Store(output + c);
            }
            return inverse;
        }
    }

    /// <summary>Gradient with respect to the input from that with respect to the output; <paramref name="add"/>: added to
    /// what is there.</summary>
    public static void Backward(T* outputGradient, T* normalized, T inverse, int channels, ReadOnlySpan<T> mask,
        ReadOnlySpan<T> weight, T* inputGradient, bool add)
    {
        int padded = mask.Length;
        V sum = V.Zero, projection = V.Zero;
        fixed (T* m = mask, w = weight)
        {
            for (int c = 0; c < padded; c += V.Count)
            {
                V g = V.Load(outputGradient + c) * V.Load(w + c);
                sum += g;
                projection = V.MultiplyAdd(g, V.Load(normalized + c), projection);
            }
            T count = T.CreateTruncating(channels);
            V mean = V.Splat(V.Sum(sum) / count), along = V.Splat(V.Sum(projection) / count), scale = V.Splat(inverse);
            for (int c = 0; c < padded; c += V.Count)
            {
                V g = V.Load(outputGradient + c) * V.Load(w + c) - mean - V.Load(normalized + c) * along;
                g = g * scale * V.Load(m + c);
                (add ? V.Load(inputGradient + c) + g : g).Store(inputGradient + c);
            }
        }
    }
}
