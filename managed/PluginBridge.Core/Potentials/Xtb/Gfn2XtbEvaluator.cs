namespace PluginBridge.Core.Potentials.Xtb;

/// <summary>GFN2-xTB energies and gradients of a fixed list of molecules, each in a generic rotation
/// (<see cref="GenericRotation"/>).</summary>
internal sealed class Gfn2XtbEvaluator : IMoleculeEvaluator
{
    /// <summary>Atoms from which several OpenMP threads pay; below, they wait for each other (for seconds, where other programs
    /// want the processors too: libgomp's threads spin).</summary>
    private const int ThreadedFrom = 64;

    private readonly XtbLibrary _library;
    private readonly IReadOnlyList<Molecule> _molecules;
    private readonly int _threads;
    private readonly int[] _first;              // first coordinate of each molecule, and the end
    private readonly XtbMolecule?[] _calculations;
    private readonly double[] _rotated;         // bohr
    private readonly double[] _rotatedGradient; // hartree/bohr
    private readonly double[] _gradient;        // kJ/mol/nm
    private readonly double[] _energies;        // hartree
    private readonly string?[] _failures;
    private readonly bool[] _wanted;
    private readonly int _largest;
    private readonly Action _calculate;
    private bool _disposed;

    /// <summary>Allocates, and checks libxtb's parameters.</summary>
    public Gfn2XtbEvaluator(XtbLibrary library, IReadOnlyList<Molecule> molecules, int threads)
    {
        _library = library;
        _molecules = molecules;
        _first = new int[molecules.Count + 1];
        for (int m = 0; m < molecules.Count; m++)
        {
            _first[m + 1] = _first[m] + 3 * molecules[m].AtomicNumbers.Count;
            _largest = Math.Max(_largest, molecules[m].AtomicNumbers.Count);
        }
        _threads = _largest < ThreadedFrom ? 1 : threads;
        _calculations = new XtbMolecule?[molecules.Count];
        _rotated = new double[_first[^1]];
        _rotatedGradient = new double[_first[^1]];
        _gradient = new double[_first[^1]];
        _energies = new double[molecules.Count];
        _failures = new string?[molecules.Count];
        _wanted = [.. molecules.Select(_ => true)];
        _calculate = () => _library.Threads.Run(_threads, XtbStack.RequiredBytes(_largest), CalculateAll);
        XtbStack.Run(() => XtbParameterCheck.Run(library), 1);
    }

    /// <inheritdoc/>
    public void Select(ReadOnlySpan<bool> wanted)
    {
        CheckLength(nameof(wanted), wanted.Length, _molecules.Count);
        wanted.CopyTo(_wanted);
    }

    /// <inheritdoc/>
    public void Evaluate(ReadOnlySpan<double> positions, ReadOnlySpan<double> box, Span<double> energies,
        Span<double> gradients, Span<double> strainGradients)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        Check(positions, box, energies, gradients, strainGradients);
        for (int m = 0; m < _molecules.Count; m++)
            GenericRotation.Apply(positions[_first[m].._first[m + 1]], _rotated.AsSpan(_first[m].._first[m + 1]));

        XtbStack.Run(_calculate, _largest);

        strainGradients.Clear();
        for (int m = 0; m < _molecules.Count; m++)
        {
            if (!_wanted[m])
                continue;
            Range own = _first[m].._first[m + 1];
            if (_failures[m] is string reason)
                throw XtbMessages.Failure(_molecules, m, positions[own], reason);
            energies[m] = _energies[m] * Units.KilojoulePerHartree;
            Span<double> gradient = _gradient.AsSpan(own);
            GenericRotation.ApplyBack(_rotatedGradient.AsSpan(own), gradient);
            if (!gradients.IsEmpty)
                gradient.CopyTo(gradients[own]);
            if (!strainGradients.IsEmpty)
                AddStrainGradient(positions[own], gradient, strainGradients.Slice(9 * m, 9));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _disposed = true;
        XtbStack.RunHere(() =>
        {
            foreach (XtbMolecule? calculation in _calculations)
                calculation?.Dispose();
            Array.Clear(_calculations);
        });
    }

    /// <summary>dE/dε_ab = Σ_i (r_i − centroid)_a ∂E/∂r_ib: the energy of a molecule in vacuo does not depend on where
    /// it is.</summary>
    private static void AddStrainGradient(ReadOnlySpan<double> r, ReadOnlySpan<double> gradient, Span<double> strain)
    {
        (double x, double y, double z) = GenericRotation.Centroid(r);
        ReadOnlySpan<double> centroid = [x, y, z];
        for (int i = 0; i < r.Length; i += 3)
            for (int a = 0; a < 3; a++)
                for (int b = 0; b < 3; b++)
                    strain[3 * a + b] += (r[i + a] - centroid[a]) * gradient[i + b];
    }

    /// <summary>Runs on libxtb's thread; stops at the first failure.</summary>
    private void CalculateAll()
    {
        Array.Clear(_failures);
        for (int m = 0; m < _molecules.Count; m++)
        {
            if (!_wanted[m])
                continue;
            Span<double> positions = _rotated.AsSpan(_first[m].._first[m + 1]);
            Span<double> gradient = _rotatedGradient.AsSpan(_first[m].._first[m + 1]);
            try
            {
                XtbMolecule calculation = _calculations[m] ??= new XtbMolecule(_library.Functions, _molecules[m], positions);
                _energies[m] = calculation.Evaluate(positions, gradient);
                if (!double.IsFinite(_energies[m]) || !Finite.All(gradient))
                    throw new XtbException("energy or gradient is not a number");
            }
            catch (XtbException error)
            {
                _failures[m] = error.Message;
                _calculations[m]?.Dispose(); // made anew next time, with no trace of the failure
                _calculations[m] = null;
                return;
            }
        }
    }

    private void Check(ReadOnlySpan<double> positions, ReadOnlySpan<double> box, Span<double> energies,
        Span<double> gradients, Span<double> strainGradients)
    {
        if (!box.IsEmpty)
            throw new PluginBridgeException(ErrorCode.Unsupported,
                "GFN2-xTB is evaluated in vacuo: give no box vectors, and molecules that are whole.");
        CheckLength(nameof(positions), positions.Length, _first[^1]);
        CheckLength(nameof(energies), energies.Length, _molecules.Count);
        if (!gradients.IsEmpty)
            CheckLength(nameof(gradients), gradients.Length, _first[^1]);
        if (!strainGradients.IsEmpty)
            CheckLength(nameof(strainGradients), strainGradients.Length, 9 * _molecules.Count);
        for (int m = 0; m < _molecules.Count; m++)
            for (int i = _first[m]; i < _first[m + 1]; i++)
                if (!double.IsFinite(positions[i]))
                    throw new PluginBridgeException(ErrorCode.InvalidArgument,
                        $"the position of atom {(i - _first[m]) / 3} of {XtbMessages.Name(_molecules, m)} is " +
                        $"{positions[i]}.");
    }

    private static void CheckLength(string name, int length, int expected)
    {
        if (length != expected)
            throw new PluginBridgeException(ErrorCode.InvalidArgument, $"{name} has {length} numbers instead of {expected}.");
    }
}
