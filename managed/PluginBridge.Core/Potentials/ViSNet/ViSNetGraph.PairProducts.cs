namespace PluginBridge.Core.Potentials.ViSNet;

// dk, dv (, f_proj) of layers 0 and 1, whose edge features both directions of a pair share.
internal sealed unsafe partial class ViSNetGraph<T, V>
{
    /// <summary>SiLU of a layer's products and its derivative, for both passes.</summary>
    private void StoredPairProducts(int l, int first, int end)
    {
        int columns = _net.PairColumns, width = _net.Layers[l].EdgeBlocks * H;
        T* value = _pairValue.Pointer + (long)first * columns + 2 * l * H, slope = _pairSlope.Pointer + (long)first * columns + 2 * l * H;
        Gemm<T, V>.Multiply(_pairFeatures.Pointer + (long)first * H, H, end - first, _net.Layers[l].Edges, value, columns);
        for (int p = first; p < end; p++, value += columns, slope += columns)
            for (int c = 0; c < width; c += V.Count)
            {
                SimdMath<T, V>.Silu(V.Load(value + c), out V y, out V dy);
                y.Store(value + c);
                dy.Store(slope + c);
            }
    }

    /// <summary>SiLU of a layer's products alone, where one pass wants it.</summary>
    private void PairProducts(int l, int first, int end, bool reverse)
    {
        int width = _net.Layers[l].EdgeBlocks * H;
        T* value = (reverse ? _shared.Pointer : _pairGradients.Pointer) + 3L * first * H;
        Gemm<T, V>.Multiply(_pairFeatures.Pointer + (long)first * H, H, end - first, _net.Layers[l].Edges, value, 3 * H);
        for (int p = first; p < end; p++, value += 3 * H)
            for (int c = 0; c < width; c += V.Count)
            {
                SimdMath<T, V>.Silu(V.Load(value + c), out V y, out _); // the bits of StoredPairProducts
                y.Store(value + c);
            }
    }

    /// <summary>Takes in what a chunk's edges owe their pairs. A pair's first edge is in the same chunk as the second or in an
    /// earlier one, so that the sum is that of <see cref="PairProductsReverse"/>.</summary>
    private void SumPairGradients(int l, int chunk, int first, int end)
    {
        int width = _net.Layers[l].EdgeBlocks * H, begin = ChunkEdge(chunk), stop = ChunkEdge(chunk + 1);
        for (int p = first; p < end; p++)
        {
            T* g = _pairGradients.Pointer + 3L * p * H;
            int e = _edgesOfPair.Pointer[2 * p], r = _edgesOfPair.Pointer[2 * p + 1];
            if (e >= begin && e < stop)
                new Span<T>(_gPairProducts.Pointer + 3L * (e - begin) * H, width).CopyTo(new Span<T>(g, width));
            if (r == e || r < begin || r >= stop)
                continue;
            T* gr = _gPairProducts.Pointer + 3L * (r - begin) * H;
            for (int c = 0; c < width; c += V.Count)
                (V.Load(g + c) + V.Load(gr + c)).Store(g + c);
        }
    }

    /// <summary>Gradient with respect to dk, dv (, f_proj) of a pair: both directions added, times the SiLU's derivative; from
    /// it that with respect to f, summed over both layers.</summary>
    private void PairProductsReverse(int l, int first, int end, ViSNetScratch<T> scratch)
    {
        var layer = _net.Layers[l];
        int width = layer.EdgeBlocks * H, rows = end - first, stride = _lean ? 3 * H : _net.PairColumns;
        T* f = _pairFeatures.Pointer + (long)first * H;
        T* gradients = _lean ? _pairGradients.Pointer + 3L * first * H : _pairSlope.Pointer + (long)first * stride + 2 * l * H;
        T* z = null;
        if (_lean)
            Gemm<T, V>.Multiply(f, H, rows, layer.Edges, z = scratch.B.Ensure((long)rows * width), width);
        for (int p = first; p < end; p++)
        {
            T* g = gradients + (long)(p - first) * stride;
            if (_lean)
            {
                for (int c = 0; c < width; c += V.Count)
                {
                    SimdMath<T, V>.Silu(V.Load(z + (long)(p - first) * width + c), out _, out V slope);
                    (V.Load(g + c) * slope).Store(g + c);
                }
                continue;
            }
            int e = _edgesOfPair.Pointer[2 * p], r = _edgesOfPair.Pointer[2 * p + 1];
            T* ge = _gPairProducts.Pointer + 3L * e * H, gr = _gPairProducts.Pointer + 3L * r * H;
            for (int c = 0; c < width; c += V.Count)
            {
                V sum = e == r ? V.Load(ge + c) : V.Load(ge + c) + V.Load(gr + c);
                (sum * V.Load(g + c)).Store(g + c);
            }
        }
        AddMatrix(layer.Edges, f, H, gradients, stride, rows);
        T* gf = scratch.A.Ensure((long)rows * H);
        Gemm<T, V>.Multiply(gradients, stride, rows, layer.EdgesT, gf, H);
        bool initialise = l == _net.PairLayers - 1;
        for (int p = first; p < end; p++, gf += H)
        {
            T* sum = PairFeatureGradient(p);
            for (int c = 0; c < H; c += V.Count)
                (initialise ? V.Load(gf + c) : V.Load(sum + c) + V.Load(gf + c)).Store(sum + c);
        }
    }

    /// <summary>Gradient with respect to f of a pair. Where memory is short it takes the place of layer 1's gradient of f_proj,
    /// which layer 0 does not have.</summary>
    private T* PairFeatureGradient(int p) =>
        _lean ? _pairGradients.Pointer + 3L * p * H + 2 * H : _gPairFeatures.Pointer + (long)p * H;
}
