using System.Numerics;

namespace PluginBridge.Core.Potentials.ViSNet;

/// <summary>Evaluates a ViSNet for a fixed list of molecules. Small molecules are shared out among the threads whole; the
/// stages of a large one are.</summary>
internal sealed unsafe class ViSNetEvaluator<T, V> : IMoleculeEvaluator
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where V : unmanaged, ISimd<V, T>
{
    /// <summary>Molecules of fewer atoms are not worth cutting up.</summary>
    private const int LargeMolecule = 64;

    private readonly ViSNetNetwork<T, V> _net;
    private readonly WorkerPool _pool;
    private readonly ViSNetGraph<T, V>[] _graphs;
    private readonly ViSNetScratch<T>[] _scratch;
    private readonly NativeBuffer<int> _types = new();
    private readonly int[] _firstAtom;
    private readonly double[] _reference;
    private readonly int[] _small, _large;
    private readonly bool[] _wanted;
    private readonly double _cutoff, _energyFactor;
    private readonly Action<int, int> _runSmall, _runBlock;
    private bool _disposed;

    // The evaluation at hand.
    private PeriodicBox _box;
    private double* _positions, _energies, _gradients, _strains;
    private ViSNetStage _stage;

    public ViSNetEvaluator(ViSNetNetwork<T, V> net, IReadOnlyList<Molecule> molecules, int threads,
        long memoryBudget = ViSNetGraph<T, V>.DefaultMemoryBudget)
    {
        _net = net;
        var header = net.Header;
        _cutoff = header.CutoffAngstrom * Units.NanometrePerAngstrom;
        _energyFactor = header.EnergyUnit * header.EnergyScale;
        _firstAtom = new int[molecules.Count + 1];
        _reference = new double[molecules.Count];
        for (int m = 0; m < molecules.Count; m++)
            _firstAtom[m + 1] = _firstAtom[m] + molecules[m].AtomicNumbers.Count;
        int* types = _types.Ensure(_firstAtom[^1]);
        for (int m = 0; m < molecules.Count; m++)
        {
            _reference[m] = header.ReferenceCharge * molecules[m].Charge;
            for (int a = 0; a < molecules[m].AtomicNumbers.Count; a++)
            {
                int type = Array.IndexOf(header.Elements, molecules[m].AtomicNumbers[a]);
                types[_firstAtom[m] + a] = type;
                _reference[m] += header.ReferenceEnergies[type];
            }
            _reference[m] *= header.EnergyUnit;
        }
        bool IsLarge(int m) => threads > 1 && molecules[m].AtomicNumbers.Count >= LargeMolecule;
        var all = Enumerable.Range(0, molecules.Count).ToArray();
        _large = [.. all.Where(IsLarge)];
        // Largest first, for an even load.
        _small = [.. all.Where(m => !IsLarge(m)).OrderByDescending(m => molecules[m].AtomicNumbers.Count)];

        _wanted = [.. all.Select(_ => true)];
        int graphs = Math.Max(1, Math.Min(threads, _small.Length));
        _pool = new WorkerPool(_large.Length > 0 ? threads : graphs);
        _graphs = [.. Enumerable.Range(0, graphs).Select(_ => new ViSNetGraph<T, V>(net) { MemoryBudget = memoryBudget })];
        _scratch = [.. Enumerable.Range(0, _pool.Workers).Select(_ => new ViSNetScratch<T>())];
        _runSmall = RunSmall;
        _runBlock = RunBlock;
    }

    public void Select(ReadOnlySpan<bool> wanted)
    {
        CheckLength(wanted.Length, _wanted.Length, "selected molecules");
        wanted.CopyTo(_wanted);
    }

    public void Evaluate(ReadOnlySpan<double> positions, ReadOnlySpan<double> box, Span<double> energies,
        Span<double> gradients, Span<double> strainGradients)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        int molecules = _reference.Length;
        CheckLength(positions.Length, 3 * _firstAtom[^1], "positions");
        CheckLength(energies.Length, molecules, "energies");
        if (!gradients.IsEmpty)
            CheckLength(gradients.Length, 3 * _firstAtom[^1], "gradients");
        if (!strainGradients.IsEmpty)
            CheckLength(strainGradients.Length, 9 * molecules, "strainGradients");
        _box = PeriodicBox.Create(box, _cutoff);
        fixed (double* r = positions, e = energies, g = gradients, s = strainGradients)
        {
            _positions = r;
            _energies = e;
            _gradients = g;
            _strains = s;
            _pool.Run(_small.Length, _runSmall);
            foreach (int molecule in _large)
                if (_wanted[molecule])
                    RunLarge(molecule);
        }
        // Buffers free themselves when unreachable; keep them until the last pointer is out of use.
        GC.KeepAlive(this);
    }

    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        _pool.Dispose();
        foreach (var graph in _graphs)
            graph.Dispose();
        foreach (var scratch in _scratch)
            scratch.Dispose();
        _types.Dispose();
    }

    private static void CheckLength(int actual, int expected, string name)
    {
        if (actual != expected)
            throw new PluginBridgeException(ErrorCode.InvalidArgument,
                $"The array of {name} has {actual} numbers; the molecules need {expected}.");
    }

    /// <summary>Whether the last molecule was too large for the memory budget to keep everything for the reverse pass.</summary>
    public bool Lean => _graphs[0].Lean;

    /// <summary>Of the last molecule: share of the edges whose products were kept for the reverse pass.</summary>
    public double KeptShare => _graphs[0].KeptShare;

    /// <summary>Bytes in buffers of molecules.</summary>
    public long Bytes => _graphs.Sum(graph => graph.Bytes);

    private bool WantsGradient => _gradients != null || _strains != null;

    private int StageCount(ViSNetGraph<T, V> graph) => WantsGradient ? graph.Stages.Count : graph.EnergyStages;

    private void RunSmall(int item, int worker)
    {
        var graph = _graphs[worker];
        int molecule = _small[item];
        if (!_wanted[molecule])
            return;
        Load(graph, molecule);
        int stages = StageCount(graph);
        for (int s = 0; s < stages; s++)
        {
            int blocks = graph.Blocks(graph.Stages[s]);
            for (int b = 0; b < blocks; b++)
                graph.Run(graph.Stages[s], b, _scratch[worker]);
        }
        Finish(graph, molecule);
    }

    private void RunLarge(int molecule)
    {
        var graph = _graphs[0];
        Load(graph, molecule);
        int stages = StageCount(graph);
        for (int s = 0; s < stages; s++)
        {
            _stage = graph.Stages[s];
            _pool.Run(graph.Blocks(_stage), _runBlock);
        }
        Finish(graph, molecule);
    }

    private void RunBlock(int block, int worker) => _graphs[0].Run(_stage, block, _scratch[worker]);

    private void Load(ViSNetGraph<T, V> graph, int molecule) =>
        graph.Load(_types.Pointer + _firstAtom[molecule], _firstAtom[molecule + 1] - _firstAtom[molecule],
            _positions + 3L * _firstAtom[molecule], _box, _cutoff, molecule);

    private void Finish(ViSNetGraph<T, V> graph, int molecule)
    {
        double energy = _energyFactor * graph.Energy() + _reference[molecule];
        if (!double.IsFinite(energy))
            throw new PluginBridgeException(ErrorCode.Calculation,
                $"The network's energy of molecule {molecule} is not finite; its geometry is far outside what the model knows.")
            { Molecule = molecule };
        _energies[molecule] = energy;
        if (_gradients != null)
            graph.Gradients(_energyFactor / Units.NanometrePerAngstrom, _gradients + 3L * _firstAtom[molecule]);
        if (_strains != null)
            graph.StrainGradient(_energyFactor, _strains + 9L * molecule);
    }
}
