namespace PluginBridge.Core.Potentials.ViSNet;

// Gradients with respect to the weights, summed while the reverse pass runs: for each product Y = X·W + b of the forward
// pass dW += Xᵀ·dY and db += Σ dY. X is kept (or made again) only where a sum is wanted.
internal sealed unsafe partial class ViSNetGraph<T, V>
{
    private T* _sums;
    private T _seed = T.One;

    private bool Training => _sums != null;

    /// <summary>From now on reverse passes begin with a seed in place of one, and add seed·dE/dθ to a sum in the layout of a
    /// <see cref="WeightMap{T,V}"/>. Call it before <see cref="Load"/>; blocks must then run one after the other.</summary>
    /// <param name="sums">First element of the sum; null: no weight gradients.</param>
    /// <param name="seed">The molecule's seed; gradients with respect to positions have it as a factor.</param>
    public void SumWeightGradients(T* sums, T seed)
    {
        _sums = sums;
        _seed = seed;
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
    private T* MessageSums(int l) => Training || _lean ? _layers[l].Sums.Pointer : _messages.Pointer;

    /// <summary>Edge features that layer l ≥ 2 starts from, likewise.</summary>
    private T* EdgeFeatures(int l) =>
        _lean && l == 2 ? _shared.Pointer : Training || _lean ? _layers[l].Features.Pointer : _edgeFeatures.Pointer;

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
        T* normed = scratch.B.Ensure((long)rows * H);
        NormOutput(l, first, rows, normed);
        AddMatrix(layer.Attention, normed, H, _gAttention.Pointer + 3L * first * H, 3 * H, rows);
    }

    /// <summary>The output of layer l's norm, once more.</summary>
    private void NormOutput(int l, int first, int rows, T* normed)
    {
        T* normalized = _layers[l].Normalized.Pointer + (long)first * H;
        fixed (T* weight = _net.Layers[l].Norm.Weight, bias = _net.Layers[l].Norm.Bias)
            for (int a = 0; a < rows; a++)
                for (int c = 0; c < H; c += V.Count)
                    V.MultiplyAdd(V.Load(normalized + a * H + c), V.Load(weight + c), V.Load(bias + c)).Store(normed + a * H + c);
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

    /// <summary>n_i = Σ_{j≠i} neighbor_embedding[t_j]·(Wd rbf + bd)·C: the embeddings of neighbours. Runs before
    /// <see cref="PairGeometryReverse"/>, which overwrites Wd rbf + bd.</summary>
    private void AddNeighborEmbedding(int first, int end)
    {
        if (!Training)
            return;
        int h = H;
        for (int p = first; p < Math.Min(end, _realPairs); p++)
        {
            int i = _atomsOfPair.Pointer[2 * p], j = _atomsOfPair.Pointer[2 * p + 1];
            T* w = Radial + 2L * p * h, gi = _gn.Pointer + (long)i * h, gj = _gn.Pointer + (long)j * h;
            T* si = _sums + _net.NeighborGradient + _types[i] * h, sj = _sums + _net.NeighborGradient + _types[j] * h;
            V envelope = V.Splat(_envelope.Pointer[p]);
            for (int c = 0; c < h; c += V.Count)
            {
                V weight = V.Load(w + c) * envelope;
                V.MultiplyAdd(V.Load(gi + c), weight, V.Load(sj + c)).Store(sj + c);
                V.MultiplyAdd(V.Load(gj + c), weight, V.Load(si + c)).Store(si + c);
            }
        }
    }

    /// <summary>Projections of the radial functions, from the gradients that <see cref="PairGeometryReverse"/> and
    /// <see cref="PairFeaturesReverse"/> have left. Self pairs have a part in f, none in the neighbour sums.</summary>
    private void AddRadial(int first, int end)
    {
        if (!Training)
            return;
        for (int p = Math.Max(first, _realPairs); p < end; p++)
            new Span<T>(Radial + 2L * p * H, H).Clear();
        AddMatrix(_net.Radial, _radialBasis.Pointer + (long)first * _net.B, _net.B, Radial + 2L * first * H, 2 * H, end - first);
    }

    private void AddRow(T* sum, T* row)
    {
        for (int c = 0; c < H; c += V.Count)
            (V.Load(sum + c) + V.Load(row + c)).Store(sum + c);
    }
}
