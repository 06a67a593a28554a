namespace PluginBridge.Core.Potentials.ViSNet;

// Gradients with respect to the weights, summed while the reverse pass runs: for each product Y = X·W + b of the forward
// pass dW += Xᵀ·dY and db += Σ dY. X is kept (or made again) for this only where a sum is wanted.
internal sealed unsafe partial class ViSNetGraph<T, V>
{
    private T* _sums;
    private T _seed = T.One;

    private bool Training => _sums != null;

    /// <summary>From now on reverse passes add seed·dE/dθ to a sum in the layout of a <see cref="WeightMap{T,V}"/>, instead of
    /// giving gradients with respect to positions. Call it before <see cref="Load"/>; blocks must then run one after the
    /// other.</summary>
    /// <param name="sums">First element of the sum; null: no more weight gradients.</param>
    /// <param name="seed">Factor of this molecule.</param>
    public void SumWeightGradients(T* sums, T seed)
    {
        _sums = sums;
        _seed = sums != null ? seed : T.One;
    }

    private void EnsureWeightInputs()
    {
        long n = _atoms, e = _edges, h = H;
        _radialBasis.Ensure((long)_pairs * _net.B);
        _neighborSums.Ensure(n * h);
        for (int l = 0; l < _net.Layers.Length; l++)
        {
            _layers[l].Sums.Ensure(n * h);
            _layers[l].Messages.Ensure(e * h);
            if (!_net.Layers[l].PairFeatures)
                _layers[l].Features.Ensure(e * h);
        }
    }

    /// <summary>Σ_j m_ij of layer l: the next layer takes the place, unless the reverse pass wants it.</summary>
    private T* MessageSums(int l) => Training ? _layers[l].Sums.Pointer : _messages.Pointer;

    /// <summary>Edge features that layer l ≥ 2 starts from, likewise.</summary>
    private T* EdgeFeatures(int l) => Training ? _layers[l].Features.Pointer : _edgeFeatures.Pointer;

    private void AddMatrix(PackedMatrix<T, V> matrix, T* x, nint ldx, T* dy, nint ldy, int rows)
    {
        if (Training)
            OuterProduct<T, V>.Add(x, ldx, dy, ldy, rows, matrix.Inner, matrix.Columns, _sums + matrix.GradientOffset);
    }

    /// <summary>Sum of rows, each times another: what a norm's weight gets from the gradient of its output.</summary>
    private void AddNorm(ViSNetNetwork<T, V>.Norm norm, T* outputGradient, nint stride, T* normalized, int rows)
    {
        if (!Training)
            return;
        T* weight = _sums + norm.WeightGradient, bias = _sums + norm.BiasGradient;
        for (int c = 0; c < H; c += V.Count)
        {
            V weightSum = V.Load(weight + c), biasSum = V.Load(bias + c);
            for (int a = 0; a < rows; a++)
            {
                V g = V.Load(outputGradient + a * stride + c);
                weightSum = V.MultiplyAdd(g, V.Load(normalized + (long)a * H + c), weightSum);
                biasSum += g;
            }
            weightSum.Store(weight + c);
            biasSum.Store(bias + c);
        }
    }

    /// <summary>q, k, v projections of layer l, whose input, the norm's output, is made again.</summary>
    private void AddAttention(int l, int first, int rows, ViSNetScratch<T> scratch)
    {
        if (!Training)
            return;
        var layer = _net.Layers[l];
        T* normed = scratch.B.Ensure((long)rows * H), normalized = _layers[l].Normalized.Pointer + (long)first * H;
        fixed (T* weight = layer.Norm.Weight, bias = layer.Norm.Bias)
            for (int a = 0; a < rows; a++)
                for (int c = 0; c < H; c += V.Count)
                    V.MultiplyAdd(V.Load(normalized + a * H + c), V.Load(weight + c), V.Load(bias + c)).Store(normed + a * H + c);
        AddMatrix(layer.Attention, normed, H, _gAttention.Pointer + 3L * first * H, 3 * H, rows);
    }

    /// <summary>x = Wc [embedding ; n] + bc: the half of Wc that takes n, and each element's Wc [embedding ; 0] + bc.</summary>
    private void AddAtomEmbedding(int first, int end)
    {
        if (!Training)
            return;
        T* gx = _gx.Pointer + (long)first * H;
        AddMatrix(_net.Combine, _neighborSums.Pointer + (long)first * H, H, gx, H, end - first);
        for (int i = first; i < end; i++, gx += H)
            AddRow(_sums + _net.AtomGradient + _types[i] * H, gx);
    }

    /// <summary>Embeddings of neighbours and the projections of the radial functions. Self pairs have no part in the
    /// neighbour sums, but one in f.</summary>
    private void AddPairGeometry(int first, int end)
    {
        int h = H;
        T* sums = _sums + _net.NeighborGradient;
        fixed (T* embedding = _net.NeighborEmbedding)
            for (int p = first; p < end; p++)
            {
                T* w = _radial.Pointer + 2L * p * h;
                if (p >= _realPairs)
                {
                    new Span<T>(w, h).Clear();
                    continue;
                }
                int i = _atomsOfPair.Pointer[2 * p], j = _atomsOfPair.Pointer[2 * p + 1];
                T* gi = _gn.Pointer + (long)i * h, gj = _gn.Pointer + (long)j * h;
                T* ei = embedding + _types[i] * h, ej = embedding + _types[j] * h;
                T* si = sums + _types[i] * h, sj = sums + _types[j] * h;
                V envelope = V.Splat(_envelope.Pointer[p]);
                for (int c = 0; c < h; c += V.Count)
                {
                    V weight = V.Load(w + c) * envelope, ni = V.Load(gi + c), nj = V.Load(gj + c);
                    V g = V.MultiplyAdd(ni, V.Load(ej + c), nj * V.Load(ei + c));
                    V.MultiplyAdd(ni, weight, V.Load(sj + c)).Store(sj + c);
                    V.MultiplyAdd(nj, weight, V.Load(si + c)).Store(si + c);
                    (g * envelope).Store(w + c);
                }
            }
        AddMatrix(_net.Radial, _radialBasis.Pointer + (long)first * _net.B, _net.B, _radial.Pointer + 2L * first * h, 2 * h, end - first);
    }

    private void AddRow(T* sum, T* row)
    {
        for (int c = 0; c < H; c += V.Count)
            (V.Load(sum + c) + V.Load(row + c)).Store(sum + c);
    }
}
