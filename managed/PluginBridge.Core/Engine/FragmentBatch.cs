using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Fragmentation;
using PluginBridge.Core.Potentials;
using PluginBridge.Core.Potentials.Ensemble;

namespace PluginBridge.Core.Engine;

/// <summary>
/// The fragments as the molecules of one batch: gathers their positions with caps, evaluates, scatters the gradients.
/// One object a caller; allocates nothing.
/// </summary>
internal sealed class FragmentBatch : IDisposable
{
    private readonly Topology _topology;
    private readonly IReadOnlyList<Fragment> _fragments;
    private readonly int[][] _atoms;
    private readonly CapHydrogen[][] _caps;
    private readonly bool[] _takesPart;
    private readonly IMoleculeEvaluator _evaluator;
    private readonly double[] _positions;
    private readonly double[] _gradients;
    private readonly double[] _energies;
    private readonly double[] _strains;
    private readonly double[] _coefficients;
    private readonly bool[][]? _moved;
    private readonly double[] _shifts;
    private readonly bool[] _wanted;

    /// <summary>Prepares the evaluator and buffers.</summary>
    /// <param name="potential">The potential.</param>
    /// <param name="topology">The topology.</param>
    /// <param name="fragments">The fragments.</param>
    /// <param name="options">Of the evaluator.</param>
    /// <param name="second">For each fragment of a pair the atoms that may lie in another image; null: no pairs.</param>
    public FragmentBatch(IPotential potential, Topology topology, IReadOnlyList<Fragment> fragments, EvaluationOptions options,
        IReadOnlyList<IReadOnlySet<int>>? second = null)
    {
        _coefficients = [.. fragments.Select(f => f.Coefficient)];
        _wanted = [.. fragments.Select(_ => true)];
        _shifts = new double[3 * fragments.Count];
        _moved = second is null ? null : [.. fragments.Select((f, k) =>
            f.Atoms.Concat(f.Caps.Select(cap => cap.Anchor)).Select(second[k].Contains).ToArray())];
        _topology = topology;
        _fragments = fragments;
        _atoms = [.. fragments.Select(f => f.Atoms.ToArray())];
        _caps = [.. fragments.Select(f => f.Caps.ToArray())];
        _takesPart = new bool[topology.Atoms.Count];
        foreach (int atom in _atoms.SelectMany(atoms => atoms).Concat(_caps.SelectMany(caps => caps).Select(cap => cap.Replaced)))
            _takesPart[atom] = true;
        Molecule[] molecules = [.. fragments.Select(f => new Molecule(
            [.. f.Atoms.Select(a => topology.Atoms[a].AtomicNumber), .. f.Caps.Select(_ => 1)], f.Charge, f.UnpairedElectrons))];
        int slots = molecules.Sum(m => m.AtomicNumbers.Count);
        _positions = new double[3 * slots];
        _gradients = new double[3 * slots];
        _energies = new double[fragments.Count];
        _strains = new double[9 * fragments.Count];
        try
        {
            _evaluator = potential.CreateEvaluator(molecules, options);
        }
        catch (PluginBridgeException e) when (e.Molecule is { } m)
        {
            throw Named(m, e);
        }
    }

    /// <summary>Energies of the last evaluation, kJ/mol; anything where the coefficient is zero.</summary>
    public ReadOnlySpan<double> Energies => _energies;

    /// <summary>Changes a coefficient, and where the second atoms of a pair are; with a coefficient of zero the fragment is not
    /// evaluated.</summary>
    public void Set(int fragment, double coefficient, ReadOnlySpan<double> shift)
    {
        _coefficients[fragment] = coefficient;
        shift.CopyTo(_shifts.AsSpan(3 * fragment, 3));
    }

    /// <summary>Σ_f c_f E(f), kJ/mol; gradients are added.</summary>
    /// <param name="whole">Positions of the topology's atoms, molecules whole, nm.</param>
    /// <param name="box">Box vectors for an evaluator that takes minimum images itself, or empty.</param>
    /// <param name="accumulator">Receives gradients and strain gradient; null: energy only.</param>
    /// <param name="member">Of an ensemble the member; null: the potential itself, an ensemble's mean.</param>
    /// <exception cref="PluginBridgeException">The evaluation failed; the message names the fragment.</exception>
    public double AddGradients(ReadOnlySpan<double> whole, ReadOnlySpan<double> box, GradientAccumulator? accumulator, int? member = null)
    {
        Gather(whole);
        if (_moved is not null)
            Select();
        Span<double> gradients = accumulator is null ? [] : _gradients;
        Span<double> strains = accumulator is null || box.IsEmpty ? [] : _strains;
        try
        {
            if (member is { } index)
                ((EnsembleEvaluator)_evaluator).EvaluateMember(index, _positions, box, _energies, gradients, strains);
            else
                _evaluator.Evaluate(_positions, box, _energies, gradients, strains);
        }
        catch (PluginBridgeException e) when (e.Molecule is { } m)
        {
            throw Named(m, e);
        }

        double energy = 0;
        int slot = 0;
        for (int f = 0; f < _fragments.Count; f++)
        {
            int first = slot;
            slot += _atoms[f].Length + _caps[f].Length;
            if (_coefficients[f] == 0)
                continue;
            bool isEnergy = double.IsFinite(_energies[f]);
            if (!isEnergy || (accumulator is not null && !Finite.All(_gradients.AsSpan((3 * first)..(3 * slot)))))
                throw Named(f, new PluginBridgeException(ErrorCode.Calculation,
                    $"The {(isEnergy ? "gradient" : "energy")} is not finite: atoms overlap or lie far from any structure the potential knows."));
            energy += _coefficients[f] * _energies[f];
        }

        if (accumulator is not null)
            Scatter(whole, !box.IsEmpty, accumulator);
        return energy;
    }

    /// <summary>Whether an atom is part of, or moves a cap of, a fragment.</summary>
    public bool TakesPart(int atom) => _takesPart[atom];

    /// <inheritdoc/>
    public void Dispose() => _evaluator.Dispose();

    private void Select()
    {
        for (int f = 0; f < _wanted.Length; f++)
            _wanted[f] = _coefficients[f] != 0;
        _evaluator.Select(_wanted);
        // What is left out must not look like an overflow.
        Array.Clear(_gradients);
    }

    /// <summary>Positions relative to each fragment's first atom, so that single precision keeps its digits.</summary>
    private void Gather(ReadOnlySpan<double> whole)
    {
        int slot = 0;
        for (int f = 0; f < _fragments.Count; f++)
        {
            int[] atoms = _atoms[f];
            ReadOnlySpan<double> origin = whole.Slice(3 * atoms[0], 3);
            int first = slot;
            foreach (int atom in atoms)
                whole.Slice(3 * atom, 3).CopyTo(_positions.AsSpan(3 * slot++));
            foreach (ref readonly CapHydrogen cap in _caps[f].AsSpan())
            {
                Span<double> hydrogen = _positions.AsSpan(3 * slot++, 3);
                CapGeometry.Place(whole.Slice(3 * cap.Anchor, 3), whole.Slice(3 * cap.Replaced, 3), cap.BondLength, hydrogen);
                if (!double.IsFinite(hydrogen[0] + hydrogen[1] + hydrogen[2]))
                    throw new PluginBridgeException(ErrorCode.InvalidArgument,
                        $"{_topology.Describe(cap.Anchor)} and {_topology.Describe(cap.Replaced)}, which are bonded, lie on top of each other.");
            }

            for (int s = first; s < slot; s++)
            {
                bool isMoved = _moved is not null && _moved[f][s - first];
                for (int i = 0; i < 3; i++)
                    _positions[3 * s + i] += (isMoved ? _shifts[3 * f + i] : 0) - origin[i];
            }
        }
    }

    private void Scatter(ReadOnlySpan<double> whole, bool strainsGiven, GradientAccumulator accumulator)
    {
        int slot = 0;
        for (int f = 0; f < _fragments.Count; f++)
        {
            double c = _coefficients[f];
            if (c == 0)
            {
                slot += _atoms[f].Length + _caps[f].Length;
                continue;
            }

            if (_moved is not null)
                AddImageStrain(f, slot, c, accumulator);
            ReadOnlySpan<double> origin = strainsGiven ? [] : whole.Slice(3 * _atoms[f][0], 3);
            foreach (int atom in _atoms[f])
                accumulator.AddAtom(atom, c, _gradients.AsSpan(3 * slot++, 3), whole, origin);
            foreach (ref readonly CapHydrogen cap in _caps[f].AsSpan())
            {
                ReadOnlySpan<double> gradient = _gradients.AsSpan(3 * slot++, 3);
                accumulator.AddCap(cap, c, gradient, whole, origin);
                if (strainsGiven)
                    accumulator.CorrectStrain(cap, c, gradient, whole);
            }

            if (strainsGiven)
                accumulator.AddStrain(c, _strains.AsSpan(9 * f, 9));
        }
    }

    private void AddImageStrain(int f, int first, double coefficient, GradientAccumulator accumulator)
    {
        for (int s = 0; s < _moved![f].Length; s++)
            if (_moved[f][s])
                accumulator.AddImageStrain(coefficient, _gradients.AsSpan(3 * (first + s), 3), _shifts.AsSpan(3 * f, 3));
    }

    private PluginBridgeException Named(int molecule, PluginBridgeException e)
    {
        Fragment fragment = _fragments[molecule];
        string residues = fragment.Residues.Count switch
        {
            0 => "",
            <= 5 => $" ({string.Join(", ", fragment.Residues.Select(r => _topology.Residues[r]))})",
            _ => $" ({_topology.Residues[fragment.Residues[0]]} … {_topology.Residues[fragment.Residues[^1]]})",
        };
        string atoms = e.OverlappingAtoms is (int a, int b) ? $" These are {Describe(molecule, a)} and {Describe(molecule, b)}." : "";
        return new PluginBridgeException(e.Code, $"Fragment {fragment.Label}{residues}: {e.Message}{atoms}", e) { Molecule = molecule };
    }

    private string Describe(int fragment, int slot) => slot < _atoms[fragment].Length
        ? _topology.Describe(_atoms[fragment][slot])
        : $"the cap hydrogen at {_topology.Describe(_caps[fragment][slot - _atoms[fragment].Length].Anchor)}";
}
