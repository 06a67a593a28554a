using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Fragmentation;
using PluginBridge.Core.Potentials;

namespace PluginBridge.Core.Engine;

/// <summary>
/// E_base of the region and of its fragments. Since Σ_f c_f [S ⊆ f] = 1 for every term S inside a fragment, the signed
/// sum Σ_f c_f E_base(f) is each covered term once: that is how it is evaluated. Immutable.
/// </summary>
/// <remarks>Indices are local: the fragments' atoms in ascending order, then the border caps.</remarks>
internal sealed class BaseTerms
{
    private readonly bool _isOnePiece;
    private readonly MolecularMechanicsTerms _all;
    private readonly MolecularMechanicsTerms _coveredBonded;
    private readonly List<NonbondedException> _coveredPairs;
    private readonly MolecularMechanicsTerms? _replaced;
    private readonly BorderCapTerms.Terms _caps;
    private readonly BorderCapTerms.Terms _innerCaps;
    private readonly BorderCapTerms.Terms _outerCaps;

    /// <summary>Selects the terms.</summary>
    /// <param name="topology">The topology.</param>
    /// <param name="fragments">The fragments.</param>
    /// <param name="terms">Terms of the topology's atoms: the host's or the core's.</param>
    /// <param name="replaced">Terms of ff14SB that constraints replace in the host.</param>
    public BaseTerms(Topology topology, IReadOnlyList<Fragment> fragments, MolecularMechanicsTerms terms, MolecularMechanicsTerms? replaced)
    {
        var cover = new AtomSetCover(fragments.Select(f => f.Atoms));
        Atoms = cover.Union;
        Caps = [.. fragments.SelectMany(f => f.Caps).Where(c => c.IsBorder).Distinct()];
        _isOnePiece = fragments.Count == 1;

        var map = Enumerable.Repeat(-1, topology.Atoms.Count + Caps.Count).ToArray();
        for (int i = 0; i < Atoms.Count; i++)
            map[Atoms[i]] = i;
        for (int k = 0; k < Caps.Count; k++)
            map[topology.Atoms.Count + k] = Atoms.Count + k;

        _all = WithCaps(terms.Subset([.. Atoms]));
        _coveredBonded = _isOnePiece ? _all.BondedOnly() : WithCaps(Covered(terms, cover).Subset([.. Atoms]).BondedOnly());
        _coveredPairs = _isOnePiece ? [] : CoveredPairs(_all, cover, map);
        if (replaced is not null && replaced.Bonds.Count + replaced.Angles.Count > 0)
            _replaced = WithCaps(Covered(replaced, cover).Subset([.. Atoms]));
        _caps = Localized(BorderCapTerms.Create(topology, Caps, cover, terms.Nonbonded), map);
        // A cap whose replaced atom lies in another fragment stands for a bond that E_base of the region holds.
        bool IsInner(int local) => local >= Atoms.Count && map[Caps[local - Atoms.Count].Replaced] >= 0;
        _innerCaps = Where(_caps, IsInner, true);
        _outerCaps = Where(_caps, IsInner, false);
    }

    /// <summary>Real atoms of all fragments, ascending.</summary>
    public IReadOnlyList<int> Atoms { get; }

    /// <summary>Caps where the region ends.</summary>
    public IReadOnlyList<CapHydrogen> Caps { get; }

    /// <summary>What a potential's energy needs from the force field, as a signed sum. Empty: nothing.</summary>
    /// <param name="target">What the potential's energy stands for.</param>
    /// <param name="quantity">What is wanted.</param>
    /// <param name="describe">How messages name a local atom.</param>
    public List<BaseEnergy.Part> Sum(PotentialTarget target, EnergyQuantity quantity, Func<int, string> describe)
    {
        BaseEnergy.Part Region(double sign) => new(sign, new VacuumForceField(With(_all, _outerCaps), describe), new PairInteractions(_outerCaps.Pairs));
        BaseEnergy.Part Covered(double sign, BorderCapTerms.Terms caps) => _isOnePiece
            ? new(sign, new VacuumForceField(With(_all, caps), describe), new PairInteractions(caps.Pairs))
            : new(sign, new VacuumForceField(With(_coveredBonded, caps), describe), new PairInteractions([.. _coveredPairs, .. caps.Pairs]));
        // A network's Δ takes the whole of ff14SB away, so what constraints replace in the host has to come back: nothing at the
        // constrained lengths, but minimisers let go of constraints, and then Δ alone would not hold these bonds.
        BaseEnergy.Part[] Replaced() => _replaced is null ? [] : [new(1, new VacuumForceField(_replaced, describe), new PairInteractions([]))];
        BaseEnergy.Part Bonded(double sign) => new(sign, new VacuumForceField(With(_coveredBonded, _caps), describe), new PairInteractions([]));

        return (target, quantity) switch
        {
            (PotentialTarget.Absolute, EnergyQuantity.Correction) => [Covered(-1, _caps)],
            // One piece: E_QM(f) − E_base(f) + E_base(f).
            (PotentialTarget.Absolute, _) when _isOnePiece => [],
            // The outer caps of the region's E_base cancel those of the fragments.
            (PotentialTarget.Absolute, _) => [new(1, new VacuumForceField(_all, describe), new PairInteractions([])), Covered(-1, _innerCaps)],
            (PotentialTarget.CorrectionToNonbonded, EnergyQuantity.Correction) => [Bonded(-1)],
            (PotentialTarget.CorrectionToNonbonded, _) => [Region(1), Bonded(-1)],
            (_, EnergyQuantity.Correction) => [.. Replaced()],
            _ => [Region(1), .. Replaced()],
        };
    }

    private MolecularMechanicsTerms WithCaps(MolecularMechanicsTerms terms) => terms with
    {
        AtomCount = Atoms.Count + Caps.Count,
        Nonbonded = terms.Nonbonded.Count == 0 ? [] : [.. terms.Nonbonded, .. Caps.Select(_ => default(NonbondedParameters))],
    };

    private static MolecularMechanicsTerms With(MolecularMechanicsTerms terms, BorderCapTerms.Terms caps) => terms with
    {
        Angles = [.. terms.Angles, .. caps.Angles],
        Torsions = [.. terms.Torsions, .. caps.Torsions],
    };

    private static MolecularMechanicsTerms Covered(MolecularMechanicsTerms terms, AtomSetCover cover) => terms with
    {
        Bonds = [.. terms.Bonds.Where(t => cover.Covers(t.A, t.B))],
        Angles = [.. terms.Angles.Where(t => cover.Covers(t.A, t.B, t.C))],
        Torsions = [.. terms.Torsions.Where(t => cover.Covers(t.A, t.B, t.C, t.D))],
        RyckaertBellemansTorsions = [.. terms.RyckaertBellemansTorsions.Where(t => cover.Covers(t.A, t.B, t.C, t.D))],
        CmapTorsions = [.. terms.CmapTorsions.Where(t => cover.Covers(t.A1, t.A2, t.A3, t.A4, t.B1, t.B2, t.B3, t.B4))],
    };

    private List<NonbondedException> CoveredPairs(MolecularMechanicsTerms local, AtomSetCover cover, int[] map)
    {
        var pairs = new List<NonbondedException>();
        if (local.Nonbonded.Count == 0)
            return pairs;
        var exceptions = new Dictionary<(int, int), NonbondedException>();
        foreach (NonbondedException e in local.Exceptions)
            exceptions[(Math.Min(e.A, e.B), Math.Max(e.A, e.B))] = e;
        foreach (int atom in Atoms)
            foreach (int companion in cover.Companions(atom))
                if (companion > atom)
                {
                    (int i, int j) = (map[atom], map[companion]);
                    pairs.Add(exceptions.TryGetValue((i, j), out NonbondedException e)
                        ? e
                        : PairInteractions.Combine(i, j, local.Nonbonded[i], local.Nonbonded[j]));
                }

        return pairs;
    }

    private static BorderCapTerms.Terms Localized(BorderCapTerms.Terms t, int[] map) => new(
        [.. t.Angles.Select(x => x with { A = map[x.A], B = map[x.B], C = map[x.C] })],
        [.. t.Torsions.Select(x => x with { A = map[x.A], B = map[x.B], C = map[x.C], D = map[x.D] })],
        [.. t.Pairs.Select(x => x with { A = map[x.A], B = map[x.B] })]);

    private static BorderCapTerms.Terms Where(BorderCapTerms.Terms t, Func<int, bool> isInner, bool wanted) => new(
        [.. t.Angles.Where(x => (isInner(x.A) || isInner(x.C)) == wanted)],
        [.. t.Torsions.Where(x => (isInner(x.A) || isInner(x.D)) == wanted)],
        [.. t.Pairs.Where(x => (isInner(x.A) || isInner(x.B)) == wanted)]);
}
