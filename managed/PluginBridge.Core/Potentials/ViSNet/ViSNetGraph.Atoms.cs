using System.Runtime.Intrinsics.X86;

namespace PluginBridge.Core.Potentials.ViSNet;

// What a layer does atom by atom: norm, linear maps, update; and the reverse.
internal sealed unsafe partial class ViSNetGraph<T, V>
{
    /// <summary>LayerNorm, q, k, v and, from layer 1 on, v1, v2, v3 (, target, source) and v1·v2 of layer l.</summary>
    private void AtomProducts(int l, int first, int end, ViSNetScratch<T> scratch)
    {
        var layer = _net.Layers[l];
        var memory = _layers[l];
        int rows = end - first;
        T* normed = scratch.A.Ensure((long)rows * H);
        for (int i = first; i < end; i++)
            memory.InverseDeviation.Pointer[i] = LayerNorm<T, V>.Forward(_x.Pointer + (long)i * H, _channels, _net.Mask,
                layer.Norm.Weight, layer.Norm.Bias, memory.Normalized.Pointer + (long)i * H, normed + (i - first) * H);
        AtomMaps(l, first, end, normed);
    }

    /// <summary>As <see cref="AtomProducts"/>, once more, in the reverse pass.</summary>
    private void AtomProductsAgain(int l, int first, int end, ViSNetScratch<T> scratch)
    {
        T* normed = scratch.A.Ensure((long)(end - first) * H);
        NormOutput(l, first, end - first, normed);
        AtomMaps(l, first, end, normed);
    }

    /// <summary>The linear maps of layer l and v1·v2, from the norm's output.</summary>
    private void AtomMaps(int l, int first, int end, T* normed)
    {
        var layer = _net.Layers[l];
        var memory = _layers[l];
        int rows = end - first;
        Gemm<T, V>.Multiply(normed, H, rows, layer.Attention, memory.Attention.Pointer + 3L * first * H, 3 * H);
        if (layer.First)
            return;
        int width = VectorWidth(layer);
        T* vectors = memory.Vectors.Pointer + 3L * first * width;
        Gemm<T, V>.Multiply(memory.V.Pointer + 3L * first * H, H, 3 * rows, layer.Vectors!, vectors, width);
        for (int i = first; i < end; i++, vectors += 3 * width)
            for (int c = 0; c < H; c += V.Count)
            {
                T* v1 = vectors + c, v2 = v1 + H;
                V dot = V.MultiplyAdd(V.Load(v1), V.Load(v2), V.MultiplyAdd(V.Load(v1 + width), V.Load(v2 + width),
                    V.Load(v1 + 2 * width) * V.Load(v2 + 2 * width)));
                dot.Store(memory.Dot.Pointer + (long)i * H + c);
            }
    }

    /// <summary>x += v1·v2 o2 + o3, v += v3 o1 + V with (o1, o2, o3) = Wo X + bo; then the next layer's products.</summary>
    private void AtomUpdate(int l, int first, int end, ViSNetScratch<T> scratch)
    {
        var layer = _net.Layers[l];
        var memory = _layers[l];
        int outputs = layer.OutputBlocks * H, width = VectorWidth(layer);
        Gemm<T, V>.Multiply(MessageSums(l) + (long)first * H, H, end - first, layer.Output,
            memory.Output.Pointer + (long)first * outputs, outputs);
        for (int i = first; i < end; i++)
        {
            T* x = _x.Pointer + (long)i * H, o = memory.Output.Pointer + (long)i * outputs;
            T* message = _vectorMessages.Pointer + 3L * i * H, next = _layers[l + 1].V.Pointer + 3L * i * H;
            if (layer.First)
            {
                for (int c = 0; c < H; c += V.Count)
                    (V.Load(x + c) + V.Load(o + c)).Store(x + c);
                new Span<T>(message, 3 * H).CopyTo(new Span<T>(next, 3 * H));
                NormVectors(l + 1, i);
                continue;
            }
            V raw = V.Splat(_normVectors ? T.One / memory.VectorScale.Pointer[i] : T.One);
            T* v = memory.V.Pointer + 3L * i * H, v3 = memory.Vectors.Pointer + 3L * i * width + 2 * H;
            T* dot = memory.Dot.Pointer + (long)i * H;
            for (int c = 0; c < H; c += V.Count)
            {
                V o1 = V.Load(o + c), o2 = V.Load(o + H + c), o3 = V.Load(o + 2 * H + c);
                V.MultiplyAdd(V.Load(dot + c), o2, V.Load(x + c) + o3).Store(x + c);
                for (int s = 0; s < 3; s++)
                    V.MultiplyAdd(V.Load(v3 + s * width + c), o1,
                        V.MultiplyAdd(V.Load(v + s * H + c), raw, V.Load(message + s * H + c))).Store(next + s * H + c);
            }
            NormVectors(l + 1, i);
        }
        if (l + 1 < _net.Layers.Length)
            AtomProducts(l + 1, first, end, scratch);
    }

    /// <summary>What layer l, or the read-out, sees of atom i's vector features.</summary>
    private void NormVectors(int l, int i)
    {
        if (_normVectors)
            _layers[l].VectorScale.Pointer[i] = VectorNorm<T, V>.Forward(_layers[l].V.Pointer + 3L * i * H, H, _channels,
                T.CreateTruncating(_net.Header.VectorNorm));
    }

    /// <summary>Gradient with respect to what layer l sees of atom i's vector features → that with respect to them, plus
    /// <paramref name="residual"/> where they go on beside the layer.</summary>
    private void NormVectorsReverse(int l, int i, T* gradient, T* residual)
    {
        if (_normVectors)
            VectorNorm<T, V>.Backward(gradient, _layers[l].V.Pointer + 3L * i * H, _layers[l].VectorScale.Pointer[i], H, _channels,
                residual);
    }

    /// <summary>Gradients of vector features: entering layer l in the reverse pass, and leaving it.</summary>
    private T* GvIn(int l) => _gv[l & 1].Pointer;

    private T* GvOut(int l) => _gv[(l + 1) & 1].Pointer;

    /// <summary>Reverse of <see cref="AtomUpdate"/>'s formula: gradients with respect to X, v1, v2, v3 (and room for those of
    /// target and source) from those of x and v after the layer.</summary>
    private void AtomOutputReverse(int l, int first, int end, ViSNetScratch<T> scratch)
    {
        var layer = _net.Layers[l];
        var memory = _layers[l];
        int rows = end - first, outputs = layer.OutputBlocks * H, width = VectorWidth(layer);
        T* sums = MessageSums(l) + (long)first * H;
        if (layer.First)
        {
            AddMatrix(layer.Output, sums, H, _gx.Pointer + (long)first * H, H, rows);
            Gemm<T, V>.Multiply(_gx.Pointer + (long)first * H, H, rows, layer.OutputT, _gMessages.Pointer + (long)first * H, H);
            return;
        }
        if (_lean && l < _net.Layers.Length - 1) // the last layer's are still there
            Gemm<T, V>.Multiply(sums, H, rows, layer.Output, memory.Output.Pointer + (long)first * outputs, outputs);
        T* go = scratch.A.Ensure((long)rows * outputs);
        for (int i = first; i < end; i++)
        {
            T* gx = _gx.Pointer + (long)i * H, gv = GvIn(l) + 3L * i * H, g = go + (i - first) * outputs;
            T* o = memory.Output.Pointer + (long)i * outputs, dot = memory.Dot.Pointer + (long)i * H;
            T* v = memory.Vectors.Pointer + 3L * i * width, gVectors = _gVectors.Pointer + 3L * i * GradientWidth;
            for (int c = 0; c < H; c += V.Count)
            {
                V gxc = V.Load(gx + c), o1 = V.Load(o + c), gDot = gxc * V.Load(o + H + c), go1 = V.Zero;
                for (int s = 0; s < 3; s++)
                {
                    T* vs = v + s * width + c, gs = gVectors + s * GradientWidth + c;
                    V gvs = V.Load(gv + s * H + c);
                    (gDot * V.Load(vs + H)).Store(gs);
                    (gDot * V.Load(vs)).Store(gs + H);
                    (gvs * o1).Store(gs + 2 * H);
                    go1 = V.MultiplyAdd(gvs, V.Load(vs + 2 * H), go1);
                }
                go1.Store(g + c);
                (gxc * V.Load(dot + c)).Store(g + H + c);
                gxc.Store(g + 2 * H + c);
            }
        }
        AddMatrix(layer.Output, sums, H, go, outputs, rows);
        Gemm<T, V>.Multiply(go, outputs, rows, layer.OutputT, _gMessages.Pointer + (long)first * H, H);
    }

    /// <summary>Takes the gradients back through layer l's linear maps and norm,
    /// and prepares layer l − 1.</summary>
    private void AtomUpdateReverse(int l, int first, int end, ViSNetScratch<T> scratch)
    {
        var layer = _net.Layers[l];
        var memory = _layers[l];
        int rows = end - first;
        T* gNormed = scratch.A.Ensure((long)rows * H);
        AddAttention(l, first, rows, scratch);
        Gemm<T, V>.Multiply(_gAttention.Pointer + 3L * first * H, 3 * H, rows, layer.AttentionT, gNormed, H);
        AddNorm(layer.Norm, gNormed, H, memory.Normalized.Pointer + (long)first * H, rows);
        for (int i = first; i < end; i++)
            LayerNorm<T, V>.Backward(gNormed + (i - first) * H, memory.Normalized.Pointer + (long)i * H,
                memory.InverseDeviation.Pointer[i], _channels, _net.Mask, layer.Norm.Weight, _gx.Pointer + (long)i * H, true);
        if (layer.First)
            return;
        AddMatrix(layer.Vectors!, memory.V.Pointer + 3L * first * H, H, _gVectors.Pointer + 3L * first * GradientWidth,
            GradientWidth, 3 * rows);
        T* gv = scratch.A.Ensure(3L * rows * H), gvOut = GvOut(l) + 3L * first * H;
        Gemm<T, V>.Multiply(_gVectors.Pointer + 3L * first * GradientWidth, GradientWidth, 3 * rows, layer.VectorsT!, gv, H);
        for (long c = 0; c < 3L * rows * H; c += V.Count)
            (V.Load(gvOut + c) + V.Load(gv + c)).Store(gvOut + c);
        for (int i = first; i < end; i++)
            NormVectorsReverse(l, i, GvOut(l) + 3L * i * H, GvIn(l) + 3L * i * H);
        if (_lean)
            AtomProductsAgain(l - 1, first, end, scratch);
        AtomOutputReverse(l - 1, first, end, scratch);
    }

    /// <summary>Edges ahead of which rows are fetched that lie far apart: the processor does not foresee them.</summary>
    private const int Ahead = 2;

    private static void Prefetch(T* row, int count)
    {
        const int Line = 64;
        if (Sse.IsSupported)
            for (int c = 0; c < count; c += Line / sizeof(T))
                Sse.Prefetch0(row + c);
    }

    /// <summary>Gradients that atom j gets as source of a chunk's edges, targets ascending: k, v (of attention), vector features and the source projection.</summary>
    private void SumSourceGradients(int l, int chunk, int j)
    {
        int h = H; // a local: the compiler cannot know that stores leave the field alone
        var layer = _net.Layers[l];
        int stride = GradientWidth;
        bool first = layer.First;
        var memory = _layers[l];
        int messages = layer.MessageBlocks * h, width = VectorWidth(layer);
        T* gk = _gAttention.Pointer + 3L * j * h + h;
        T* gv = GvOut(l) + 3L * j * h, gSource = _gVectors.Pointer + 3L * j * stride + 4 * h;
        if (chunk == 0)
        {
            new Span<T>(gk, 2 * h).Clear();
            if (!first && _normVectors)
                new Span<T>(gv, 3 * h).Clear(); // what goes on beside the layer comes in behind the norm
            else if (!first)
                new Span<T>(GvIn(l) + 3L * j * h, 3 * h).CopyTo(new Span<T>(gv, 3 * h));
            if (layer.UpdatesEdges)
                for (int s = 0; s < 3; s++)
                    new Span<T>(gSource + s * stride, h).Clear();
        }
        T* sourceTerms = SourceTerms(chunk), messageZ = MessageTerms(l, chunk);
        int firstTarget = ChunkAtom(chunk), endTarget = ChunkAtom(chunk + 1);
        for (int e = _edgeStart.Pointer[j]; e < _edgeStart.Pointer[j + 1]; e++)
        {
            int i = _source.Pointer[e], reverse = _reverse.Pointer[e];
            if (i < firstTarget)
                continue;
            if (i >= endTarget)
                break;
            T* terms = sourceTerms + 2L * reverse * h;
            T* messageTerms = messageZ + (long)reverse * messages;
            if (e + Ahead < _edgeStart.Pointer[j + 1])
            {
                long next = _reverse.Pointer[e + Ahead];
                Prefetch(sourceTerms + 2 * next * h, 2 * h);
                Prefetch(messageZ + next * messages, messages);
            }
            T* gValue = first ? messageTerms : messageTerms + h;
            for (int c = 0; c < h; c += V.Count)
            {
                (V.Load(gk + c) + V.Load(terms + c)).Store(gk + c);
                (V.Load(gk + h + c) + V.Load(gValue + c)).Store(gk + h + c);
            }
            if (first)
                continue;
            T* gvi = GvIn(l) + 3L * i * h;
            for (int c = 0; c < h; c += V.Count)
            {
                V s1 = V.Load(messageTerms + c);
                for (int s = 0; s < 3; s++)
                    V.MultiplyAdd(V.Load(gvi + s * h + c), s1, V.Load(gv + s * h + c)).Store(gv + s * h + c);
            }
            if (!layer.UpdatesEdges)
                continue;
            T* target = memory.Vectors.Pointer + 3L * i * width + 3 * h;
            T* d = _geometry.Pointer + 4L * e;
            V dx = V.Splat(d[0]), dy = V.Splat(d[1]), dz = V.Splat(d[2]);
            for (int c = 0; c < h; c += V.Count)
            {
                V x = V.Load(target + c), y = V.Load(target + width + c), z = V.Load(target + 2 * width + c);
                V g = V.Load(terms + h + c);
                V along = V.Zero - V.MultiplyAdd(x, dx, V.MultiplyAdd(y, dy, z * dz));
                T* gs = gSource + c;
                V.MultiplyAdd(g, V.MultiplyAdd(along, dx, x), V.Load(gs)).Store(gs);
                V.MultiplyAdd(g, V.MultiplyAdd(along, dy, y), V.Load(gs + stride)).Store(gs + stride);
                V.MultiplyAdd(g, V.MultiplyAdd(along, dz, z), V.Load(gs + 2 * stride)).Store(gs + 2 * stride);
            }
        }
    }

    /// <summary>dE/dr of each atom and the block's share of dE/dε from its pairs, doubles from here on.</summary>
    private void SumGradients(int first, int end)
    {
        double* strain = _strain.Pointer + 9L * (first / NodeBlock);
        new Span<double>(strain, 9).Clear();
        for (int i = first; i < end; i++)
        {
            double x = 0, y = 0, z = 0;
            for (int e = _edgeStart.Pointer[i]; e < _edgeStart.Pointer[i + 1]; e++)
            {
                int j = _source.Pointer[e], p = _pairOfEdge.Pointer[e];
                if (j == i)
                    continue;
                T* g = _gPair.Pointer + 3L * p;
                double gx = double.CreateTruncating(g[0]), gy = double.CreateTruncating(g[1]), gz = double.CreateTruncating(g[2]);
                if (j < i)
                {
                    (x, y, z) = (x + gx, y + gy, z + gz);
                    continue;
                }
                (x, y, z) = (x - gx, y - gy, z - gz);
                double dx = double.CreateTruncating(_dx.Pointer[p]), dy = double.CreateTruncating(_dy.Pointer[p]),
                    dz = double.CreateTruncating(_dz.Pointer[p]);
                strain[0] += dx * gx;
                strain[1] += dx * gy;
                strain[2] += dx * gz;
                strain[3] += dy * gx;
                strain[4] += dy * gy;
                strain[5] += dy * gz;
                strain[6] += dz * gx;
                strain[7] += dz * gy;
                strain[8] += dz * gz;
            }
            double* gradient = _atomGradient.Pointer + 3L * i;
            (gradient[0], gradient[1], gradient[2]) = (x, y, z);
        }
    }

    /// <summary>Copies gradients out, times a factor for nm and kJ/mol.</summary>
    public void Gradients(double factor, double* gradients)
    {
        for (long c = 0; c < 3L * _atoms; c++)
            gradients[c] = factor * _atomGradient.Pointer[c];
    }

    /// <summary>dE/dε, row-major, times a factor for kJ/mol.</summary>
    public void StrainGradient(double factor, double* strain)
    {
        new Span<double>(strain, 9).Clear();
        for (int block = 0; block < NodeBlocks; block++)
            for (int c = 0; c < 9; c++)
                strain[c] += factor * _strain.Pointer[9L * block + c];
    }
}
