namespace PluginBridge.Core.Potentials.ViSNet;

// What is kept between the passes. A molecule within the budget keeps all that the reverse pass needs. A larger one is
// 'lean': it keeps f of each layer, x, v and the sums of messages, and the reverse pass makes the rest again, block by
// block. What edges owe their sources and pairs then lives for a chunk of consecutive target atoms only. The first chunks
// keep the products of their edges as long as there is budget left. Sums have the same terms in the same order either way.
internal sealed unsafe partial class ViSNetGraph<T, V>
{
    /// <summary>Bytes that buffers may take if they can do with that.</summary>
    public const long DefaultMemoryBudget = 832L << 20;

    private bool _lean;
    private int[] _chunkBlock = new int[2];
    private int _chunks, _keptEdges;

    // Lean. Pairs, 3 H: radial projections until f is there, then f of layer 2, then pair products of the reverse pass.
    // Pairs, 3 H: pair products of the forward pass, then their gradients. Atoms: the layer at hand.
    private readonly NativeBuffer<T> _shared, _pairGradients, _attention, _vectors, _dot, _output, _chunkMessageZ;

    /// <summary>Bytes that buffers may take if they can do with that.</summary>
    public long MemoryBudget { get; init; } = DefaultMemoryBudget;

    /// <summary>Whether the molecule at hand is too large to keep everything.</summary>
    public bool Lean => _lean;

    /// <summary>Share of the edges whose products are kept.</summary>
    public double KeptShare => _lean ? (double)_keptEdges / _edges : 1;

    /// <summary>Bytes in buffers.</summary>
    public long Bytes => _buffers.Sum(buffer => buffer.Bytes);

    private T* Radial => _lean ? _shared.Pointer : _radial.Pointer;

    /// <summary>Gradient with respect to f of edges. Where memory is short it takes the place of the last layer's f, whose blocks
    /// are through with it when they write; if that is layer 2's, its place is taken.</summary>
    private T* EdgeGradient => _lean && _net.Layers.Length > 3 ? _layers[_net.Layers.Length - 1].Features.Pointer : _gEdgeFeatures.Pointer;

    /// <summary>Row length of a layer's v1, v2, v3 (, target, source). Where memory is short all layers share the rows, and they are of
    /// one length: an atom's row of the next layer must not lie in those that other blocks have yet to read.</summary>
    private int VectorWidth(ViSNetNetwork<T, V>.Layer layer) => _lean ? GradientWidth : layer.VectorBlocks * H;

    private int ChunkAtom(int chunk) => _blockStart.Pointer[_chunkBlock[chunk]];

    private int ChunkEdge(int chunk) => _edgeStart.Pointer[ChunkAtom(chunk)];

    /// <summary>Of a chunk's edges: arguments of (s1,) s2, later s1 and the gradient of v_j; element 0 of the molecule's array.</summary>
    private T* MessageTerms(int l, int chunk) => Keeps(ChunkEdge(chunk)) ? _layers[l].MessageZ.Pointer
        : _chunkMessageZ.Pointer - (long)ChunkEdge(chunk) * _net.Layers[l].MessageBlocks * H;

    /// <summary>Whether the block of edges that begins with this one keeps its products for the reverse pass.</summary>
    private bool Keeps(int edge) => !_lean || edge < _keptEdges;

    /// <summary>Of a chunk's edges: gradients of k_j and w1·w2; likewise.</summary>
    private T* SourceTerms(int chunk) => _edgeTerms.Pointer - 2L * ChunkEdge(chunk) * H;

    /// <summary>Bytes of lists and of what has no channels.</summary>
    private long BytesOfGraph() => _edges * (8L * sizeof(T) + 3L * sizeof(int)) + _pairs * (14L * sizeof(T) + 4L * sizeof(int));

    private long BytesToKeepAll()
    {
        long atom = 33, edge = 5 + (_net.Layers.Length > 2 ? 2 : 0) + ProductBlocks(), pair = 4 + 2 * _net.PairColumns / H;
        foreach (var layer in _net.Layers)
            atom += 11 + layer.OutputBlocks + 3 * layer.VectorBlocks;
        return BytesOfGraph() + (_atoms * atom + _edges * edge + _pairs * pair) * H * sizeof(T);
    }

    /// <summary>Bytes if no products of edges are kept, without what lives for a chunk.</summary>
    private long BytesIfLean()
    {
        int layers = _net.Layers.Length;
        long edge = Math.Max(0, layers - 3) + (layers == 3 ? 1 : 0);
        return BytesOfGraph() + (_atoms * (55L + 5 * layers) + _edges * edge + 7L * _pairs) * H * sizeof(T);
    }

    /// <summary>Products of an edge in all layers, in units of H.</summary>
    private int ProductBlocks()
    {
        int blocks = 0;
        foreach (var layer in _net.Layers)
            blocks += layer.MessageBlocks + (layer.PairFeatures ? 0 : layer.EdgeBlocks);
        return blocks;
    }

    /// <summary>Decides what is kept. A molecule around the border stays lean: buffers are not to come and go.</summary>
    private void ChooseMemory()
    {
        bool lean = !Training && BytesToKeepAll() > (_lean ? MemoryBudget - MemoryBudget / 10 : MemoryBudget);
        if (lean == _lean)
            return;
        FreeFeatures();
        _lean = lean;
    }

    /// <summary>Gives back the large buffers that one of the two ways of working has and the other has not.</summary>
    private void FreeFeatures()
    {
        foreach (var buffer in (ReadOnlySpan<NativeBuffer<T>>)[_radial, _pairValue, _pairSlope, _edgeFeatures, _gEdgeFeatures,
                     _gPairProducts, _gPairFeatures, _edgeTerms, _shared, _pairGradients, _attention, _vectors, _dot, _output,
                     _chunkMessageZ])
            buffer.Free();
        foreach (var layer in _layers)
            layer.Free();
    }

    /// <summary>Consecutive edge blocks whose terms take a 32nd of the budget, at least one block; all of them if all is kept.</summary>
    private void BuildChunks()
    {
        long limit = _lean ? MemoryBudget / 32 / (7L * H * sizeof(T)) : long.MaxValue;
        _chunks = 0;
        for (int block = 0; block < _edgeBlocks;)
        {
            if (_chunks + 1 >= _chunkBlock.Length)
                Array.Resize(ref _chunkBlock, 2 * _chunkBlock.Length);
            _chunkBlock[_chunks++] = block;
            int begin = _edgeStart.Pointer[_blockStart.Pointer[block]];
            do
                block++;
            while (block < _edgeBlocks && _edgeStart.Pointer[_blockStart.Pointer[block + 1]] - begin <= limit);
        }
        _chunkBlock[_chunks] = _edgeBlocks;
        KeepChunks();
    }

    /// <summary>Which chunks keep their products: as many as the budget has room for.</summary>
    private void KeepChunks()
    {
        int kept = _keptEdges = 0;
        // Buffers grow by a fiftieth more than they need.
        long room = MemoryBudget - MemoryBudget / 32 - BytesIfLean() * 51 / 50, edges = room / ((long)ProductBlocks() * H * sizeof(T)) * 50 / 51;
        while (_lean && kept < _chunks && ChunkEdge(kept + 1) <= edges)
            _keptEdges = ChunkEdge(++kept);
    }

    private int LargestChunk()
    {
        int largest = 0;
        for (int chunk = 0; chunk < _chunks; chunk++)
            largest = Math.Max(largest, ChunkEdge(chunk + 1) - ChunkEdge(chunk));
        return largest;
    }

    private void EnsureFeatures()
    {
        long n = _atoms, p = _pairs, e = _edges, h = H;
        int last = _net.Header.Layers - 1;
        _geometry.Ensure(4 * e);
        _pairFeatures.Ensure(p * h);
        foreach (var scalar in (ReadOnlySpan<NativeBuffer<T>>)[_x0, _x, _messages, _gx, _gMessages, _gn])
            scalar.Ensure(n * h);
        foreach (var vector in (ReadOnlySpan<NativeBuffer<T>>)[_gv[0], _gv[1]])
            vector.Ensure(3 * n * h);
        _atomEnergy.Ensure(n);
        _atomGradient.Ensure(3 * n);
        _gAttention.Ensure(3 * n * h);
        _gVectors.Ensure(15 * n * h);
        _gPair.Ensure(3 * p);
        _gEnvelope.Ensure(e);
        _gDirection.Ensure(3 * e);
        _strain.Ensure(9L * NodeBlocks);
        for (int l = 0; l <= last; l++)
        {
            var layer = _net.Layers[l];
            var memory = _layers[l];
            memory.Normalized.Ensure(n * h);
            memory.InverseDeviation.Ensure(n);
            memory.Attention.Ensure(3 * n * h);
            memory.Output.Ensure(n * h * (_lean ? 3 : layer.OutputBlocks));
            _layers[l + 1].V.Ensure(3 * n * h);
            if (_normVectors)
                _layers[l + 1].VectorScale.Ensure(n);
            if (!layer.First)
            {
                memory.Vectors.Ensure(3 * n * VectorWidth(layer));
                memory.Dot.Ensure(n * h);
            }
        }
        if (_lean)
            EnsureLean();
        else
            EnsureAll();
        if (Training)
            EnsureWeightInputs();
    }

    private void EnsureAll()
    {
        long p = _pairs, e = _edges, h = H;
        _radial.Ensure(2 * p * h);
        _pairValue.Ensure(p * _net.PairColumns);
        _pairSlope.Ensure(p * _net.PairColumns);
        _gPairProducts.Ensure(3 * e * h);
        _gPairFeatures.Ensure(p * h);
        _edgeTerms.Ensure(2 * e * h);
        if (_net.Layers.Length > 2)
        {
            _edgeFeatures.Ensure(e * h);
            _gEdgeFeatures.Ensure(e * h);
        }
        for (int l = 0; l < _net.Layers.Length; l++)
            EnsureProducts(l, e);
    }

    private void EnsureProducts(int l, long edges)
    {
        var layer = _net.Layers[l];
        _layers[l].MessageZ.Ensure(edges * H * layer.MessageBlocks);
        if (!layer.PairFeatures)
            _layers[l].EdgeZ.Ensure(edges * H * layer.EdgeBlocks);
    }

    private void EnsureLean()
    {
        long chunk = LargestChunk(), h = H;
        _shared.Ensure(3L * _pairs * h);
        _pairGradients.Ensure(3L * _pairs * h);
        _gPairProducts.Ensure(3 * chunk * h);
        _edgeTerms.Ensure(2 * chunk * h);
        _chunkMessageZ.Ensure(2 * chunk * h);
        for (int l = 0; l < _net.Layers.Length; l++)
        {
            EnsureProducts(l, _keptEdges);
            _layers[l].Sums.Ensure((long)_atoms * h);
            if (l > 2)
                _layers[l].Features.Ensure((long)_edges * h);
        }
        if (_net.Layers.Length == 3)
            _gEdgeFeatures.Ensure((long)_edges * h);
    }
}
