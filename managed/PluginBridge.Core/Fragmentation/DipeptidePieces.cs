using PluginBridge.Core.Chemistry;

namespace PluginBridge.Core.Fragmentation;

/// <summary>
/// The pieces of neighbouring residues that a dipeptide D_i takes in: {CA, HA*, C, O} before it, {N, H, CA, HA*} after
/// it, {CB, HB*, SG} across a disulfide bridge. Hydrogens and the carbonyl oxygen follow from the bonds, so glycine,
/// proline (no H) and any host's names need no cases. ACE, NME and NHE come as a whole.
/// </summary>
internal sealed class DipeptidePieces(Topology topology, ResidueLinks links)
{
    /// <summary>The piece of the residue before: {CA, HA*, C, O}.</summary>
    public IEnumerable<int> CarbonylSide(int residue) => links.IsCap(residue)
        ? topology.Residues[residue].Atoms
        : [.. WithHydrogens(links.Atom(residue, "CA")), .. WithTerminalAtoms(links.Atom(residue, "C"))];

    /// <summary>The piece of the residue after: {N, H, CA, HA*}.</summary>
    public IEnumerable<int> AmideSide(int residue) => links.IsCap(residue)
        ? topology.Residues[residue].Atoms
        : [.. WithHydrogens(links.Atom(residue, "N")), .. WithHydrogens(links.Atom(residue, "CA"))];

    /// <summary>The piece of the partner across a disulfide bridge, CH3–S once capped: {CB, HB2, HB3, SG}.</summary>
    public IEnumerable<int> SulfurSide(int residue) =>
        [.. WithHydrogens(links.Atom(residue, "CB")), links.Atom(residue, "SG")];

    private List<int> WithHydrogens(int atom)
    {
        List<int> atoms = [atom];
        foreach (int neighbor in topology.Neighbors(atom))
            if (topology.Atoms[neighbor].AtomicNumber == 1)
                atoms.Add(neighbor);
        return atoms;
    }

    private List<int> WithTerminalAtoms(int atom)
    {
        List<int> atoms = [atom];
        foreach (int neighbor in topology.Neighbors(atom))
            if (topology.Neighbors(neighbor).Length == 1)
                atoms.Add(neighbor);
        return atoms;
    }
}
