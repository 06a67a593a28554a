using System.Numerics;

namespace PluginBridge.Core.Potentials.ViSNet.Training;

/// <summary>What a <see cref="ViSNetTrainer"/> does at one precision and register width. Arguments have been checked.</summary>
internal interface ITrainingEngine : IDisposable
{
    /// <summary>Takes new weights (and a zero).</summary>
    void SetWeights(ReadOnlySpan<float> weights);

    void Energies(in FrameBatch batch, Span<double> energies, Span<double> gradients);

    void WeightGradient(in FrameBatch batch, ReadOnlySpan<double> seeds, ReadOnlySpan<float> weights, Span<double> gradient);
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
    private readonly nint[] _sums;
    private readonly Action<int, int> _runEnergies, _runWeights;
    private readonly double _cutoff, _energyFactor;
    private readonly double[] _flat, _atomRows;
    private readonly NativeBuffer<int> _types = new();

    // The call at hand: frames in the order in which they are dealt, and for each its lane and its first atom.
    private int[] _order = [], _lane = [], _firstAtom = [];
    private long[] _work = [];
    private int _frames;
    private double* _positions, _energies, _gradients, _seeds;

    public TrainingEngine(ViSNetWeights weights, int threads)
    {
        _net = new ViSNetNetwork<T, V>(weights, out _map);
        _cutoff = _net.Header.CutoffAngstrom * Units.NanometrePerAngstrom;
        _energyFactor = _net.Header.EnergyUnit * _net.Header.EnergyScale;
        _flat = new double[_map.Parameters.Count + 1];
        _atomRows = new double[_net.AtomEmbedding.Length];
        _lanes = [.. Enumerable.Range(0, threads).Select(_ => new Lane(_net))];
        _sums = new nint[threads];
        _pool = new WorkerPool(threads);
        _runEnergies = (lane, _) => RunEnergies(lane);
        _runWeights = (lane, _) => RunWeights(lane);
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

    public void Energies(in FrameBatch batch, Span<double> energies, Span<double> gradients)
    {
        Load(batch);
        fixed (double* r = batch.Positions, e = energies, g = gradients)
        {
            _positions = r;
            _energies = e;
            _gradients = g;
            _pool.Run(_lanes.Length, _runEnergies);
        }
        for (int f = 0; f < _frames; f++)
            energies[f] += ReferenceEnergy(f, batch.Charges.IsEmpty ? 0 : batch.Charges[f]);
        // Buffers free themselves when unreachable; keep them until the last pointer is out of use.
        GC.KeepAlive(this);
    }

    public void WeightGradient(in FrameBatch batch, ReadOnlySpan<double> seeds, ReadOnlySpan<float> weights, Span<double> gradient)
    {
        Load(batch);
        fixed (double* r = batch.Positions, s = seeds)
        {
            _positions = r;
            _seeds = s;
            _pool.Run(_lanes.Length, _runWeights);
        }
        int used = 0;
        foreach (var lane in _lanes)
            if (lane.Work > 0)
                _sums[used++] = (nint)lane.Sums.Pointer;
        Array.Clear(_flat);
        _map.Collect(_sums.AsSpan(0, used), _energyFactor, _flat);
        for (int i = 0; i < _atomRows.Length; i++)
            _atomRows[i] = _energyFactor * WeightMap<T, V>.Sum(_sums.AsSpan(0, used), _net.AtomGradient + i);
        ElementEmbedding.Reverse(_map.Parameters, weights, _atomRows, _net.H, _flat);
        _flat.AsSpan(0, gradient.Length).CopyTo(gradient);
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

    private void RunEnergies(int lane)
    {
        var graph = _lanes[lane].Graph;
        graph.SumWeightGradients(null, T.One);
        for (int k = 0; k < _frames; k++)
        {
            if (_lane[k] != lane)
                continue;
            int frame = _order[k];
            _energies[frame] = _energyFactor * Run(lane, frame, _gradients == null ? graph.EnergyStages : graph.Stages.Length);
            if (_gradients != null)
                graph.Gradients(_energyFactor / Units.NanometrePerAngstrom, _gradients + 3L * _firstAtom[frame]);
        }
    }

    private void RunWeights(int lane)
    {
        if (_lanes[lane].Work == 0)
            return;
        T* sums = _lanes[lane].Sums.Ensure(_map.GradientLength);
        new Span<T>(sums, _map.GradientLength).Clear();
        for (int k = 0; k < _frames; k++)
        {
            if (_lane[k] != lane)
                continue;
            _lanes[lane].Graph.SumWeightGradients(sums, T.CreateTruncating(_seeds[_order[k]]));
            Run(lane, _order[k], _lanes[lane].Graph.Stages.Length);
        }
    }

    /// <summary>Runs the stages of a frame; returns the network's energy.</summary>
    private double Run(int lane, int frame, int stages)
    {
        var graph = _lanes[lane].Graph;
        graph.Load(_types.Pointer + _firstAtom[frame], _firstAtom[frame + 1] - _firstAtom[frame], _positions + 3L * _firstAtom[frame],
            PeriodicBox.Create(default, _cutoff), _cutoff, frame);
        for (int s = 0; s < stages; s++)
        {
            int blocks = graph.Blocks(graph.Stages[s]);
            for (int b = 0; b < blocks; b++)
                graph.Run(graph.Stages[s], b, _lanes[lane].Scratch);
        }
        double energy = graph.Energy();
        return double.IsFinite(energy) ? energy : throw new PluginBridgeException(ErrorCode.Calculation,
            $"The network's energy of frame {frame} is not finite: its geometry is far outside what the model knows, or the weights have diverged.")
        { Molecule = frame };
    }
}
