using System.Numerics;

namespace PluginBridge.Core.Potentials.ViSNet;

/// <summary>Wc [embedding ; 0] + bc of each element, the part of neighbor.combine that depends on the element only, and its
/// reverse.</summary>
internal static class ElementEmbedding
{
    private const string Embedding = "embedding.weight", Weight = "neighbor.combine.weight", Bias = "neighbor.combine.bias";

    /// <param name="parameters">Places of the tensors.</param>
    /// <param name="weights">All weights.</param>
    /// <param name="rows">Receives a row of <paramref name="width"/> channels an element.</param>
    /// <param name="width">Padded channels.</param>
    public static void Combine<T>(ViSNetParameters parameters, ReadOnlySpan<float> weights, Span<T> rows, int width)
        where T : IBinaryFloatingPointIeee754<T>
    {
        var (_, embedding, elements, h) = parameters[Embedding];
        int combine = parameters[Weight].Offset, bias = parameters[Bias].Offset;
        for (int e = 0; e < elements; e++)
            for (int o = 0; o < h; o++)
            {
                double sum = weights[bias + o];
                for (int c = 0; c < h; c++)
                    sum += (double)weights[combine + o * 2 * h + c] * weights[embedding + e * h + c];
                rows[e * width + o] = T.CreateTruncating(sum);
            }
    }

    /// <summary>From the gradients with respect to the rows to those of embedding, Wc's first half and bc.</summary>
    /// <param name="parameters">Places of the tensors.</param>
    /// <param name="weights">All weights.</param>
    /// <param name="rowGradients">Gradients with respect to the rows.</param>
    /// <param name="width">Padded channels.</param>
    /// <param name="gradient">Of all weights; these are added to, from zero.</param>
    public static void Reverse(ViSNetParameters parameters, ReadOnlySpan<float> weights, ReadOnlySpan<double> rowGradients,
        int width, Span<double> gradient)
    {
        var (_, embedding, elements, h) = parameters[Embedding];
        int combine = parameters[Weight].Offset, bias = parameters[Bias].Offset;
        for (int e = 0; e < elements; e++)
            for (int o = 0; o < h; o++)
            {
                double g = rowGradients[e * width + o];
                gradient[bias + o] += g;
                for (int c = 0; c < h; c++)
                {
                    gradient[combine + o * 2 * h + c] += g * weights[embedding + e * h + c];
                    gradient[embedding + e * h + c] += g * weights[combine + o * 2 * h + c];
                }
            }
    }
}
