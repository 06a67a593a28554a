using PluginBridge.Core.Chemistry;

namespace PluginBridge.Core.Fragmentation;

/// <summary>
/// Divides a region into fragments: topology → windows of each chain → inclusion-exclusion → caps, charges, labels.
/// </summary>
/// <remarks>
/// Where the region ends inside a chain (or at a disulfide bridge) the fragments take in the backbone piece (or the
/// sulfur side) of the residue beyond, as they do between fragments. Those atoms then belong to the corrected ones, and
/// the caps on them are marked <see cref="CapHydrogen.IsBorder"/>.
/// </remarks>
public static class FragmentBuilder
{
    /// <summary>Builds the fragments of a region.</summary>
    /// <param name="topology">All atoms.</param>
    /// <param name="assignment">Templates of the region's residues and of those bonded to them; null: the region is made
    /// of complete molecules, in one piece, and its charge is given.</param>
    /// <param name="region">Atoms of whole residues (whole molecules without residues); null: all.</param>
    /// <param name="scheme">How to divide.</param>
    /// <param name="totalCharge">Charge of the region, e; null: from the templates. Checked against them.</param>
    /// <param name="unpairedElectrons">Of the region; other than zero only with <see cref="FragmentScheme.Whole"/>.</param>
    /// <returns>The terms of Σ_f c_f Δ(f): windows in chain order, then the shared pieces, then those of pairs with the
    /// coefficients that they have in contact.</returns>
    /// <exception cref="PluginBridgeException">A residue that the scheme does not cover, a cut residue, a charge that
    /// disagrees with the templates.</exception>
    public static IReadOnlyList<Fragment> Build(Topology topology, TemplateAssignment? assignment,
        IReadOnlyList<int>? region, FragmentScheme scheme, int? totalCharge = null, int unpairedElectrons = 0)
    {
        Division division = Divide(topology, assignment, region, scheme, totalCharge, unpairedElectrons);
        return division.Pairs is null
            ? division.Fragments
            : [.. division.Fragments, .. division.Pairs.All().SelectMany(cell => cell.Fragments)];
    }

    /// <summary>As <see cref="Build"/>, pairs apart.</summary>
    internal static Division Divide(Topology topology, TemplateAssignment? assignment, IReadOnlyList<int>? region,
        FragmentScheme scheme, int? totalCharge, int unpairedElectrons)
    {
        Region atoms = Region.Create(topology, region);
        CheckCharge(topology, assignment, atoms, totalCharge);
        return scheme == FragmentScheme.Whole
            ? new([Whole(topology, assignment, atoms, totalCharge, unpairedElectrons)], null)
            : Windows(topology, assignment, atoms, scheme, unpairedElectrons);
    }

    /// <summary>Fragments that are always evaluated, and the pairs of a scheme that has them.</summary>
    internal sealed record Division(IReadOnlyList<Fragment> Fragments, PairCells? Pairs);

    private static Fragment Whole(Topology topology, TemplateAssignment? assignment, Region region, int? totalCharge, int unpairedElectrons)
    {
        int[] atoms = [.. region.Atoms];
        if (region.BorderResidues.Count > 0)
        {
            if (assignment is null)
                throw new PluginBridgeException(ErrorCode.Unsupported,
                    $"The region ends at {topology.Residues[region.BorderResidues[0]]}, bonded to it. Only regions of known " +
                    "residues can be cut; select complete molecules.");
            var links = new ResidueLinks(topology, assignment, region.Residues, outwardOnly: true);
            atoms = new WindowScheme(topology, links).Closed(region.Residues);
        }

        // Pieces taken in from neighbours are neutral: the region's charge is the fragment's.
        int charge = totalCharge ?? FragmentCharges.Sum(assignment!, region.Atoms);
        return Finish(topology, new InclusionExclusion.Term(atoms, 1), charge, "whole", new AtomSetCover([atoms])) with
        {
            UnpairedElectrons = unpairedElectrons,
        };
    }

    private static Division Windows(Topology topology, TemplateAssignment? assignment, Region region, FragmentScheme scheme, int unpairedElectrons)
    {
        if (assignment is null || region.Residues.Count == 0)
            throw new PluginBridgeException(ErrorCode.Unsupported,
                $"The scheme '{scheme}' divides chains of amino acids, and the region has no known residues. Use the scheme 'whole'.");
        if (region.Residues.Any(r => !assignment.Residues.Contains(r)))
            throw new PluginBridgeException(ErrorCode.Unsupported,
                $"The scheme '{scheme}' divides chains of amino acids; {Unassigned(topology, assignment, region)} is none that " +
                "is known. Leave it out of the region or use the scheme 'whole'.");
        if (unpairedElectrons != 0)
            throw new PluginBridgeException(ErrorCode.Unsupported,
                $"{unpairedElectrons} unpaired electrons cannot be divided among fragments. Use the scheme 'whole'.");
        var links = new ResidueLinks(topology, assignment, region.Residues);
        var windows = new WindowScheme(topology, links);
        List<PeptideChain> chains = PeptideChains.Find(links, region.Residues);
        int width = WindowScheme.Width(scheme);
        var primaries = chains.SelectMany(chain => windows.Windows(chain, width)).ToList();

        var cover = new AtomSetCover(primaries);
        var labels = new FragmentLabels(topology, links, region.Residues.ToHashSet());
        Fragment Finished(InclusionExclusion.Term term) =>
            Finish(topology, term, FragmentCharges.Sum(assignment, term.Atoms), labels.Label(term.Atoms), cover);
        return new([.. InclusionExclusion.Expand(primaries).Select(Finished)],
            SchemeText.HasPairs(scheme)
                ? new PairCells(topology, new PairUnits(windows, chains, width), Finished)
                : null);
    }

    private static Fragment Finish(Topology topology, InclusionExclusion.Term term, int charge, string label, AtomSetCover cover)
    {
        var inside = term.Atoms.ToHashSet();
        var caps = new List<CapHydrogen>();
        foreach (int anchor in term.Atoms)
            foreach (int replaced in topology.Neighbors(anchor))
                if (!inside.Contains(replaced))
                    caps.Add(new CapHydrogen(anchor, replaced, CapGeometry.BondLength(topology, anchor), !cover.Covers(anchor, replaced)));
        return new Fragment
        {
            Coefficient = term.Coefficient,
            Atoms = term.Atoms,
            Caps = caps,
            Charge = charge,
            Residues = [.. term.Atoms.Select(a => topology.Atoms[a].ResidueIndex).Where(r => r >= 0).Distinct().Order()],
            Label = label,
        };
    }

    private static void CheckCharge(Topology topology, TemplateAssignment? assignment, Region region, int? totalCharge)
    {
        if (assignment is null || !region.Residues.All(assignment.Residues.Contains))
        {
            if (totalCharge is null)
                throw new PluginBridgeException(ErrorCode.InvalidArgument, region.Residues.Count == 0
                    ? "A molecule without residues has no formal charges: give the total charge of the region."
                    : $"The formal charge of {Unassigned(topology, assignment, region)} is unknown: give the total charge of the region.");
            return;
        }

        int expected = FragmentCharges.Sum(assignment, region.Atoms);
        if (totalCharge is { } given && given != expected)
            throw new PluginBridgeException(ErrorCode.InvalidArgument,
                $"The total charge {given:+0;-0;0} e was given, but the region's residues add up to {expected:+0;-0;0} e" +
                $"{ChargedResidues(topology, assignment, region)}. Correct it, or leave it out to take it from the residues.");
    }

    private static string Unassigned(Topology topology, TemplateAssignment? assignment, Region region) =>
        topology.Residues[region.Residues.First(r => assignment is null || !assignment.Residues.Contains(r))].ToString();

    private static string ChargedResidues(Topology topology, TemplateAssignment assignment, Region region)
    {
        string[] charged = [.. region.Residues
            .Select(r => (Residue: topology.Residues[r], Charge: FragmentCharges.Sum(assignment, topology.Residues[r].Atoms)))
            .Where(entry => entry.Charge != 0)
            .Select(entry => $"{entry.Residue} {entry.Charge:+0;-0}")];
        return charged.Length == 0 ? "" : $" ({string.Join(", ", charged.Take(8))}{(charged.Length > 8 ? ", …" : "")})";
    }
}
