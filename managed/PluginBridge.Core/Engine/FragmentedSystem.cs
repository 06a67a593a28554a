using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Fragmentation;
using PluginBridge.Core.Potentials;

namespace PluginBridge.Core.Engine;

/// <summary>A potential, a topology, a region and its fragments, checked. Immutable and shared by threads.</summary>
/// <remarks>
/// The force field of E_base is the host's where its terms are given, else the core's ff14SB. A region that ends inside a
/// chain takes in pieces of the neighbouring residues, see <see cref="FragmentBuilder"/>; E_base of the region is then
/// that of the capped molecule.
/// </remarks>
public sealed class FragmentedSystem
{
    private readonly BaseTerms? _baseTerms;
    private readonly string _whyNoBase;
    private readonly MolecularMechanicsTerms? _terms;
    private readonly Lazy<IReadOnlyList<Fragment>> _all;

    private FragmentedSystem(IPotential potential, Topology topology, IReadOnlyList<int> region, SystemSpecification specification,
        FragmentBuilder.Division division, BaseTerms? baseTerms, MolecularMechanicsTerms? terms, string whyNoBase)
    {
        IReadOnlyList<Fragment> fragments = division.Fragments;
        Potential = potential;
        Topology = topology;
        Region = region;
        Fragments = fragments;
        // Only a region in one piece has pairs that reach another image of itself.
        UsesBox = specification.Scheme == FragmentScheme.Whole && potential.SupportsBox;
        Images = new MoleculeImages(topology, new AtomSetCover(fragments.Select(f => f.Atoms)).Union);
        FragmentsSpanMolecules = fragments.Any(f => Images.Span(f.Atoms));
        Pairs = division.Pairs;
        PairRadii = specification.PairRadii;
        _all = new(() => Pairs is null ? Fragments : [.. Fragments, .. Pairs.All().SelectMany(cell => cell.Fragments)]);
        _terms = terms;
        _baseTerms = baseTerms;
        _whyNoBase = whyNoBase;
    }

    /// <summary>The potential of the fragments; it must outlive the system's workspaces.</summary>
    public IPotential Potential { get; }

    /// <summary>The topology that positions and forces refer to.</summary>
    public Topology Topology { get; }

    /// <summary>Atoms of the region, ascending.</summary>
    public IReadOnlyList<int> Region { get; }

    /// <summary>The terms of the signed sum that are always evaluated.</summary>
    public IReadOnlyList<Fragment> Fragments { get; }

    /// <summary>The same, followed by the terms of all pairs of units where the scheme has them, with the coefficients
    /// of pairs in contact.</summary>
    public IReadOnlyList<Fragment> AllFragments => _all.Value;

    /// <summary>Where pairs of units fade out.</summary>
    public PairRadii PairRadii { get; }

    /// <summary>The scheme's pairs of units; null: it has none.</summary>
    internal PairCells? Pairs { get; }

    /// <summary>Whether box vectors go to the evaluator, which takes the minimum image of each pair.</summary>
    internal bool UsesBox { get; }

    /// <summary>The molecules that the fragments belong to.</summary>
    internal MoleculeImages Images { get; }

    /// <summary>Whether a fragment has atoms of several molecules, whose images then matter to the potential.</summary>
    internal bool FragmentsSpanMolecules { get; }

    /// <summary>Assigns templates, checks coverage and builds the fragments.</summary>
    /// <exception cref="PluginBridgeException">Something is not covered; the message names the residue or atom.</exception>
    public static FragmentedSystem Create(IPotential potential, SystemSpecification specification)
    {
        Topology topology = specification.Topology;
        Region region = Fragmentation.Region.Create(topology, specification.Region);
        TemplateAssignment? assignment = Coverage.AssignTemplates(potential.Info, specification, region);
        specification.PairRadii.Check();
        FragmentBuilder.Division division = FragmentBuilder.Divide(topology, assignment, region.Atoms, specification.Scheme,
            specification.TotalCharge, specification.UnpairedElectrons);
        Coverage.CheckElements(potential, topology, division.Fragments);
        MolecularMechanicsTerms? replaced = Coverage.CheckHostTerms(potential.Info, specification, region, assignment);
        (MolecularMechanicsTerms? terms, string whyNoBase) = BaseForceField(specification, assignment);
        return new FragmentedSystem(potential, topology, region.Atoms, specification, division,
            terms is null ? null : new BaseTerms(topology, division.Fragments, terms, replaced), terms, whyNoBase);
    }

    /// <summary>Allocates the buffers of one caller.</summary>
    /// <exception cref="PluginBridgeException">A charge that the potential does not cover; the message names the
    /// fragment.</exception>
    public Workspace CreateWorkspace(EvaluationOptions options) => new(this, options);

    /// <summary>The force-field part of a quantity; null where it is needed and there is no force field.</summary>
    internal BaseEnergy? CreateBaseEnergy(EnergyQuantity quantity)
    {
        if (_baseTerms is null)
            return NeedsForceField(quantity) ? null : BaseEnergy.None;
        return new BaseEnergy(_baseTerms, _baseTerms.Sum(Potential.Info.Target, quantity,
            local => local < _baseTerms.Atoms.Count
                ? Topology.Describe(_baseTerms.Atoms[local])
                : $"the cap hydrogen at {Topology.Describe(_baseTerms.Caps[local - _baseTerms.Atoms.Count].Anchor)}"));
    }

    /// <summary>The force-field part of pairs; null where there is none.</summary>
    internal PairBaseEnergy? CreatePairBaseEnergy() => Potential.Info.Target == PotentialTarget.Absolute && _terms is { Nonbonded.Count: > 0 }
        ? new PairBaseEnergy(Topology, _terms, _baseTerms!.Caps, new AtomSetCover(Fragments.Select(f => f.Atoms)))
        : null;

    /// <summary>The error of a quantity for which there is no force field.</summary>
    internal PluginBridgeException NoForceField(EnergyQuantity quantity) => new(ErrorCode.Unsupported,
        $"The {(quantity == EnergyQuantity.Correction ? "correction" : "total energy")} of {Potential.Info.Name} takes the " +
        $"force-field energy of the region, and there is none: {_whyNoBase} Give the host's terms" +
        (quantity == EnergyQuantity.Correction && Fragments.Count == 1 ? ", or ask for the total energy." : "."));

    private bool NeedsForceField(EnergyQuantity quantity) => (Potential.Info.Target, quantity) switch
    {
        (PotentialTarget.CorrectionToForceField, EnergyQuantity.Correction) => false,
        // One piece: E_QM(f) − E_base(f) + E_base(f).
        (PotentialTarget.Absolute, EnergyQuantity.Total) => Fragments.Count > 1,
        _ => true,
    };

    private static (MolecularMechanicsTerms? Terms, string WhyNone) BaseForceField(SystemSpecification specification, TemplateAssignment? assignment)
    {
        if (specification.HostTerms is { } host)
            return (host, "");
        if (assignment is null)
            return (null, specification.Topology.Residues.Count == 0
                ? "ff14SB needs residues, and the topology has none."
                : "a residue of the region is none of ff14SB's.");
        return (AmberFf14sb.CreateTerms(specification.Topology, assignment), "");
    }
}
