using System.Numerics;

namespace PluginBridge.Core.Potentials.ViSNet.Training;

/// <summary>What a <see cref="ViSNetTrainer"/> does at one precision and register width. Arguments have been checked.</summary>
internal interface ITrainingEngine : IDisposable
{
    /// <summary>Takes new weights (and a zero).</summary>
    void SetWeights(ReadOnlySpan<float> weights);

    /// <summary>Energies, gradients with respect to positions and Σ_f seed_f dE_f/dθ; what is empty is not wanted.</summary>
    void Evaluate(in FrameBatch batch, Span<double> energies, Span<double> gradients, ReadOnlySpan<double> seeds,
        ReadOnlySpan<float> weights, Span<double> weightGradient);
}

/// <inheritdoc cref="ITrainingEngine"/>
/// <remarks>Frames are dealt to lanes, largest first, each to the lane with the least work so far; a lane has its own buffers
/// and its own sum of weight gradients. So which numbers are added in which order depends on the batch and the number of
/// lanes alone, not on which thread runs a lane.</remarks>
internal sealed unsafe class TrainingEngine<T, V> : ITrainingEngine
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where V : unmanaged, ISimd<V, T>
{
    private readonly ViSNetNetwork<T, V> _net;
    private readonly WeightMap<T, V> _map;
    private readonly WorkerPool _pool;
    private readonly Lane[] _lanes;
    private readonly Action<int, int> _run;
    private readonly double _cutoff, _energyFactor;
    private readonly double[] _flat, _atomRows;
    private readonly NativeBuffer<int> _types = new();

    // The call at hand: frames in the order in which they are dealt, and for each its lane and its first atom.
    private int[] _order = [], _lane = [], _firstAtom = [];
    private long[] _work = [];
    private int _frames;
    private bool _wantsWeights;
    private double* _positions, _energies, _gradients, _seeds;

    public TrainingEngine(ViSNetWeights weights, int threads)
    {
        _net = new ViSNetNetwork<T, V>(weights, out _map);
        _cutoff = _net.Header.CutoffAngstrom * Units.NanometrePerAngstrom;
        _energyFactor = _net.Header.EnergyUnit * _net.Header.EnergyScale;
        _flat = new double[_map.Parameters.Count + 1];
        _atomRows = new double[_net.AtomEmbedding.Length];
        _lanes = [.. Enumerable.Range(0, threads).Select(_ => new Lane(_net))];
        _pool = new WorkerPool(threads);
        _run = (lane, _) => RunLane(lane);
    }

    /// <summary>Buffers of frames that run one after the other.</summary>
    private sealed class Lane(ViSNetNetwork<T, V> net) : IDisposable
    {
        public readonly ViSNetGraph<T, V> Graph = new(net);
        public readonly ViSNetScratch<T> Scratch = new();
        public readonly NativeBuffer<T> Sums = new();
        public long Work;

        public void Dispose()
        {
            Graph.Dispose();
            Scratch.Dispose();
            Sums.Dispose();
        }
    }

    public void SetWeights(ReadOnlySpan<float> weights) => _net.SetWeights(_map, weights);

    public void Evaluate(in FrameBatch batch, Span<double> energies, Span<double> gradients, ReadOnlySpan<double> seeds,
        ReadOnlySpan<float> weights, Span<double> weightGradient)
    {
        Load(batch);
        fixed (double* r = batch.Positions, e = energies, g = gradients, s = seeds)
        {
            _positions = r;
            _energies = e;
            _gradients = g;
            _seeds = s;
            _wantsWeights = !weightGradient.IsEmpty;
            _pool.Run(_lanes.Length, _run);
        }
        for (int f = 0; f < energies.Length; f++)
            energies[f] += ReferenceEnergy(f, batch.Charges.IsEmpty ? 0 : batch.Charges[f]);
        if (_wantsWeights)
            Collect(weights, weightGradient);
        // Buffers free themselves when unreachable; keep them until the last pointer is out of use.
        GC.KeepAlive(this);
    }

    public void Dispose()
    {
        _pool.Dispose();
        foreach (var lane in _lanes)
            lane.Dispose();
        _types.Dispose();
    }

    /// <summary>Looks up atom types and deals the frames.</summary>
    private void Load(in FrameBatch batch)
    {
        _frames = batch.Frames;
        if (_order.Length < _frames)
            (_order, _lane, _firstAtom, _work) = (new int[_frames], new int[_frames], new int[_frames + 1], new long[_frames]);
        int* types = _types.Ensure(batch.AtomicNumbers.Length);
        for (int f = 0; f < _frames; f++)
        {
            _firstAtom[f + 1] = _firstAtom[f] + batch.AtomCounts[f];
            for (int a = _firstAtom[f]; a < _firstAtom[f + 1]; a++)
                types[a] = TypeOf(batch.AtomicNumbers[a], a - _firstAtom[f], f);
            // Largest first, among equals the earlier.
            (_order[f], _work[f]) = (f, -((long)batch.AtomCounts[f] << 32) + f);
        }
        Array.Sort(_work, _order, 0, _frames);
        foreach (var lane in _lanes)
            lane.Work = 0;
        for (int k = 0; k < _frames; k++)
        {
            int least = 0;
            for (int lane = 1; lane < _lanes.Length; lane++)
                if (_lanes[lane].Work < _lanes[least].Work)
                    least = lane;
            _lane[k] = least;
            _lanes[least].Work += batch.AtomCounts[_order[k]];
        }
    }

    private int TypeOf(int atomicNumber, int atom, int frame)
    {
        int type = Array.IndexOf(_net.Header.Elements, atomicNumber);
        return type >= 0 ? type : throw new PluginBridgeException(ErrorCode.Unsupported,
            $"Atom {atom} of frame {frame} is {Chemistry.Elements.Symbol(atomicNumber)}; model '{_net.Header.Name}' "
            + $"knows {string.Join(", ", _net.Header.Elements.Select(Chemistry.Elements.Symbol))}.");
    }

    private double ReferenceEnergy(int frame, int charge)
    {
        double energy = _net.Header.ReferenceCharge * charge;
        for (int a = _firstAtom[frame]; a < _firstAtom[frame + 1]; a++)
            energy += _net.Header.ReferenceEnergies[_types.Pointer[a]];
        return _net.Header.EnergyUnit * energy;
    }

    private void RunLane(int number)
    {
        var lane = _lanes[number];
        var graph = lane.Graph;
        T* sums = null;
        if (_wantsWeights)
        {
            sums = lane.Sums.Ensure(_map.GradientLength);
            new Span<T>(sums, _map.GradientLength).Clear();
        }
        for (int k = 0; k < _frames; k++)
        {
            if (_lane[k] != number)
                continue;
            int frame = _order[k];
            T seed = sums != null ? T.CreateTruncating(_seeds[frame]) : T.Zero;
            bool seeded = seed != T.Zero; // else the frame has no part in the sums
            graph.SumWeightGradients(seeded ? sums : null, seeded ? seed : T.One);
            double energy = Run(lane, frame, seeded || _gradients != null);
            if (_energies != null)
                _energies[frame] = _energyFactor * energy;
            if (_gradients != null)
                graph.Gradients(_energyFactor / Units.NanometrePerAngstrom / (seeded ? double.CreateTruncating(seed) : 1),
                    _gradients + 3L * _firstAtom[frame]);
        }
    }

    /// <summary>Runs the stages of a frame; returns the network's energy.</summary>
    private double Run(Lane lane, int frame, bool gradients)
    {
        var graph = lane.Graph;
        graph.Load(_types.Pointer + _firstAtom[frame], _firstAtom[frame + 1] - _firstAtom[frame], _positions + 3L * _firstAtom[frame],
            PeriodicBox.Create(default, _cutoff), _cutoff, frame);
        int stages = gradients ? graph.Stages.Count : graph.EnergyStages;
        for (int s = 0; s < stages; s++)
        {
            int blocks = graph.Blocks(graph.Stages[s]);
            for (int b = 0; b < blocks; b++)
                graph.Run(graph.Stages[s], b, lane.Scratch);
        }
        double energy = graph.Energy();
        return double.IsFinite(energy) ? energy : throw new PluginBridgeException(ErrorCode.Calculation,
            $"The network's energy of frame {frame} is not finite: its geometry is far outside what the model knows, or the weights have diverged.")
        { Molecule = frame };
    }

    /// <summary>Adds the lanes' sums in their order and takes them to the weights.</summary>
    private void Collect(ReadOnlySpan<float> weights, Span<double> weightGradient)
    {
        T* sums = _lanes[0].Sums.Pointer;
        foreach (var lane in _lanes.AsSpan(1))
            if (lane.Work > 0)
                for (int i = 0; i < _map.GradientLength; i += V.Count)
                    (V.Load(sums + i) + V.Load(lane.Sums.Pointer + i)).Store(sums + i);
        Array.Clear(_flat);
        _map.Scatter(sums, _energyFactor, _flat);
        for (int i = 0; i < _atomRows.Length; i++)
            _atomRows[i] = _energyFactor * double.CreateTruncating(sums[_net.AtomGradient + i]);
        ElementEmbedding.Reverse(_map.Parameters, weights, _atomRows, _net.H, _flat);
        _flat.AsSpan(0, weightGradient.Length).CopyTo(weightGradient);
    }
}
