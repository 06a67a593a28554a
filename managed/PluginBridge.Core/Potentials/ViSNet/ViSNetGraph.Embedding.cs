namespace PluginBridge.Core.Potentials.ViSNet;

// Radial basis, neighbour embedding and edge embedding, and their reverse.
internal sealed unsafe partial class ViSNetGraph<T, V>
{
    /// <summary>r, d, C(r), exp(−αr) of pairs and edges, and Wd rbf + bd, We rbf + be of pairs.</summary>
    private void PairGeometry(int first, int end, ViSNetScratch<T> scratch)
    {
        PairDistances(first, end);
        V inverseCutoff = V.Constant(1 / _net.Header.CutoffAngstrom);
        int exponent = _net.Header.EnvelopeExponent;
        for (int p = first; p < end; p += V.Count)
        {
            V inverse = V.Load(_inverseDistance.Pointer + p);
            CutoffEnvelope<T, V>.Evaluate(V.Load(_envelope.Pointer + p), exponent, out V envelope, out V envelopeSlope);
            (V.Load(_dx.Pointer + p) * inverse).Store(_ux.Pointer + p);
            (V.Load(_dy.Pointer + p) * inverse).Store(_uy.Pointer + p);
            (V.Load(_dz.Pointer + p) * inverse).Store(_uz.Pointer + p);
            envelope.Store(_envelope.Pointer + p);
            (envelopeSlope * inverseCutoff).Store(_envelopeSlope.Pointer + p);
        }

        int rows = end - first, basis = _net.B;
        T* rbf = Training ? _radialBasis.Pointer + (long)first * basis : scratch.A.Ensure((long)rows * basis);
        fixed (T* means = _net.RadialMeans, betas = _net.RadialBetas)
            for (int p = first; p < end; p++)
            {
                V u = V.Splat(_decay.Pointer[p]), rest = V.Splat(_decayRest.Pointer[p]), envelope = V.Splat(_envelope.Pointer[p]);
                for (int k = 0; k < basis; k += V.Count)
                {
                    V du = u - V.Load(means + k) + rest;
                    V gauss = SimdMath<T, V>.Exp(V.Zero - V.Load(betas + k) * du * du);
                    (envelope * gauss).Store(rbf + (p - first) * basis + k);
                }
                StoreEdgeGeometry(p);
            }
        Gemm<T, V>.Multiply(rbf, basis, rows, _net.Radial, Radial + 2L * first * H, 2 * H);
    }

    /// <summary>1/r, exp(−αr) and 1 − r/rc (where C(r) will be) of pairs, in double precision: the radial functions are so narrow, and
    /// C(r) near the cutoff so small, that rounding r first would show in the forces.</summary>
    private void PairDistances(int first, int end)
    {
        double cutoff = _net.Header.CutoffAngstrom;
        double* d = _neighbors.Displacement;
        // Registers run past the last pair: those lanes have r = 0, like self pairs. (A block is a multiple of registers.)
        end = first + (end - first + V.Count - 1) / V.Count * V.Count;
        for (int p = first; p < end; p++)
        {
            double r = p < _realPairs
                ? AngstromPerNanometre * Math.Sqrt(d[3 * p] * d[3 * p] + d[3 * p + 1] * d[3 * p + 1] + d[3 * p + 2] * d[3 * p + 2])
                : 0;
            double decay = Math.Exp(-5 / cutoff * r);
            T rounded = T.CreateTruncating(decay);
            _decay.Pointer[p] = rounded;
            _decayRest.Pointer[p] = T.CreateTruncating(decay - double.CreateTruncating(rounded));
            _inverseDistance.Pointer[p] = T.CreateTruncating(r > 0 ? 1 / r : 0);
            _envelope.Pointer[p] = T.CreateTruncating(Math.Max(0, 1 - r / cutoff));
        }
    }

    private void StoreEdgeGeometry(int p)
    {
        T* edge = _geometry.Pointer + 4L * _edgesOfPair.Pointer[2 * p];
        T* reverse = _geometry.Pointer + 4L * _edgesOfPair.Pointer[2 * p + 1];
        (reverse[0], reverse[1], reverse[2]) = (-_ux.Pointer[p], -_uy.Pointer[p], -_uz.Pointer[p]);
        (edge[0], edge[1], edge[2]) = (_ux.Pointer[p], _uy.Pointer[p], _uz.Pointer[p]);
        edge[3] = reverse[3] = _envelope.Pointer[p];
    }

    /// <summary>x = Wc [embedding ; n] + bc, n_i = Σ_{j≠i} neighbor_embedding[t_j]·(Wd rbf + bd)·C; then layer 0's norm, q, k, v.</summary>
    private void AtomEmbedding(int first, int end, ViSNetScratch<T> scratch)
    {
        int rows = end - first;
        T* n = Training ? _neighborSums.Pointer + (long)first * H : scratch.A.Ensure((long)rows * H);
        T* x0 = _x0.Pointer + (long)first * H;
        fixed (T* neighbor = _net.NeighborEmbedding, atom = _net.AtomEmbedding)
        {
            for (int i = first; i < end; i++)
            {
                T* row = n + (i - first) * H;
                new Span<T>(row, H).Clear();
                for (int e = _edgeStart.Pointer[i]; e < _edgeStart.Pointer[i + 1]; e++)
                {
                    int j = _source.Pointer[e];
                    if (j == i)
                        continue;
                    V envelope = V.Splat(_geometry.Pointer[4L * e + 3]);
                    T* w = Radial + 2L * _pairOfEdge.Pointer[e] * H;
                    T* embedding = neighbor + _types[j] * H;
                    for (int c = 0; c < H; c += V.Count)
                        V.MultiplyAdd(V.Load(embedding + c) * V.Load(w + c), envelope, V.Load(row + c)).Store(row + c);
                }
            }
            Gemm<T, V>.Multiply(n, H, rows, _net.Combine, x0, H);
            for (int i = first; i < end; i++, x0 += H)
                for (int c = 0; c < H; c += V.Count)
                {
                    V x = V.Load(x0 + c) + V.Load(atom + _types[i] * H + c);
                    x.Store(x0 + c);
                    x.Store(_x.Pointer + (long)i * H + c);
                }
        }
        AtomProducts(0, first, end, scratch);
    }

    /// <summary>f = (x_i + x_j)·(We rbf + be); if all is kept also the pair products of both layers.</summary>
    private void PairFeatures(int first, int end, ViSNetScratch<T> scratch)
    {
        T* f = _pairFeatures.Pointer + (long)first * H;
        for (int p = first; p < end; p++)
        {
            T* xi = _x0.Pointer + (long)_atomsOfPair.Pointer[2 * p] * H, xj = _x0.Pointer + (long)_atomsOfPair.Pointer[2 * p + 1] * H;
            T* w = Radial + 2L * p * H + H;
            T* row = f + (p - first) * H;
            for (int c = 0; c < H; c += V.Count)
                ((V.Load(xi + c) + V.Load(xj + c)) * V.Load(w + c)).Store(row + c);
        }
        for (int l = 0; l < _net.PairLayers && !_lean; l++)
            StoredPairProducts(l, first, end);
    }

    /// <summary>Gradients with respect to f of a pair, hence to We rbf + be (stored over it) and, per end, to x (stored over f).</summary>
    private void PairFeaturesReverse(int first, int end)
    {
        bool edges = _net.Header.Layers > 2;
        for (int p = first; p < end; p++)
        {
            T* gf = PairFeatureGradient(p);
            int e = _edgesOfPair.Pointer[2 * p], r = _edgesOfPair.Pointer[2 * p + 1];
            T* xi = _x0.Pointer + (long)_atomsOfPair.Pointer[2 * p] * H, xj = _x0.Pointer + (long)_atomsOfPair.Pointer[2 * p + 1] * H;
            T* ge = EdgeGradient + (long)e * H, gr = EdgeGradient + (long)r * H;
            T* w = Radial + 2L * p * H + H;
            T* gx = _pairFeatures.Pointer + (long)p * H;
            for (int c = 0; c < H; c += V.Count)
            {
                V g = V.Load(gf + c);
                if (edges)
                    g += e == r ? V.Load(ge + c) : V.Load(ge + c) + V.Load(gr + c);
                (g * V.Load(w + c)).Store(gx + c);
                (g * (V.Load(xi + c) + V.Load(xj + c))).Store(w + c);
            }
        }
    }

    /// <summary>Gradient with respect to x before layer 0, and from it to the neighbour sums n.</summary>
    private void AtomEmbeddingReverse(int first, int end, ViSNetScratch<T> scratch)
    {
        for (int i = first; i < end; i++)
        {
            T* gx = _gx.Pointer + (long)i * H;
            for (int e = _edgeStart.Pointer[i]; e < _edgeStart.Pointer[i + 1]; e++)
            {
                T* g = _pairFeatures.Pointer + (long)_pairOfEdge.Pointer[e] * H;
                bool self = _source.Pointer[e] == i; // f_ii has x_i twice
                for (int c = 0; c < H; c += V.Count)
                {
                    V term = V.Load(g + c);
                    (V.Load(gx + c) + (self ? term + term : term)).Store(gx + c);
                }
            }
        }
        AddAtomEmbedding(first, end);
        Gemm<T, V>.Multiply(_gx.Pointer + (long)first * H, H, end - first, _net.CombineT, _gn.Pointer + (long)first * H, H);
    }

    /// <summary>Collects what reaches r and d of a pair: radial basis, envelopes, unit vectors; gives dE/d(r_j − r_i).</summary>
    private void PairGeometryReverse(int first, int end, ViSNetScratch<T> scratch)
    {
        end = Math.Min(end, _realPairs); // self pairs do not move
        int rows = end - first, basis = _net.B;
        if (rows <= 0)
            return;
        T* gEnvelopes = scratch.B.Ensure(rows);
        fixed (T* embedding = _net.NeighborEmbedding)
            for (int p = first; p < end; p++)
            {
                int i = _atomsOfPair.Pointer[2 * p], j = _atomsOfPair.Pointer[2 * p + 1];
                T* gi = _gn.Pointer + (long)i * H, gj = _gn.Pointer + (long)j * H;
                T* ei = embedding + _types[i] * H, ej = embedding + _types[j] * H;
                T* w = Radial + 2L * p * H;
                V envelope = V.Splat(_envelope.Pointer[p]), sum = V.Zero;
                for (int c = 0; c < H; c += V.Count)
                {
                    V g = V.MultiplyAdd(V.Load(gi + c), V.Load(ej + c), V.Load(gj + c) * V.Load(ei + c));
                    sum = V.MultiplyAdd(g, V.Load(w + c), sum);
                    (g * envelope).Store(w + c);
                }
                gEnvelopes[p - first] = V.Sum(sum) + _gEnvelope.Pointer[_edgesOfPair.Pointer[2 * p]]
                    + _gEnvelope.Pointer[_edgesOfPair.Pointer[2 * p + 1]];
            }

        T* gRbf = scratch.A.Ensure((long)rows * basis);
        Gemm<T, V>.Multiply(Radial + 2L * first * H, 2 * H, rows, _net.RadialT, gRbf, basis);
        T alpha = T.CreateTruncating(-5 / _net.Header.CutoffAngstrom);
        fixed (T* means = _net.RadialMeans, betas = _net.RadialBetas)
            for (int p = first; p < end; p++, gRbf += basis)
            {
                V u = V.Splat(_decay.Pointer[p]), rest = V.Splat(_decayRest.Pointer[p]), gEnvelope = V.Zero, gDecay = V.Zero;
                for (int k = 0; k < basis; k += V.Count)
                {
                    V du = u - V.Load(means + k) + rest, slope = V.Zero - V.Load(betas + k) * du;
                    V gauss = V.Load(gRbf + k) * SimdMath<T, V>.Exp(slope * du);
                    gEnvelope += gauss;
                    gDecay = V.MultiplyAdd(gauss, slope + slope, gDecay);
                }
                T gr = (gEnvelopes[p - first] + V.Sum(gEnvelope)) * _envelopeSlope.Pointer[p]
                    + V.Sum(gDecay) * _envelope.Pointer[p] * alpha * _decay.Pointer[p];
                StorePairGradient(p, gr);
            }
    }

    /// <summary>∂E/∂r · d + (∂E/∂d perpendicular to d)/r.</summary>
    private void StorePairGradient(int p, T gr)
    {
        T* ge = _gDirection.Pointer + 3L * _edgesOfPair.Pointer[2 * p];
        T* grev = _gDirection.Pointer + 3L * _edgesOfPair.Pointer[2 * p + 1];
        T x = ge[0] - grev[0], y = ge[1] - grev[1], z = ge[2] - grev[2];
        T ux = _ux.Pointer[p], uy = _uy.Pointer[p], uz = _uz.Pointer[p], inverse = _inverseDistance.Pointer[p];
        T radial = gr - (x * ux + y * uy + z * uz) * inverse;
        T* g = _gPair.Pointer + 3L * p;
        g[0] = radial * ux + x * inverse;
        g[1] = radial * uy + y * inverse;
        g[2] = radial * uz + z * inverse;
    }
}
