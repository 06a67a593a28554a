namespace PluginBridge.Core.Chemistry;

/// <summary>Harmonic bond ½k(r−r₀)²; k in kJ/mol/nm², r₀ in nm.</summary>
public readonly record struct HarmonicBond(int A, int B, double Length, double Constant);

/// <summary>Harmonic angle ½k(θ−θ₀)²; k in kJ/mol/rad², θ₀ in rad; B is the apex.</summary>
public readonly record struct HarmonicAngle(int A, int B, int C, double Angle, double Constant);

/// <summary>Periodic torsion k(1+cos(nφ−φ₀)); k in kJ/mol, φ₀ in rad. Impropers are of this form too.</summary>
public readonly record struct PeriodicTorsion(int A, int B, int C, int D, int Periodicity, double Phase, double Constant);

/// <summary>Ryckaert-Bellemans torsion Σ c_n cosⁿψ, ψ = φ−π; c_n in kJ/mol.</summary>
public readonly record struct RyckaertBellemansTorsion(int A, int B, int C, int D, double C0, double C1, double C2, double C3, double C4, double C5);

/// <summary>CMAP torsion pair: the map's energy at the dihedrals A1-A2-A3-A4 and B1-B2-B3-B4.</summary>
public readonly record struct CmapTorsion(int Map, int A1, int A2, int A3, int A4, int B1, int B2, int B3, int B4);

/// <summary>A CMAP energy grid as OpenMM stores it: <c>Energies[i + Size*j]</c> kJ/mol at φ = 2πi/Size, ψ = 2πj/Size.</summary>
public sealed record CmapGrid(int Size, double[] Energies);

/// <summary>Charge (e) and Lennard-Jones σ (nm), ε (kJ/mol) of an atom.</summary>
public readonly record struct NonbondedParameters(double Charge, double Sigma, double Epsilon);

/// <summary>A pair whose interaction is not the combination rule's: charge product (e²), σ (nm), ε (kJ/mol); zeros exclude it.</summary>
public readonly record struct NonbondedException(int A, int B, double ChargeProduct, double Sigma, double Epsilon);

/// <summary>
/// The additive force-field terms of a set of atoms, from the core's own ff14SB or a host's System. Immutable.
/// Indices are those of the topology the terms were made for. Lorentz-Berthelot combination, no cutoff.
/// </summary>
public sealed record MolecularMechanicsTerms
{
    /// <summary>Number of atoms the indices refer to.</summary>
    public required int AtomCount { get; init; }

    /// <summary>Bond terms.</summary>
    public IReadOnlyList<HarmonicBond> Bonds { get; init; } = [];

    /// <summary>Angle terms.</summary>
    public IReadOnlyList<HarmonicAngle> Angles { get; init; } = [];

    /// <summary>Proper and improper torsion terms.</summary>
    public IReadOnlyList<PeriodicTorsion> Torsions { get; init; } = [];

    /// <summary>Ryckaert-Bellemans torsion terms.</summary>
    public IReadOnlyList<RyckaertBellemansTorsion> RyckaertBellemansTorsions { get; init; } = [];

    /// <summary>CMAP terms.</summary>
    public IReadOnlyList<CmapTorsion> CmapTorsions { get; init; } = [];

    /// <summary>Grids that <see cref="CmapTorsions"/> refer to.</summary>
    public IReadOnlyList<CmapGrid> CmapGrids { get; init; } = [];

    /// <summary>Non-bonded parameters, one an atom; empty where the host has none.</summary>
    public IReadOnlyList<NonbondedParameters> Nonbonded { get; init; } = [];

    /// <summary>Excluded and scaled pairs.</summary>
    public IReadOnlyList<NonbondedException> Exceptions { get; init; } = [];
}
