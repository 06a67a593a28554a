using Topology = PluginBridge.Core.Chemistry.Topology;

namespace PluginBridge.Cli;

/// <summary>A whole topology as a system, charges from the residue templates.</summary>
internal static class WholeProtein
{
    internal static FragmentedSystem Under(Model model, Topology topology, string scheme)
    {
        (FragmentScheme kind, (double, double)? radii) = SchemeText.Parse(scheme);
        return FragmentedSystem.Create(model, new SystemSpecification
        {
            AtomicNumbers = [.. topology.Atoms.Select(atom => atom.AtomicNumber)],
            Bonds = [.. topology.Bonds.Select(bond => (bond.A, bond.B))],
            Residues = [.. topology.Residues.Select(residue => new Residue(residue.Name, residue.Number, residue.Chain))],
            AtomResidues = [.. topology.Atoms.Select(atom => atom.ResidueIndex)],
            AtomNames = [.. topology.Atoms.Select(atom => atom.Name)],
            Scheme = kind,
            PairRadii = radii,
        });
    }
}
