namespace PluginBridge.Core.Potentials.ViSNet;

// The gated equivariant read-out, forwards and back in one go: it couples no atoms.
internal sealed unsafe partial class ViSNetGraph<T, V>
{
    /// <summary>Atomic energies of atoms first … end − 1 and, back through the read-out and the last norm, the gradients with
    /// respect to x and v after the last layer; then those that the last layer starts from.</summary>
    private void Readout(int first, int end, ViSNetScratch<T> scratch)
    {
        int rows = end - first, last = _net.Layers.Length;
        ViSNetNetwork<T, V>.ReadoutBlock outer = _net.Readout[0], inner = _net.Readout[1];
        int half = outer.Output, one = inner.Output;

        // One allocation, cut into the block's arrays.
        T* next = scratch.B.Ensure((long)rows * (9 * H + 8 * half + one));
        T* Take(int columns, int perAtom = 1)
        {
            T* start = next;
            next += (long)rows * perAtom * columns;
            return start;
        }

        T* normalized = Take(H), input0 = Take(2 * H), hidden0 = Take(H), final0 = Take(2 * half), vectors0 = Take(H + half, 3);
        T* slopes1 = Take(H), input1 = Take(2 * half), hidden1 = Take(half), final1 = Take(one), slopes0 = Take(H);
        T* inverse = scratch.C.Ensure(rows);
        T* v1 = scratch.D.Ensure(6L * rows * half), vectors1 = v1 + 3L * rows * half;
        T* v0 = _layers[last].V.Pointer + 3L * first * H;

        for (int a = 0; a < rows; a++)
            inverse[a] = LayerNorm<T, V>.Forward(_x.Pointer + (long)(first + a) * H, _channels, _net.Mask, _net.OutNorm.Weight,
                _net.OutNorm.Bias, normalized + a * H, input0 + 2 * a * H);
        GatedForward(outer, v0, rows, vectors0, H + half, input0, hidden0, slopes0, final0, 2 * half);
        for (int a = 0; a < rows; a++)
            for (int c = 0; c < half; c += V.Count)
            {
                T* xg = final0 + 2 * a * half + c;
                SimdMath<T, V>.Silu(V.Load(xg), out V y, out V slope);
                y.Store(input1 + 2 * a * half + c);
                slope.Store(xg); // x itself is not needed again
                for (int s = 0; s < 3; s++)
                    (V.Load(xg + half) * V.Load(vectors0 + (3 * a + s) * (H + half) + H + c)).Store(v1 + (3 * a + s) * half + c);
            }
        GatedForward(inner, v1, rows, vectors1, half, input1, hidden1, slopes1, final1, one);
        for (int a = 0; a < rows; a++)
        {
            _atomEnergy.Pointer[first + a] = double.CreateTruncating(final1[a * one]);
            new Span<T>(final1 + a * one, one).Clear();
            final1[a * one] = _seed;
        }

        GatedReverse(inner, rows, vectors1, half, input1, hidden1, slopes1, final1, one);
        AddMatrix(inner.Vectors, v1, half, vectors1, half, 3 * rows);
        T* gv1 = v1;
        Gemm<T, V>.Multiply(vectors1, half, 3 * rows, inner.VectorsT, gv1, half);
        for (int a = 0; a < rows; a++)
            for (int c = 0; c < half; c += V.Count)
            {
                T* xg = final0 + 2 * a * half + c;
                V g = V.Load(xg + half), gGate = V.Zero;
                for (int s = 0; s < 3; s++)
                {
                    T* u = vectors0 + (3 * a + s) * (H + half) + H + c;
                    V gvs = V.Load(gv1 + (3 * a + s) * half + c);
                    gGate = V.MultiplyAdd(gvs, V.Load(u), gGate);
                    (gvs * g).Store(u);
                }
                (V.Load(input1 + 2 * a * half + c) * V.Load(xg)).Store(xg);
                gGate.Store(xg + half);
            }
        GatedReverse(outer, rows, vectors0, H + half, input0, hidden0, slopes0, final0, 2 * half);
        AddMatrix(outer.Vectors, v0, H, vectors0, H + half, 3 * rows);
        AddNorm(_net.OutNorm, input0, 2 * H, normalized, rows);
        Gemm<T, V>.Multiply(vectors0, H + half, 3 * rows, outer.VectorsT, GvIn(last - 1) + 3L * first * H, H);
        for (int i = first; i < end; i++)
            NormVectorsReverse(last, i, GvIn(last - 1) + 3L * i * H, null);
        for (int a = 0; a < rows; a++)
            LayerNorm<T, V>.Backward(input0 + 2 * a * H, normalized + a * H, inverse[a], _channels, _net.Mask, _net.OutNorm.Weight,
                _gx.Pointer + (long)(first + a) * H, false);
        AtomOutputReverse(last - 1, first, end, scratch);
    }

    /// <summary>p = √(Σ_s (vec1_proj v)² + floor), hidden = SiLU(W0 [x ; p] + b0), final = W2 hidden + b2. The input's first half
    /// is x, p goes into its second; p also stays for the reverse pass, there.</summary>
    private void GatedForward(ViSNetNetwork<T, V>.ReadoutBlock block, T* v, int rows, T* vectors, int vectorWidth, T* input,
        T* hidden, T* slopes, T* final, int finalWidth)
    {
        int width = block.Input;
        V floor = V.Constant(_net.Header.NormFloor);
        Gemm<T, V>.Multiply(v, width, 3 * rows, block.Vectors, vectors, vectorWidth);
        for (int a = 0; a < rows; a++)
            for (int c = 0; c < width; c += V.Count)
            {
                T* u = vectors + 3 * a * vectorWidth + c;
                V x = V.Load(u), y = V.Load(u + vectorWidth), z = V.Load(u + 2 * vectorWidth);
                V.Sqrt(V.MultiplyAdd(x, x, V.MultiplyAdd(y, y, V.MultiplyAdd(z, z, floor)))).Store(input + (2 * a + 1) * width + c);
            }
        Gemm<T, V>.Multiply(input, 2 * width, rows, block.Hidden, hidden, width);
        for (int c = 0; c < rows * width; c += V.Count)
        {
            SimdMath<T, V>.Silu(V.Load(hidden + c), out V y, out V slope);
            y.Store(hidden + c);
            slope.Store(slopes + c);
        }
        Gemm<T, V>.Multiply(hidden, width, rows, block.Final, final, finalWidth);
    }

    /// <summary>Reverse: from the gradient in <paramref name="final"/> to that of x (first half of <paramref name="input"/>) and of
    /// vec1_proj v (in its place in <paramref name="vectors"/>).</summary>
    private void GatedReverse(ViSNetNetwork<T, V>.ReadoutBlock block, int rows, T* vectors, int vectorWidth, T* input,
        T* hidden, T* slopes, T* final, int finalWidth)
    {
        int width = block.Input;
        for (int a = 0; a < rows; a++)
            for (int c = 0; c < width; c += V.Count)
            {
                V inverse = V.Constant(1) / V.Load(input + (2 * a + 1) * width + c);
                for (int s = 0; s < 3; s++)
                {
                    T* u = vectors + (3 * a + s) * vectorWidth + c;
                    (V.Load(u) * inverse).Store(u);
                }
            }
        AddMatrix(block.Final, hidden, width, final, finalWidth, rows);
        Gemm<T, V>.Multiply(final, finalWidth, rows, block.FinalT, hidden, width);
        for (int c = 0; c < rows * width; c += V.Count)
            (V.Load(hidden + c) * V.Load(slopes + c)).Store(hidden + c);
        AddMatrix(block.Hidden, input, 2 * width, hidden, width, rows);
        Gemm<T, V>.Multiply(hidden, width, rows, block.HiddenT, input, 2 * width);
        for (int a = 0; a < rows; a++)
            for (int c = 0; c < width; c += V.Count)
            {
                V g = V.Load(input + (2 * a + 1) * width + c);
                for (int s = 0; s < 3; s++)
                {
                    T* u = vectors + (3 * a + s) * vectorWidth + c;
                    (V.Load(u) * g).Store(u);
                }
            }
    }
}
