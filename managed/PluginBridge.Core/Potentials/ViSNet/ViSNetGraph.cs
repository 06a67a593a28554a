using System.Numerics;

namespace PluginBridge.Core.Potentials.ViSNet;

/// <summary>Buffers of one thread for the block it works on.</summary>
internal sealed class ViSNetScratch<T> : IDisposable
    where T : unmanaged
{
    public readonly NativeBuffer<T> A = new(), B = new(), C = new(), D = new(), E = new(), Rows = new();

    public void Dispose()
    {
        foreach (var buffer in (NativeBuffer<T>[])[A, B, C, D, E, Rows])
            buffer.Dispose();
    }
}

/// <summary>One molecule as the network sees it: pairs, directed edges sorted by target atom, and everything the reverse
/// pass needs again. The other parts of this class are the network's formulas, stage by stage.</summary>
/// <remarks>
/// Work is cut into stages, each stage into blocks of atoms, of edges of some atoms, or of pairs. A block writes only
/// what belongs to its own atoms, edges or pairs; so blocks of a stage may run on any threads in any order with the same
/// result to the last bit. Sums over an atom's edges as source run over the reverse edges of its own list. Nor does it matter
/// whether the reverse pass finds what it needs or, where memory is short, makes it again (ViSNetGraph.Memory.cs).
/// Inside, lengths are in ångström and energies in the network's unit.
/// </remarks>
internal sealed unsafe partial class ViSNetGraph<T, V> : IDisposable
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where V : unmanaged, ISimd<V, T>
{
    private const int NodeBlock = 32;
    private const int PairBlock = 96;
    private const int EdgeBlock = 128;
    private const double AngstromPerNanometre = 10;

    private readonly ViSNetNetwork<T, V> _net;
    private readonly AttentionHeads<T, V> _heads;
    private readonly NeighborList _neighbors = new();
    private readonly int _channels;
    private readonly bool _normVectors;
    private readonly List<INativeBuffer> _buffers = [];

    private int _atoms, _pairs, _realPairs, _edges, _edgeBlocks, _largestEdgeBlock;
    private int* _types;

    // graph
    private readonly NativeBuffer<int> _edgeStart, _lower, _source, _pairOfEdge, _reverse, _edgesOfPair, _atomsOfPair, _blockStart;

    // pairs: displacement, unit vector, C(r), C'(r), exp(−α r) and what rounding cut off it, 1/r; edges: unit vector and C(r)
    private readonly NativeBuffer<T> _dx, _dy, _dz, _ux, _uy, _uz, _envelope, _envelopeSlope, _decay, _decayRest, _inverseDistance, _geometry;

    // pairs: (Wd rbf + bd | We rbf + be); f of layers 0 and 1; SiLU of the pair products and its derivative
    private readonly NativeBuffer<T> _radial, _pairFeatures, _pairValue, _pairSlope;

    // atoms: scalars before layer 0 and now; sums of messages. edges: f
    private readonly NativeBuffer<T> _x0, _x, _messages, _vectorMessages, _edgeFeatures;
    private readonly LayerMemory[] _layers;
    private readonly NativeBuffer<double> _atomEnergy;

    // for weight gradients only: radial functions of pairs, neighbour sums n of atoms
    private readonly NativeBuffer<T> _radialBasis, _neighborSums;

    // gradients
    private readonly NativeBuffer<T> _gx, _gMessages, _gAttention, _gVectors, _gEdgeFeatures, _gPairProducts, _gPairFeatures, _edgeTerms, _gn,
        _gEnvelope, _gDirection, _gPair;
    private readonly NativeBuffer<T>[] _gv;
    private readonly NativeBuffer<double> _strain, _atomGradient;

    /// <summary>Channels, padded to whole registers.</summary>
    private int H { get; }

    public ViSNetGraph(ViSNetNetwork<T, V> net)
    {
        _net = net;
        H = net.H;
        _channels = net.Header.HiddenChannels;
        _normVectors = net.Header.VectorNorm > 0;
        _heads = new AttentionHeads<T, V>(net.Header.Heads, _channels);
        (_edgeStart, _lower, _source, _pairOfEdge) = (New<int>(), New<int>(), New<int>(), New<int>());
        (_reverse, _edgesOfPair, _atomsOfPair, _blockStart) = (New<int>(), New<int>(), New<int>(), New<int>());
        (_dx, _dy, _dz, _ux, _uy, _uz) = (New<T>(), New<T>(), New<T>(), New<T>(), New<T>(), New<T>());
        (_envelope, _envelopeSlope, _decay, _decayRest, _inverseDistance, _geometry) = (New<T>(), New<T>(), New<T>(), New<T>(), New<T>(), New<T>());
        (_radial, _pairFeatures, _pairValue, _pairSlope) = (New<T>(), New<T>(), New<T>(), New<T>());
        (_x0, _x, _messages, _edgeFeatures) = (New<T>(), New<T>(), New<T>(), New<T>());
        (_radialBasis, _neighborSums) = (New<T>(), New<T>());
        (_atomEnergy, _strain, _atomGradient) = (New<double>(), New<double>(), New<double>());
        (_gx, _gMessages, _gAttention, _gVectors) = (New<T>(), New<T>(), New<T>(), New<T>());
        (_gEdgeFeatures, _gPairProducts, _edgeTerms, _gn) = (New<T>(), New<T>(), New<T>(), New<T>());
        (_gEnvelope, _gDirection, _gPair, _gPairFeatures) = (New<T>(), New<T>(), New<T>(), New<T>());
        (_shared, _pairGradients, _attention, _vectors, _dot, _output) = (New<T>(), New<T>(), New<T>(), New<T>(), New<T>(), New<T>());
        _chunkMessageZ = New<T>();
        _gv = [New<T>(), New<T>()];
        _vectorMessages = _gv[0]; // of one pass, and of the other
        _layers = [.. Enumerable.Range(0, net.Header.Layers + 1).Select(_ => new LayerMemory(this))];
    }

    /// <summary>What one layer keeps for the reverse pass. The entry after the last layer holds only V and its scale.</summary>
    private sealed class LayerMemory(ViSNetGraph<T, V> graph)
    {
        /// <summary>Per atom: normalised scalars and 1/σ; q, k, v; vector features before the layer, and, if they are
        /// normalised, their norm's factor.</summary>
        public readonly NativeBuffer<T> Normalized = graph.New<T>(), InverseDeviation = graph.New<T>(),
            V = graph.New<T>(), VectorScale = graph.New<T>();

        public NativeBuffer<T> Attention => graph._lean ? graph._attention : _attention;

        /// <summary>Per atom and component: v1, v2, v3 (, target, source); per atom: v1·v2 and the outputs o.</summary>
        public NativeBuffer<T> Vectors => graph._lean ? graph._vectors : _vectors;

        public NativeBuffer<T> Dot => graph._lean ? graph._dot : _dot;

        public NativeBuffer<T> Output => graph._lean ? graph._output : _output;

        private readonly NativeBuffer<T> _attention = graph.New<T>(), _vectors = graph.New<T>(), _dot = graph.New<T>(),
            _output = graph.New<T>();

        /// <summary>Gives back what is kept in one of the two ways of working only (ViSNetGraph.Memory.cs).</summary>
        public void Free()
        {
            foreach (var buffer in (ReadOnlySpan<NativeBuffer<T>>)[_attention, _vectors, _dot, _output, MessageZ, EdgeZ, Sums, Messages, Features])
                buffer.Free();
        }

        /// <summary>Per edge: arguments of the SiLU in (s1,) s2 and in dk, dv (, f). The reverse pass overwrites the first.</summary>
        public readonly NativeBuffer<T> MessageZ = graph.New<T>(), EdgeZ = graph.New<T>();

        /// <summary>For weight gradients, or where memory is short. Per atom: Σ_j m_ij; per edge: m_ij (weight gradients), f.</summary>
        public readonly NativeBuffer<T> Sums = graph.New<T>(), Messages = graph.New<T>(), Features = graph.New<T>();
    }

    /// <summary>Row length of the gradients with respect to v1, v2, v3, target and source, in every layer.</summary>
    private int GradientWidth => 5 * H;

    /// <summary>Directed edges of the molecule at hand, self edges among them.</summary>
    public int Edges => _edges;

    public void Dispose()
    {
        _neighbors.Dispose();
        foreach (var buffer in _buffers)
            buffer.Dispose();
    }

    /// <summary>Takes a molecule: finds its pairs and lays out edges and buffers.</summary>
    /// <param name="types">Atom types; must stay valid during the evaluation.</param>
    /// <param name="atoms">Number of atoms.</param>
    /// <param name="positions">Positions, nm.</param>
    /// <param name="box">Periodic box.</param>
    /// <param name="cutoff">Cutoff, nm.</param>
    /// <param name="molecule">Index for messages.</param>
    public void Load(int* types, int atoms, double* positions, in PeriodicBox box, double cutoff, int molecule)
    {
        _types = types;
        _atoms = atoms;
        _neighbors.Build(positions, atoms, box, cutoff, molecule);
        _realPairs = _neighbors.Count;
        _pairs = _realPairs + atoms;
        _edges = 2 * _realPairs + atoms;
        EnsureGraph();
        BuildEdges();
        BuildBlocks();
        ChooseMemory();
        BuildChunks();
        BuildStages();
        LoadDisplacements();
        EnsureFeatures();
    }

    private NativeBuffer<U> New<U>()
        where U : unmanaged
    {
        var buffer = new NativeBuffer<U>();
        _buffers.Add(buffer);
        return buffer;
    }

    private void EnsureGraph()
    {
        _edgeStart.Ensure(_atoms + 1);
        _lower.Ensure(_atoms);
        _blockStart.Ensure(_atoms + 1);
        foreach (var perEdge in (ReadOnlySpan<NativeBuffer<int>>)[_source, _pairOfEdge, _reverse])
            perEdge.Ensure(_edges);
        _edgesOfPair.Ensure(2 * _pairs);
        _atomsOfPair.Ensure(2 * _pairs);
    }

    /// <summary>Edges of target i: sources below i, i itself, sources above i, each ascending.</summary>
    private void BuildEdges()
    {
        int* start = _neighbors.Start, second = _neighbors.Second;
        int* lower = _lower.Pointer, edgeStart = _edgeStart.Pointer;
        new Span<int>(lower, _atoms).Clear();
        for (int p = 0; p < _realPairs; p++)
            lower[second[p]]++;
        edgeStart[0] = 0;
        for (int i = 0; i < _atoms; i++)
            edgeStart[i + 1] = edgeStart[i] + lower[i] + 1 + (start[i + 1] - start[i]);
        // From here lower[i] is the place of the next source below i, which ends at the self edge.
        for (int i = 0; i < _atoms; i++)
            lower[i] = edgeStart[i];
        for (int i = 0; i < _atoms; i++)
        {
            int edge = lower[i];
            SetPair(_realPairs + i, i, i, edge, edge);
            for (int p = start[i]; p < start[i + 1]; p++)
                SetPair(p, i, second[p], ++edge, lower[second[p]]++);
        }
    }

    private void SetPair(int pair, int first, int second, int edge, int reverse)
    {
        (_atomsOfPair.Pointer[2 * pair], _atomsOfPair.Pointer[2 * pair + 1]) = (first, second);
        (_edgesOfPair.Pointer[2 * pair], _edgesOfPair.Pointer[2 * pair + 1]) = (edge, reverse);
        (_source.Pointer[edge], _source.Pointer[reverse]) = (second, first);
        (_pairOfEdge.Pointer[edge], _pairOfEdge.Pointer[reverse]) = (pair, pair);
        (_reverse.Pointer[edge], _reverse.Pointer[reverse]) = (reverse, edge);
    }

    /// <summary>Whole target atoms with at most <see cref="EdgeBlock"/> edges together, at least one.</summary>
    private void BuildBlocks()
    {
        int* start = _edgeStart.Pointer, block = _blockStart.Pointer;
        _edgeBlocks = 0;
        _largestEdgeBlock = 0;
        for (int i = 0; i < _atoms;)
        {
            block[_edgeBlocks++] = i;
            int end = i + 1;
            while (end < _atoms && start[end + 1] - start[i] <= EdgeBlock)
                end++;
            _largestEdgeBlock = Math.Max(_largestEdgeBlock, start[end] - start[i]);
            i = end;
        }
        block[_edgeBlocks] = _atoms;
    }

    private void LoadDisplacements()
    {
        // Registers run past the last pair.
        int padded = _pairs + V.Count;
        foreach (var perPair in (ReadOnlySpan<NativeBuffer<T>>)[_dx, _dy, _dz, _ux, _uy, _uz, _envelope, _envelopeSlope,
                     _decay, _decayRest, _inverseDistance])
            perPair.Ensure(padded);
        double* d = _neighbors.Displacement;
        for (int p = 0; p < _realPairs; p++)
        {
            _dx.Pointer[p] = T.CreateTruncating(AngstromPerNanometre * d[3 * p]);
            _dy.Pointer[p] = T.CreateTruncating(AngstromPerNanometre * d[3 * p + 1]);
            _dz.Pointer[p] = T.CreateTruncating(AngstromPerNanometre * d[3 * p + 2]);
        }
        for (int p = _realPairs; p < padded; p++)
            _dx.Pointer[p] = _dy.Pointer[p] = _dz.Pointer[p] = T.Zero;
    }
}
