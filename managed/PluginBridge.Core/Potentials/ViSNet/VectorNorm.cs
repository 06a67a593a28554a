using System.Numerics;

namespace PluginBridge.Core.Potentials.ViSNet;

/// <summary>Norm of one atom's vector features [3, H]: u = v / √(floor + mean over channels of |v|²), so at most √channels long
/// wherever v goes. Layers whose products of features amplify each other stay bounded by it. Padding stays zero.</summary>
internal static unsafe class VectorNorm<T, V>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where V : unmanaged, ISimd<V, T>
{
    /// <summary>v → u in place; returns |u| / |v|.</summary>
    public static T Forward(T* v, int width, int channels, T floor)
    {
        T mean = Dot(v, v, width) / T.CreateTruncating(channels);
        T inverse = T.One / T.Sqrt(floor + mean);
        V scale = V.Splat(inverse);
        for (int c = 0; c < 3 * width; c += V.Count)
            (V.Load(v + c) * scale).Store(v + c);
        return inverse;
    }

    /// <summary>Gradient with respect to u → that with respect to v, in place; <paramref name="residual"/>, if not null, is added.</summary>
    public static void Backward(T* gradient, T* u, T inverse, int width, int channels, T* residual)
    {
        V along = V.Splat(Dot(gradient, u, width) / T.CreateTruncating(channels)), scale = V.Splat(inverse);
        for (int c = 0; c < 3 * width; c += V.Count)
        {
            V g = (V.Load(gradient + c) - V.Load(u + c) * along) * scale;
            (residual == null ? g : g + V.Load(residual + c)).Store(gradient + c);
        }
    }

    private static T Dot(T* a, T* b, int width)
    {
        V sum = V.Zero;
        for (int c = 0; c < 3 * width; c += V.Count)
            sum = V.MultiplyAdd(V.Load(a + c), V.Load(b + c), sum);
        return V.Sum(sum);
    }
}
