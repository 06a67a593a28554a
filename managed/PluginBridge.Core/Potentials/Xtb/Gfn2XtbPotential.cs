using PluginBridge.Core.Chemistry;

namespace PluginBridge.Core.Potentials.Xtb;

/// <summary>
/// GFN2-xTB (Bannwarth, Ehlert, Grimme, J. Chem. Theory Comput. 15, 1652 (2019)) through libxtb, in vacuo: the quantum
/// chemistry that the shipped network is trained on. libxtb is loaded at run time; one calculation runs at a time in a
/// process, as libxtb has global state.
/// </summary>
public sealed class Gfn2XtbPotential : IPotential
{
    /// <summary>Name that loads it.</summary>
    public const string BuiltInName = "gfn2-xtb";

    /// <summary>Bytes per pair of orbitals that libxtb takes at its peak (measured: 240 to 290).</summary>
    private const double BytesPerOrbitalPair = 320;

    private readonly XtbLibrary _library;

    /// <summary>Loads libxtb.</summary>
    /// <exception cref="PluginBridgeException"><see cref="ErrorCode.MissingLibrary"/>: libxtb is absent.</exception>
    public Gfn2XtbPotential()
        : this(XtbLibrary.Shared)
    {
    }

    internal Gfn2XtbPotential(XtbLibrary library) => _library = library;

    /// <summary>Whether libxtb is found.</summary>
    public static bool IsAvailable => XtbLibrary.IsAvailable;

    /// <inheritdoc/>
    public PotentialInfo Info { get; } = new()
    {
        Name = BuiltInName,
        Target = PotentialTarget.Absolute,
        ReferenceMethod = "GFN2-xTB",
    };

    /// <inheritdoc/>
    public bool SupportsBox => false;

    /// <summary>Whether GFN2-xTB has parameters: Z = 1 to 86.</summary>
    public bool SupportsElement(int atomicNumber) => XtbElements.Contains(atomicNumber);

    /// <inheritdoc/>
    public IMoleculeEvaluator CreateEvaluator(IReadOnlyList<Molecule> molecules, EvaluationOptions options)
    {
        ArgumentNullException.ThrowIfNull(molecules);
        ArgumentNullException.ThrowIfNull(options);
        for (int m = 0; m < molecules.Count; m++)
            Check(molecules[m], XtbMessages.Name(molecules, m));
        return new Gfn2XtbEvaluator(_library, molecules, options.Threads);
    }

    /// <summary>Nothing to free: libxtb stays loaded.</summary>
    public void Dispose()
    {
    }

    private static void Check(Molecule molecule, string name)
    {
        int atoms = molecule.AtomicNumbers.Count, electrons = -molecule.Charge, orbitals = 0;
        if (atoms == 0)
            throw new PluginBridgeException(ErrorCode.InvalidArgument, $"{name} has no atoms.");
        for (int i = 0; i < atoms; i++)
        {
            int z = molecule.AtomicNumbers[i];
            if (!XtbElements.Contains(z))
                throw new PluginBridgeException(ErrorCode.Unsupported,
                    $"GFN2-xTB has no parameters for {Elements.Symbol(z)}, atom {i} of {name}: it covers Z = 1 to " +
                    $"{XtbElements.Heaviest}.");
            electrons += XtbElements.Electrons(z);
            orbitals += XtbElements.Orbitals(z);
        }
        CheckElectrons(molecule, name, electrons, orbitals);
        CheckSize(atoms, orbitals, name);
    }

    /// <summary>libxtb itself computes an odd number of electrons as a doublet without a word, and crashes for
    /// impossible spins.</summary>
    private static void CheckElectrons(Molecule molecule, string name, int electrons, int orbitals)
    {
        int unpaired = molecule.UnpairedElectrons, alpha = (electrons + unpaired) / 2;
        if (electrons < 1 || electrons > 2 * orbitals)
            throw new PluginBridgeException(ErrorCode.Unsupported,
                $"{name} would have {electrons} valence electrons in {orbitals} orbitals: check its charge.");
        if (unpaired < 0 || unpaired > electrons || alpha > orbitals || ((electrons - unpaired) & 1) != 0)
            throw new PluginBridgeException(ErrorCode.Unsupported,
                $"{name} has {electrons} valence electrons, which does not go with {unpaired} unpaired ones: check its " +
                "charge, its hydrogens and the number of unpaired electrons.");
    }

    private static void CheckSize(int atoms, int orbitals, string name)
    {
        double needed = BytesPerOrbitalPair * orbitals * orbitals;
        long available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (atoms > XtbStack.MaxAtoms || (available > 0 && needed > available))
            throw new PluginBridgeException(ErrorCode.Unsupported,
                $"{name} is too large for GFN2-xTB on this machine: its matrices take {needed / 1e9:F1} GB of " +
                $"{available / 1e9:F1} GB. Choose a fragment scheme such as dipeptide, or a network.");
    }
}
