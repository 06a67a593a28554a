namespace PluginBridge.Core.Potentials.ViSNet;

// What a layer does edge by edge: attention, messages, edge update; and the reverse.
internal sealed unsafe partial class ViSNetGraph<T, V>
{
    /// <summary>Messages of layer l to target atoms first … end − 1, sums X and V, and the new edge features with the next
    /// layer's products.</summary>
    private void EdgeMessages(int l, int first, int end, ViSNetScratch<T> scratch)
    {
        var layer = _net.Layers[l];
        int e0 = _edgeStart.Pointer[first], rows = _edgeStart.Pointer[end] - e0;
        T* messages = Training ? _layers[l].Messages.Pointer + (long)e0 * H : scratch.A.Ensure((long)rows * H);
        T* row = scratch.Rows.Ensure(8 * H);
        int width = layer.MessageBlocks * H;
        T* messageZ = Keeps(e0) ? _layers[l].MessageZ.Pointer : scratch.B.Ensure((long)rows * width) - (long)e0 * width;
        var terms = new EdgeTerms(messageZ, EdgeProducts(l, e0, rows, scratch), PairValues(l, false), PairStride);
        for (int i = first; i < end; i++)
            Attention(l, i, messages + (long)(_edgeStart.Pointer[i] - e0) * H, row, terms);
        Gemm<T, V>.Multiply(messages, H, rows, layer.Message, messageZ + (long)e0 * width, width);
        for (int i = first; i < end; i++)
            VectorMessages(l, i, terms);
        if (!layer.UpdatesEdges)
            return;
        for (int i = first; i < end; i++)
            UpdateEdges(l, i, terms);
    }

    /// <summary>Where a block finds its edges' arguments of the SiLU in (s1,) s2 and in dk, dv (, f), and the pairs' SiLU of dk,
    /// dv (, f): element 0 of the whole molecule's array, of which only the block's part need be there.</summary>
    private readonly struct EdgeTerms(T* messageZ, T* edgeZ, T* pairValue, long pairStride)
    {
        public readonly T* MessageZ = messageZ, EdgeZ = edgeZ, PairValue = pairValue;
        public readonly long PairStride = pairStride;
    }

    /// <summary>Arguments of dk, dv (, f) of a block's edges; null in layers 0 and 1, where pairs have them.</summary>
    private T* EdgeProducts(int l, int e0, int rows, ViSNetScratch<T> scratch)
    {
        var layer = _net.Layers[l];
        if (layer.PairFeatures)
            return null;
        int width = layer.EdgeBlocks * H;
        T* z = Keeps(e0) ? _layers[l].EdgeZ.Pointer : scratch.E.Ensure((long)rows * width) - (long)e0 * width;
        Gemm<T, V>.Multiply(EdgeFeatures(l) + (long)e0 * H, H, rows, layer.Edges, z + (long)e0 * width, width);
        return z;
    }

    private T* PairValues(int l, bool reverse) =>
        !_lean ? _pairValue.Pointer + 2 * l * H : reverse ? _shared.Pointer : _pairGradients.Pointer;

    private long PairStride => _lean ? 3 * H : _net.PairColumns;

    /// <summary>a_ij = SiLU(Σ_head q_i k_j dk) C, m_ij = v_j dv a_ij, X_i = Σ_j m_ij.</summary>
    private void Attention(int l, int i, T* message, T* row, in EdgeTerms terms, bool sum = true)
    {
        int h = H; // a local: the compiler cannot know that stores leave the field alone
        var memory = _layers[l];
        T* activated = row + h, x = MessageSums(l) + (long)i * h, q = memory.Attention.Pointer + 3L * i * h;
        if (sum)
            new Span<T>(x, h).Clear();
        for (int e = _edgeStart.Pointer[i]; e < _edgeStart.Pointer[i + 1]; e++, message += h)
        {
            T* k = memory.Attention.Pointer + 3L * _source.Pointer[e] * h + h, value = k + h;
            T* dk = _net.Layers[l].PairFeatures ? PairValue(terms, e) : Activate(l, e, activated, terms);
            T* dv = dk + h;
            for (int c = 0; c < h; c += V.Count)
                (V.Load(q + c) * V.Load(k + c) * V.Load(dk + c)).Store(row + c);
            _heads.Sum(row);
            V envelope = V.Splat(_geometry.Pointer[4L * e + 3]);
            for (int c = 0; c < h; c += V.Count)
            {
                V a = SimdMath<T, V>.Silu(V.Load(row + c)) * envelope;
                V m = V.Load(value + c) * V.Load(dv + c) * a;
                m.Store(message + c);
                if (sum)
                    (V.Load(x + c) + m).Store(x + c);
            }
        }
    }

    private T* PairValue(in EdgeTerms terms, int e) => terms.PairValue + _pairOfEdge.Pointer[e] * terms.PairStride;

    /// <summary>SiLU of an edge's dk and dv arguments.</summary>
    private T* Activate(int l, int e, T* activated, in EdgeTerms terms)
    {
        int h = H;
        T* z = terms.EdgeZ + (long)e * _net.Layers[l].EdgeBlocks * h;
        for (int c = 0; c < 2 * h; c += V.Count)
            SimdMath<T, V>.Silu(V.Load(z + c)).Store(activated + c);
        return activated;
    }

    /// <summary>V_i = Σ_j (v_j s1 + d_ij s2), (s1, s2) = SiLU(Ws m + bs) C.</summary>
    private void VectorMessages(int l, int i, in EdgeTerms terms)
    {
        int h = H;
        var layer = _net.Layers[l];
        bool first = layer.First;
        var memory = _layers[l];
        T* sum = _vectorMessages.Pointer + 3L * i * h;
        new Span<T>(sum, 3 * h).Clear();
        T* z = terms.MessageZ + (long)_edgeStart.Pointer[i] * layer.MessageBlocks * h;
        for (int e = _edgeStart.Pointer[i]; e < _edgeStart.Pointer[i + 1]; e++, z += layer.MessageBlocks * h)
        {
            T* d = _geometry.Pointer + 4L * e, vj = memory.V.Pointer + 3L * _source.Pointer[e] * h;
            V dx = V.Splat(d[0]), dy = V.Splat(d[1]), dz = V.Splat(d[2]), envelope = V.Splat(d[3]);
            for (int c = 0; c < h; c += V.Count)
            {
                V s2 = SimdMath<T, V>.Silu(V.Load(first ? z + c : z + h + c)) * envelope;
                V x = V.MultiplyAdd(dx, s2, V.Load(sum + c)), y = V.MultiplyAdd(dy, s2, V.Load(sum + h + c)),
                    w = V.MultiplyAdd(dz, s2, V.Load(sum + 2 * h + c));
                if (!first)
                {
                    V s1 = SimdMath<T, V>.Silu(V.Load(z + c)) * envelope;
                    x = V.MultiplyAdd(V.Load(vj + c), s1, x);
                    y = V.MultiplyAdd(V.Load(vj + h + c), s1, y);
                    w = V.MultiplyAdd(V.Load(vj + 2 * h + c), s1, w);
                }
                x.Store(sum + c);
                y.Store(sum + h + c);
                w.Store(sum + 2 * h + c);
            }
        }
    }

    /// <summary>f_ij += SiLU(Wf f_ij + bf) w1·w2, w1 and w2 the target's and source's projections without their parts along d:
    /// w1·w2 = a·b − (a·d)(b·d).</summary>
    private void UpdateEdges(int l, int i, in EdgeTerms terms)
    {
        int h = H;
        var layer = _net.Layers[l];
        bool shared = layer.PairFeatures;
        var memory = _layers[l];
        int width = VectorWidth(layer);
        T* a = memory.Vectors.Pointer + 3L * i * width + 3 * h;
        for (int e = _edgeStart.Pointer[i]; e < _edgeStart.Pointer[i + 1]; e++)
        {
            T* b = memory.Vectors.Pointer + 3L * _source.Pointer[e] * width + 4 * h, d = _geometry.Pointer + 4L * e;
            T* f = EdgeFeatures(l + 1) + (long)e * h;
            T* before = shared ? _pairFeatures.Pointer + (long)_pairOfEdge.Pointer[e] * h : EdgeFeatures(l) + (long)e * h;
            T* gate = shared ? PairValue(terms, e) + 2 * h : terms.EdgeZ + 3L * e * h + 2 * h;
            V dx = V.Splat(d[0]), dy = V.Splat(d[1]), dz = V.Splat(d[2]);
            for (int c = 0; c < h; c += V.Count)
            {
                V ax = V.Load(a + c), ay = V.Load(a + width + c), az = V.Load(a + 2 * width + c);
                V bx = V.Load(b + c), by = V.Load(b + width + c), bz = V.Load(b + 2 * width + c);
                V ad = V.MultiplyAdd(ax, dx, V.MultiplyAdd(ay, dy, az * dz)), bd = V.MultiplyAdd(bx, dx, V.MultiplyAdd(by, dy, bz * dz));
                V dot = V.MultiplyAdd(ax, bx, V.MultiplyAdd(ay, by, az * bz)) - ad * bd;
                V g = shared ? V.Load(gate + c) : SimdMath<T, V>.Silu(V.Load(gate + c));
                V.MultiplyAdd(g, dot, V.Load(before + c)).Store(f + c);
            }
        }
    }
}
