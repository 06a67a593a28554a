namespace PluginBridge.Core.Potentials;

/// <summary>What a potential's energy of a molecule stands for (design: Δ(f)).</summary>
public enum PotentialTarget
{
    /// <summary>The absolute energy E_QM(f); the engine subtracts E_base(f).</summary>
    Absolute,

    /// <summary>E_QM(f) − E_MM(f), E_MM the complete force-field energy of the capped molecule: Δ(f) itself.</summary>
    CorrectionToForceField,

    /// <summary>E_QM(f) − E_nb(f), the non-bonded part only; the engine subtracts the bonded energy.</summary>
    CorrectionToNonbonded,
}

/// <summary>Targets as model files and the C ABI spell them.</summary>
public static class PotentialTargetNames
{
    /// <summary><c>E_QM</c>, <c>E_QM - E_MM</c> or <c>E_QM - E_nb</c>.</summary>
    public static string Text(this PotentialTarget target) => target switch
    {
        PotentialTarget.CorrectionToForceField => "E_QM - E_MM",
        PotentialTarget.CorrectionToNonbonded => "E_QM - E_nb",
        _ => "E_QM",
    };
}

/// <summary>What a potential is, for messages, checks and serialization.</summary>
public sealed record PotentialInfo
{
    /// <summary>Name that loads it, e.g. <c>visnet-gfn2</c> or <c>gfn2-xtb</c>.</summary>
    public required string Name { get; init; }

    /// <summary>What its energy stands for.</summary>
    public required PotentialTarget Target { get; init; }

    /// <summary>Force field it corrects (<c>amber-ff14sb</c>); null for absolute potentials.</summary>
    public string? BaseForceField { get; init; }

    /// <summary>Level of theory it stands for, e.g. <c>GFN2-xTB</c>.</summary>
    public required string ReferenceMethod { get; init; }

    /// <summary>SHA-256 of the model file in lower-case hex; empty for built-in potentials.</summary>
    public string Hash { get; init; } = "";

    /// <summary>Range beyond which atoms do not see each other in one layer, nm; infinite for QM.</summary>
    public double Cutoff { get; init; } = double.PositiveInfinity;
}

/// <summary>One molecule of a batch: elements and total charge, closed shell unless said otherwise.</summary>
/// <param name="AtomicNumbers">Atomic numbers in the order of its positions.</param>
/// <param name="Charge">Total formal charge in e.</param>
/// <param name="UnpairedElectrons">Number of unpaired electrons.</param>
public sealed record Molecule(IReadOnlyList<int> AtomicNumbers, int Charge, int UnpairedElectrons = 0);

/// <summary>Numerical options of an evaluation.</summary>
public sealed record EvaluationOptions
{
    /// <summary>Evaluate networks in double precision (reference mode) instead of single.</summary>
    public bool DoublePrecision { get; init; }

    /// <summary>Threads that one evaluation uses, at least one. Results do not depend on it.</summary>
    /// <exception cref="PluginBridgeException">The number is not positive.</exception>
    public int Threads
    {
        get => _threads;
        init => _threads = value >= 1
            ? value
            : throw new PluginBridgeException(ErrorCode.InvalidArgument, $"The number of threads is {value}; give 1 or more.");
    }

    private readonly int _threads = 1;
}

/// <summary>A potential energy function of molecules. Immutable and shared by threads.</summary>
public interface IPotential : IDisposable
{
    /// <summary>What it is.</summary>
    PotentialInfo Info { get; }

    /// <summary>Whether it knows an element.</summary>
    bool SupportsElement(int atomicNumber);

    /// <summary>Whether the evaluator accepts box vectors and then uses the minimum image of each pair.</summary>
    bool SupportsBox { get; }

    /// <summary>Prepares buffers for a fixed list of molecules. One evaluator a caller: it is not thread-safe.</summary>
    /// <exception cref="PluginBridgeException">An element or charge that it does not cover.</exception>
    IMoleculeEvaluator CreateEvaluator(IReadOnlyList<Molecule> molecules, EvaluationOptions options);
}

/// <summary>Evaluates a fixed list of molecules again and again without allocating.</summary>
public interface IMoleculeEvaluator : IDisposable
{
    /// <summary>Tells which molecules the next evaluations have to evaluate; energies and gradients of the others may then
    /// be anything. Until it is called, and where an evaluator does not care, all.</summary>
    /// <param name="wanted">One a molecule.</param>
    void Select(ReadOnlySpan<bool> wanted)
    {
    }

    /// <summary>Energies and gradients of all molecules, whose atoms lie one after the other in the arrays.</summary>
    /// <param name="positions">x, y, z of every atom, nm; length 3·Σ atoms.</param>
    /// <param name="box">Nine numbers, box vectors a, b, c in nm (OpenMM's reduced triclinic form), or empty for none.
    /// Only where <see cref="IPotential.SupportsBox"/>.</param>
    /// <param name="energies">One a molecule, kJ/mol.</param>
    /// <param name="gradients">dE/dr of every atom, kJ/mol/nm; overwritten. Empty: not wanted.</param>
    /// <param name="strainGradients">Nine a molecule: Σ_pairs r_ab ∂E/∂r_ab' = dE/dε, kJ/mol, row-major; overwritten.
    /// Empty: not wanted.</param>
    /// <exception cref="PluginBridgeException">Failed for this geometry; the message tells which molecule and why, its
    /// <see cref="PluginBridgeException.Molecule"/> the index (the engine then names the fragment).</exception>
    void Evaluate(ReadOnlySpan<double> positions, ReadOnlySpan<double> box, Span<double> energies,
        Span<double> gradients, Span<double> strainGradients);
}
