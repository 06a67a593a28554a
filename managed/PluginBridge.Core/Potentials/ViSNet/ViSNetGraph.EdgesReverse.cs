namespace PluginBridge.Core.Potentials.ViSNet;

internal sealed unsafe partial class ViSNetGraph<T, V>
{
    /// <summary>Reverse of <see cref="EdgeMessages"/> for target atoms first … end − 1: what their edges owe to the targets,
    /// to C(r) and d, to the edge features; what they owe to their sources is left per edge of the
    /// chunk for <see cref="SumSourceGradients"/>.</summary>
    private void EdgeMessagesReverse(int l, int chunk, int first, int end, ViSNetScratch<T> scratch)
    {
        var layer = _net.Layers[l];
        int e0 = _edgeStart.Pointer[first], rows = _edgeStart.Pointer[end] - e0;
        int width = layer.MessageBlocks * H, edgeWidth = layer.EdgeBlocks * H;
        T* gz = scratch.A.Ensure((long)rows * width), gMessage = scratch.B.Ensure((long)rows * H);
        T* row = scratch.Rows.Ensure(8 * H);
        T* messageZ = MessageTerms(l, chunk);
        bool kept = Keeps(e0);
        T* edgeZ = kept ? _layers[l].EdgeZ.Pointer : EdgeProducts(l, e0, rows, scratch);
        var terms = new EdgeTerms(messageZ, edgeZ, PairValues(l, true), PairStride);
        if (!kept)
        {
            // Once more what the forward pass had.
            for (int i = first; i < end; i++)
                Attention(l, i, gMessage + (long)(_edgeStart.Pointer[i] - e0) * H, row, terms, sum: false);
            Gemm<T, V>.Multiply(gMessage, H, rows, layer.Message, messageZ + (long)e0 * width, width);
        }
        for (int i = first; i < end; i++)
            VectorMessagesReverse(l, i, gz + (long)(_edgeStart.Pointer[i] - e0) * width, terms);
        AddMatrix(layer.Message, _layers[l].Messages.Pointer + (long)e0 * H, H, gz, width, rows);
        Gemm<T, V>.Multiply(gz, width, rows, layer.MessageT, gMessage, H);

        // Layers 0 and 1 hand on gradients of SiLU(dk), SiLU(dv) to the pairs; later ones take them to f here.
        T* gProducts = layer.PairFeatures ? _gPairProducts.Pointer + 3L * (e0 - ChunkEdge(chunk)) * H : scratch.C.Ensure((long)rows * edgeWidth);
        int stride = layer.PairFeatures ? 3 * H : edgeWidth;
        for (int i = first; i < end; i++)
        {
            long offset = _edgeStart.Pointer[i] - e0;
            AttentionReverse(l, chunk, i, gMessage + offset * H, gProducts + offset * stride, stride, row, terms);
            if (layer.UpdatesEdges)
                UpdateEdgesReverse(l, chunk, i, gProducts + offset * stride + 2 * H, stride, terms);
        }
        if (layer.PairFeatures)
            return;
        AddMatrix(layer.Edges, EdgeFeatures(l) + (long)e0 * H, H, gProducts, edgeWidth, rows);
        T* gf = scratch.D.Ensure((long)rows * H), sum = EdgeGradient + (long)e0 * H;
        if (!layer.UpdatesEdges)
        {
            Gemm<T, V>.Multiply(gProducts, edgeWidth, rows, layer.EdgesT, sum, H); // last layer: nothing there yet
            return;
        }
        Gemm<T, V>.Multiply(gProducts, edgeWidth, rows, layer.EdgesT, gf, H);
        for (long c = 0; c < (long)rows * H; c += V.Count)
            (V.Load(sum + c) + V.Load(gf + c)).Store(sum + c);
    }

    /// <summary>From the gradient with respect to V_i to those of (s1,) s2's arguments, C(r), d. Leaves s1 in place of its
    /// argument, for the sources' v_j.</summary>
    private void VectorMessagesReverse(int l, int i, T* gz, in EdgeTerms terms)
    {
        int h = H; // a local: the compiler cannot know that stores leave the field alone
        var layer = _net.Layers[l];
        bool first = layer.First;
        var memory = _layers[l];
        int width = layer.MessageBlocks * h;
        bool initialise = l == _net.Layers.Length - 1; // the reverse pass begins here
        T* gV = GvIn(l) + 3L * i * h;
        for (int e = _edgeStart.Pointer[i]; e < _edgeStart.Pointer[i + 1]; e++, gz += width)
        {
            T* z = terms.MessageZ + (long)e * width, d = _geometry.Pointer + 4L * e;
            T* vj = memory.V.Pointer + 3L * _source.Pointer[e] * h;
            V dx = V.Splat(d[0]), dy = V.Splat(d[1]), dz = V.Splat(d[2]), envelope = V.Splat(d[3]);
            V gEnvelope = V.Zero, gdx = V.Zero, gdy = V.Zero, gdz = V.Zero;
            for (int c = 0; c < h; c += V.Count)
            {
                V gx = V.Load(gV + c), gy = V.Load(gV + h + c), gw = V.Load(gV + 2 * h + c);
                int second = first ? c : h + c;
                SimdMath<T, V>.Silu(V.Load(z + second), out V y, out V dy2);
                V gs2 = V.MultiplyAdd(gx, dx, V.MultiplyAdd(gy, dy, gw * dz));
                gEnvelope = V.MultiplyAdd(gs2, y, gEnvelope);
                V s2 = y * envelope;
                gdx = V.MultiplyAdd(gx, s2, gdx);
                gdy = V.MultiplyAdd(gy, s2, gdy);
                gdz = V.MultiplyAdd(gw, s2, gdz);
                (gs2 * dy2 * envelope).Store(gz + second);
                if (first)
                    continue;
                SimdMath<T, V>.Silu(V.Load(z + c), out y, out V dy1);
                V gs1 = V.MultiplyAdd(gx, V.Load(vj + c), V.MultiplyAdd(gy, V.Load(vj + h + c), gw * V.Load(vj + 2 * h + c)));
                gEnvelope = V.MultiplyAdd(gs1, y, gEnvelope);
                (gs1 * dy1 * envelope).Store(gz + c);
                (y * envelope).Store(z + c);
            }
            T* g = _gDirection.Pointer + 3L * e;
            T* ge = _gEnvelope.Pointer + e;
            if (initialise)
                g[0] = g[1] = g[2] = ge[0] = T.Zero;
            g[0] += V.Sum(gdx);
            g[1] += V.Sum(gdy);
            g[2] += V.Sum(gdz);
            ge[0] += V.Sum(gEnvelope);
        }
    }

    /// <summary>From the gradient with respect to m_ij (X_i's share is added here) to those of q_i, SiLU(dk) and SiLU(dv), or
    /// their arguments, and C(r). Leaves per edge those of v_j (in place of s2's argument) and k_j.</summary>
    private void AttentionReverse(int l, int chunk, int i, T* gMessage, T* gProducts, int stride, T* row, in EdgeTerms terms)
    {
        int h = H;
        var layer = _net.Layers[l];
        bool shared = layer.PairFeatures;
        var memory = _layers[l];
        int width = layer.MessageBlocks * h;
        T* weights = row + h, activated = row + 2 * h, slopes = row + 4 * h;
        T* gX = _gMessages.Pointer + (long)i * h, q = memory.Attention.Pointer + 3L * i * h;
        T* gq = _gAttention.Pointer + 3L * i * h, sourceTerms = SourceTerms(chunk);
        new Span<T>(gq, h).Clear();
        for (int e = _edgeStart.Pointer[i]; e < _edgeStart.Pointer[i + 1]; e++, gMessage += h, gProducts += stride)
        {
            T* k = memory.Attention.Pointer + 3L * _source.Pointer[e] * h + h, value = k + h;
            T* dk = shared ? PairValue(terms, e) : ActivateWithSlope(l, e, activated, slopes, terms);
            T* dv = dk + h;
            for (int c = 0; c < h; c += V.Count)
            {
                (V.Load(q + c) * V.Load(k + c) * V.Load(dk + c)).Store(row + c);
                V gm = V.Load(gMessage + c) + V.Load(gX + c);
                gm.Store(gMessage + c);
                (gm * V.Load(value + c) * V.Load(dv + c)).Store(weights + c);
            }
            _heads.Sum(row);
            V envelope = V.Splat(_geometry.Pointer[4L * e + 3]), gEnvelope = V.Zero;
            T* gValue = terms.MessageZ + (long)e * width + (width - h);
            for (int c = 0; c < h; c += V.Count)
            {
                SimdMath<T, V>.Silu(V.Load(row + c), out V y, out V dy);
                gEnvelope = V.MultiplyAdd(V.Load(weights + c), y, gEnvelope);
                (dy * envelope).Store(row + c);
                V gma = V.Load(gMessage + c) * y * envelope;
                (gma * V.Load(dv + c)).Store(gValue + c);
                (gma * V.Load(value + c)).Store(gProducts + h + c);
            }
            _gEnvelope.Pointer[e] += V.Sum(gEnvelope);
            _heads.Sum(weights);
            T* gk = sourceTerms + 2L * e * h;
            for (int c = 0; c < h; c += V.Count)
            {
                V gt = V.Load(weights + c) * V.Load(row + c), qc = V.Load(q + c), kc = V.Load(k + c);
                V gtdk = gt * V.Load(dk + c);
                V.MultiplyAdd(gtdk, kc, V.Load(gq + c)).Store(gq + c);
                (gtdk * qc).Store(gk + c);
                (gt * qc * kc).Store(gProducts + c);
            }
            if (shared)
                continue;
            for (int c = 0; c < 2 * h; c += V.Count)
                (V.Load(gProducts + c) * V.Load(slopes + c)).Store(gProducts + c);
        }
    }

    private T* ActivateWithSlope(int l, int e, T* activated, T* slopes, in EdgeTerms terms)
    {
        int h = H;
        T* z = terms.EdgeZ + (long)e * _net.Layers[l].EdgeBlocks * h;
        for (int c = 0; c < 2 * h; c += V.Count)
        {
            SimdMath<T, V>.Silu(V.Load(z + c), out V y, out V dy);
            y.Store(activated + c);
            dy.Store(slopes + c);
        }
        return activated;
    }

    /// <summary>Reverse of <see cref="UpdateEdges"/>: gradients with respect to the gate SiLU(Wf f + bf), or its argument, the target's
    /// projection a_i and d; leaves per edge that of w1·w2 for the source's projection.</summary>
    private void UpdateEdgesReverse(int l, int chunk, int i, T* gGate, int stride, in EdgeTerms terms)
    {
        int h = H;
        var layer = _net.Layers[l];
        int gradientStride = GradientWidth;
        bool shared = layer.PairFeatures;
        var memory = _layers[l];
        int width = VectorWidth(layer);
        T* a = memory.Vectors.Pointer + 3L * i * width + 3 * h, ga = _gVectors.Pointer + 3L * i * gradientStride + 3 * h;
        T* edgeGradient = EdgeGradient, sourceTerms = SourceTerms(chunk);
        for (int s = 0; s < 3; s++)
            new Span<T>(ga + s * gradientStride, h).Clear();
        for (int e = _edgeStart.Pointer[i]; e < _edgeStart.Pointer[i + 1]; e++, gGate += stride)
        {
            T* b = memory.Vectors.Pointer + 3L * _source.Pointer[e] * width + 4 * h, d = _geometry.Pointer + 4L * e;
            T* gf = edgeGradient + (long)e * h, gDot = sourceTerms + 2L * e * h + h;
            T* gate = shared ? PairValue(terms, e) + 2 * h : terms.EdgeZ + 3L * e * h + 2 * h;
            V dx = V.Splat(d[0]), dy = V.Splat(d[1]), dz = V.Splat(d[2]);
            V gdx = V.Zero, gdy = V.Zero, gdz = V.Zero;
            for (int c = 0; c < h; c += V.Count)
            {
                V ax = V.Load(a + c), ay = V.Load(a + width + c), az = V.Load(a + 2 * width + c);
                V bx = V.Load(b + c), by = V.Load(b + width + c), bz = V.Load(b + 2 * width + c);
                V ad = V.MultiplyAdd(ax, dx, V.MultiplyAdd(ay, dy, az * dz)), bd = V.MultiplyAdd(bx, dx, V.MultiplyAdd(by, dy, bz * dz));
                V dot = V.MultiplyAdd(ax, bx, V.MultiplyAdd(ay, by, az * bz)) - ad * bd;
                V g = V.Load(gf + c), y = V.Load(gate + c), gy = g * dot;
                if (!shared)
                {
                    SimdMath<T, V>.Silu(y, out y, out V slope);
                    gy *= slope;
                }
                gy.Store(gGate + c);
                V gd = g * y;
                gd.Store(gDot + c);
                V.MultiplyAdd(gd, bx - bd * dx, V.Load(ga + c)).Store(ga + c);
                V.MultiplyAdd(gd, by - bd * dy, V.Load(ga + gradientStride + c)).Store(ga + gradientStride + c);
                V.MultiplyAdd(gd, bz - bd * dz, V.Load(ga + 2 * gradientStride + c)).Store(ga + 2 * gradientStride + c);
                V gdbd = gd * bd, gdad = gd * ad;
                gdx += V.MultiplyAdd(gdbd, ax, gdad * bx);
                gdy += V.MultiplyAdd(gdbd, ay, gdad * by);
                gdz += V.MultiplyAdd(gdbd, az, gdad * bz);
            }
            T* gDirection = _gDirection.Pointer + 3L * e;
            gDirection[0] -= V.Sum(gdx);
            gDirection[1] -= V.Sum(gdy);
            gDirection[2] -= V.Sum(gdz);
        }
    }
}
