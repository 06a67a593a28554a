using PluginBridge.Interop;

namespace PluginBridge;

/// <summary>How a region is divided into fragments.</summary>
public enum FragmentScheme
{
    /// <summary>One fragment: the region as one graph.</summary>
    Whole = pb_scheme.PB_SCHEME_WHOLE,

    /// <summary>Dipeptides minus the ACE-NME pieces that neighbours share (AI²BMD).</summary>
    Dipeptide = pb_scheme.PB_SCHEME_DIPEPTIDE,

    /// <summary>Windows of two residues minus single ones.</summary>
    Window2 = pb_scheme.PB_SCHEME_WINDOW2,

    /// <summary>Windows of three residues minus windows of two.</summary>
    Window3 = pb_scheme.PB_SCHEME_WINDOW3,

    /// <summary><see cref="Window2"/>, and pairs of residues in contact.</summary>
    Window2Pairs = pb_scheme.PB_SCHEME_WINDOW2_PAIRS,

    /// <summary><see cref="Window3"/>, and pairs of residues in contact.</summary>
    Window3Pairs = pb_scheme.PB_SCHEME_WINDOW3_PAIRS,
}

/// <summary>A residue of a topology.</summary>
/// <param name="Name">e.g. <c>ALA</c>.</param>
/// <param name="Number">As printed, with insertion code.</param>
/// <param name="Chain">Chain identifier.</param>
public sealed record Residue(string Name, string Number, string Chain);

/// <summary>What a system is made of: every atom of the molecules that the region touches, the region as a list of some
/// of them.</summary>
public sealed record SystemSpecification
{
    /// <summary>Atomic number of each atom.</summary>
    public required IReadOnlyList<int> AtomicNumbers { get; init; }

    /// <summary>Covalent bonds as pairs of atom indices.</summary>
    public IReadOnlyList<(int A, int B)> Bonds { get; init; } = [];

    /// <summary>Atoms at the quantum-chemical level: whole residues, ascending; null: all.</summary>
    public IReadOnlyList<int>? Region { get; init; }

    /// <summary>Charge of the region, e; null: from the residue templates.</summary>
    public int? TotalCharge { get; init; }

    /// <summary>Unpaired electrons of the region.</summary>
    public int UnpairedElectrons { get; init; }

    /// <summary>Residues; needed by all schemes but <see cref="FragmentScheme.Whole"/> and wherever the library's own
    /// force field is.</summary>
    public IReadOnlyList<Residue>? Residues { get; init; }

    /// <summary>Index of each atom's residue; with <see cref="Residues"/>.</summary>
    public IReadOnlyList<int>? AtomResidues { get; init; }

    /// <summary>Name of each atom; with <see cref="Residues"/>.</summary>
    public IReadOnlyList<string>? AtomNames { get; init; }

    /// <summary>How the region is divided.</summary>
    public FragmentScheme Scheme { get; init; }

    /// <summary>Schemes with pairs: radii (nm) between which a pair fades out, see <see cref="SchemeText"/>; null: the
    /// library's own.</summary>
    public (double Inner, double Outer)? PairRadii { get; init; }

    /// <summary>The host's force-field terms; null: the library's own ff14SB.</summary>
    public HostTerms? HostTerms { get; init; }

    /// <summary>The C struct; its pointers hold while <paramref name="arguments"/> lives.</summary>
    internal unsafe pb_system_spec ToNative(NativeArguments arguments, pb_host_terms* terms)
    {
        int atoms = AtomicNumbers.Count;
        if (Residues is not null)
        {
            Ensure.Length(nameof(AtomResidues), AtomResidues?.Count ?? 0, atoms);
            Ensure.Length(nameof(AtomNames), AtomNames?.Count ?? 0, atoms);
        }
        return new pb_system_spec
        {
            struct_size = (nuint)sizeof(pb_system_spec),
            atom_count = atoms,
            atomic_numbers = arguments.Pin<int>([.. AtomicNumbers]),
            bond_count = Bonds.Count,
            bonds = arguments.Pin<int>([.. Bonds.SelectMany(b => new[] { b.A, b.B })]),
            region_count = Region?.Count ?? 0,
            region = Region is null ? null : arguments.Pin<int>([.. Region]),
            total_charge = TotalCharge ?? NativeMethods.PB_CHARGE_FROM_TEMPLATES,
            unpaired_electrons = UnpairedElectrons,
            residue_count = Residues?.Count ?? 0,
            atom_residues = Residues is null ? null : arguments.Pin<int>([.. AtomResidues!]),
            residue_names = arguments.Texts(Residues?.Select(r => r.Name).ToArray()),
            residue_numbers = arguments.Texts(Residues?.Select(r => r.Number).ToArray()),
            residue_chains = arguments.Texts(Residues?.Select(r => r.Chain).ToArray()),
            atom_names = arguments.Texts(Residues is null ? null : AtomNames),
            scheme = (int)Scheme,
            host_terms = terms,
            pair_inner = PairRadii?.Inner ?? 0,
            pair_outer = PairRadii?.Outer ?? 0,
        };
    }
}
