using PluginBridge.Interop;

namespace PluginBridge;

/// <summary>The host's additive force-field terms as OpenMM's System holds them: flat arrays, indices those of the
/// specification's atoms; null or empty where there are none. Units nm, kJ/mol, radians, e.</summary>
public sealed record HostTerms
{
    /// <summary>Bonds: two atoms each.</summary>
    public int[]? BondAtoms { get; init; }

    /// <summary>r0 (nm), k (kJ/mol/nm²) each: k/2 (r − r0)².</summary>
    public double[]? BondParameters { get; init; }

    /// <summary>Angles: three atoms each.</summary>
    public int[]? AngleAtoms { get; init; }

    /// <summary>θ0 (rad), k (kJ/mol/rad²) each: k/2 (θ − θ0)².</summary>
    public double[]? AngleParameters { get; init; }

    /// <summary>Torsions, proper and improper: four atoms each.</summary>
    public int[]? TorsionAtoms { get; init; }

    /// <summary>n of each torsion: k (1 + cos(n φ − φ0)).</summary>
    public int[]? TorsionPeriodicities { get; init; }

    /// <summary>φ0 (rad), k (kJ/mol) each.</summary>
    public double[]? TorsionParameters { get; init; }

    /// <summary>Ryckaert-Bellemans torsions: four atoms each.</summary>
    public int[]? RyckaertBellemansAtoms { get; init; }

    /// <summary>c0 to c5 (kJ/mol) each.</summary>
    public double[]? RyckaertBellemansParameters { get; init; }

    /// <summary>Size of each CMAP map.</summary>
    public int[]? CmapSizes { get; init; }

    /// <summary>size² energies (kJ/mol) of each map, one map after the other, in OpenMM's order.</summary>
    public double[]? CmapEnergies { get; init; }

    /// <summary>CMAP terms, nine numbers each: map, four atoms of the first and four of the second dihedral.</summary>
    public int[]? CmapTorsions { get; init; }

    /// <summary>Charge (e), σ (nm), ε (kJ/mol) of every atom; null: no non-bonded interactions.</summary>
    public double[]? Nonbonded { get; init; }

    /// <summary>Excluded or scaled pairs: two atoms each.</summary>
    public int[]? ExceptionAtoms { get; init; }

    /// <summary>Charge product (e²), σ (nm), ε (kJ/mol) each.</summary>
    public double[]? ExceptionParameters { get; init; }

    /// <summary>Constrained pairs, whose bond terms may be missing: two atoms each.</summary>
    public int[]? ConstraintAtoms { get; init; }

    /// <summary>The C struct; its pointers hold while <paramref name="arguments"/> lives.</summary>
    internal unsafe pb_host_terms ToNative(NativeArguments arguments, int atoms)
    {
        int torsions = Count(nameof(TorsionAtoms), TorsionAtoms, 4);
        Ensure.Length(nameof(TorsionPeriodicities), TorsionPeriodicities?.Length ?? 0, torsions);
        if (Nonbonded is not null)
            Ensure.Length(nameof(Nonbonded), Nonbonded.Length, 3L * atoms);
        Ensure.Length(nameof(CmapEnergies), CmapEnergies?.Length ?? 0, CmapSizes?.Sum(n => (long)n * n) ?? 0);
        return new pb_host_terms
        {
            struct_size = (nuint)sizeof(pb_host_terms),
            bond_count = Count(nameof(BondAtoms), BondAtoms, 2, nameof(BondParameters), BondParameters, 2),
            bond_atoms = arguments.Pin(BondAtoms),
            bond_parameters = arguments.Pin(BondParameters),
            angle_count = Count(nameof(AngleAtoms), AngleAtoms, 3, nameof(AngleParameters), AngleParameters, 2),
            angle_atoms = arguments.Pin(AngleAtoms),
            angle_parameters = arguments.Pin(AngleParameters),
            torsion_count = Count(nameof(TorsionAtoms), TorsionAtoms, 4, nameof(TorsionParameters), TorsionParameters, 2),
            torsion_atoms = arguments.Pin(TorsionAtoms),
            torsion_periodicities = arguments.Pin(TorsionPeriodicities),
            torsion_parameters = arguments.Pin(TorsionParameters),
            rb_torsion_count = Count(nameof(RyckaertBellemansAtoms), RyckaertBellemansAtoms, 4,
                nameof(RyckaertBellemansParameters), RyckaertBellemansParameters, 6),
            rb_torsion_atoms = arguments.Pin(RyckaertBellemansAtoms),
            rb_torsion_parameters = arguments.Pin(RyckaertBellemansParameters),
            cmap_count = CmapSizes?.Length ?? 0,
            cmap_sizes = arguments.Pin(CmapSizes),
            cmap_energies = arguments.Pin(CmapEnergies),
            cmap_torsion_count = Count(nameof(CmapTorsions), CmapTorsions, 9),
            cmap_torsions = arguments.Pin(CmapTorsions),
            nonbonded = arguments.Pin(Nonbonded),
            exception_count = Count(nameof(ExceptionAtoms), ExceptionAtoms, 2, nameof(ExceptionParameters),
                ExceptionParameters, 3),
            exception_atoms = arguments.Pin(ExceptionAtoms),
            exception_parameters = arguments.Pin(ExceptionParameters),
            constraint_count = Count(nameof(ConstraintAtoms), ConstraintAtoms, 2),
            constraint_atoms = arguments.Pin(ConstraintAtoms),
        };
    }

    private static int Count(string name, int[]? atoms, int each)
    {
        int length = atoms?.Length ?? 0;
        if (length % each != 0)
            throw new InvalidArgumentException($"{name} has {length} elements, which is no multiple of {each}.");
        return length / each;
    }

    private static int Count(string name, int[]? atoms, int each, string parameterName, double[]? parameters, int parametersEach)
    {
        int count = Count(name, atoms, each);
        Ensure.Length(parameterName, parameters?.Length ?? 0, (long)count * parametersEach);
        return count;
    }
}
