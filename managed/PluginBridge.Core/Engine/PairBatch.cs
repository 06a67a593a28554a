using PluginBridge.Core.Fragmentation;
using PluginBridge.Core.Potentials;

namespace PluginBridge.Core.Engine;

/// <summary>
/// Σ_cells w · X, X = Σ κ E(f), with the gradient of the weights: w dX + X dw. One object a caller; its evaluator is made anew
/// when the list of cells changes, and leaves out those without weight.
/// </summary>
internal sealed class PairBatch : IDisposable
{
    private readonly FragmentedSystem _system;
    private readonly EvaluationOptions _options;
    private readonly PairContacts _contacts;
    private readonly PairBaseEnergy? _base;
    private FragmentBatch? _batch;
    private int[] _first = [];
    private bool _isBuilt;

    /// <summary>Prepares the list.</summary>
    public PairBatch(FragmentedSystem system, PairCells cells, EvaluationOptions options)
    {
        _system = system;
        _options = options;
        _contacts = new PairContacts(cells, system.PairRadii, system.Topology);
        _base = system.CreatePairBaseEnergy();
    }

    /// <summary>Weights of the listed cells.</summary>
    public IReadOnlyList<double> Weights => _contacts.Weights;

    /// <summary>Finds the cells in reach.</summary>
    /// <param name="whole">Positions, molecules whole, nm.</param>
    /// <param name="box">The box or none.</param>
    /// <param name="boxVectors">Its vectors; empty for none.</param>
    public void Update(ReadOnlySpan<double> whole, in PeriodicBox box, ReadOnlySpan<double> boxVectors)
    {
        _isBuilt &= !_contacts.Update(whole, box, boxVectors);
        if (!_isBuilt)
            Rebuild();
    }

    /// <summary>Energy of the potential's part, kJ/mol; gradients are added.</summary>
    /// <param name="whole">Positions that <see cref="Update"/> has seen.</param>
    /// <param name="accumulator">Receives gradients and strain gradient; null: energy only.</param>
    /// <param name="member">Of an ensemble the member; null: the potential itself.</param>
    public double AddGradients(ReadOnlySpan<double> whole, GradientAccumulator? accumulator, int? member = null)
    {
        if (_contacts.Listed.Length == 0)
            return 0;
        bool isNeeded = false;
        for (int k = 0; k < _contacts.Listed.Length; k++)
        {
            isNeeded |= _contacts.Weights[k] > 0;
            IReadOnlyList<Fragment> fragments = _contacts.Listed[k].Cell.Fragments;
            for (int f = 0; f < fragments.Count; f++)
                _batch!.Set(_first[k] + f, _contacts.Weights[k] * fragments[f].Coefficient, _contacts.Shifts.AsSpan(3 * k, 3));
        }

        if (!isNeeded)
            return 0;
        double energy = _batch!.AddGradients(whole, [], accumulator, member);
        for (int k = 0; k < _contacts.Listed.Length && accumulator is not null; k++)
            if (_contacts.Weights[k] > 0)
                _contacts.AddWeightGradient(k, CellEnergy(k), whole, accumulator);
        return energy;
    }

    /// <summary>Energy of the force-field part, −Σ_cells w Σ u_pq, kJ/mol; gradients are added.</summary>
    public double AddBaseGradients(ReadOnlySpan<double> whole, GradientAccumulator accumulator) =>
        _base?.AddGradients(_contacts, whole, accumulator) ?? 0;

    /// <inheritdoc/>
    public void Dispose() => _batch?.Dispose();

    private double CellEnergy(int k)
    {
        double energy = 0;
        IReadOnlyList<Fragment> fragments = _contacts.Listed[k].Cell.Fragments;
        for (int f = 0; f < fragments.Count; f++)
            energy += fragments[f].Coefficient * _batch!.Energies[_first[k] + f];
        return energy;
    }

    private void Rebuild()
    {
        _batch?.Dispose();
        _batch = null;
        var fragments = new List<Fragment>();
        var moved = new List<IReadOnlySet<int>>();
        _first = new int[_contacts.Listed.Length];
        for (int k = 0; k < _first.Length; k++)
        {
            PairCell cell = _contacts.Listed[k].Cell;
            _first[k] = fragments.Count;
            fragments.AddRange(cell.Fragments);
            moved.AddRange(cell.Fragments.Select(_ => cell.SecondAtoms));
        }

        if (fragments.Count > 0)
            _batch = new FragmentBatch(_system.Potential, _system.Topology, fragments, _options, moved);
        _isBuilt = true;
    }
}
