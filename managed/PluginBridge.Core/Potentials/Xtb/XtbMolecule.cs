using System.Text;

namespace PluginBridge.Core.Potentials.Xtb;

/// <summary>One molecule with its GFN2-xTB calculator in libxtb; hartree and bohr. Call it through
/// <see cref="XtbStack"/> only.</summary>
internal sealed unsafe class XtbMolecule : IDisposable
{
    /// <summary>libxtb's accuracy (1 by default): SCF converged to 1e-8 hartree in a step, which leaves 1e-12 in the
    /// energy, and overlaps neglected below 1e-10.</summary>
    private const double Accuracy = 0.01;

    private readonly XtbFunctions _functions;
    private readonly XtbEnvironmentHandle _environment;
    private readonly XtbMoleculeHandle _molecule;
    private readonly XtbCalculatorHandle _calculator;

    /// <exception cref="XtbException">libxtb refuses it.</exception>
    public XtbMolecule(XtbFunctions functions, Molecule molecule, ReadOnlySpan<double> positions)
    {
        _functions = functions;
        _environment = new XtbEnvironmentHandle(functions);
        functions.xtb_setVerbosity(_environment.Pointer, 0);
        _molecule = new XtbMoleculeHandle(functions, Create(molecule, positions));
        _calculator = new XtbCalculatorHandle(functions);
        try
        {
            Check();
            functions.xtb_loadGFN2xTB(_environment.Pointer, _molecule.Pointer, _calculator.Pointer, null);
            Check();
            functions.xtb_setAccuracy(_environment.Pointer, _calculator.Pointer, Accuracy);
            Check();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>
    /// Energy and gradient at positions. The SCF starts from its own guess each time: a start from the last
    /// wavefunction would save a fifth of the time, but where the SCF has two solutions the energy would depend on
    /// the path, not on the positions alone.
    /// </summary>
    /// <param name="positions">[atoms][3] bohr.</param>
    /// <param name="gradient">[atoms][3] hartree/bohr, overwritten.</param>
    /// <returns>The energy, hartree; NaN is possible.</returns>
    /// <exception cref="XtbException">It failed.</exception>
    public double Evaluate(ReadOnlySpan<double> positions, Span<double> gradient)
    {
        using var results = new XtbResultsHandle(_functions);
        double energy = double.NaN;
        fixed (double* x = positions)
        fixed (double* g = gradient)
        {
            _functions.xtb_updateMolecule(_environment.Pointer, _molecule.Pointer, x, null);
            Check();
            _functions.xtb_singlepoint(_environment.Pointer, _molecule.Pointer, _calculator.Pointer, results.Pointer);
            Check();
            _functions.xtb_getEnergy(_environment.Pointer, results.Pointer, &energy);
            _functions.xtb_getGradient(_environment.Pointer, results.Pointer, g);
            Check();
        }
        GC.KeepAlive(this);
        return energy;
    }

    public void Dispose()
    {
        _calculator.Dispose();
        _molecule.Dispose();
        _environment.Dispose();
    }

    private xtb_TMolecule* Create(Molecule molecule, ReadOnlySpan<double> positions)
    {
        int[] numbers = [.. molecule.AtomicNumbers];
        int count = numbers.Length, unpaired = molecule.UnpairedElectrons;
        double charge = molecule.Charge;
        fixed (int* z = numbers)
        fixed (double* x = positions)
            return _functions.xtb_newMolecule(_environment.Pointer, &count, z, x, &charge, &unpaired, null, null);
    }

    /// <summary>Throws what libxtb's log holds, if it holds an error.</summary>
    private void Check()
    {
        if (_functions.xtb_checkEnvironment(_environment.Pointer) == 0)
            return;
        byte[] buffer = new byte[4096];
        int size = buffer.Length;
        fixed (byte* start = buffer)
            _functions.xtb_getError(_environment.Pointer, start, &size);
        int length = Array.IndexOf(buffer, (byte)0);
        string text = Encoding.UTF8.GetString(buffer, 0, length < 0 ? buffer.Length : length);
        throw new XtbException(string.Join("; ", text.Split('\n', StringSplitOptions.TrimEntries |
            StringSplitOptions.RemoveEmptyEntries)));
    }
}

/// <summary>libxtb reported an error; turned into a <see cref="PluginBridgeException"/> where the molecule is known.
/// </summary>
internal sealed class XtbException(string message) : Exception(message);
