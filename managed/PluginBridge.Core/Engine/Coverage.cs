using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Fragmentation;
using PluginBridge.Core.Potentials;

namespace PluginBridge.Core.Engine;

/// <summary>Refuses by name, before a simulation starts, what a potential does not cover.</summary>
internal static class Coverage
{
    /// <summary>
    /// Templates of the region's residues and of those bonded to it. Null where they fit none and nothing needs them: an
    /// absolute potential on complete molecules, in one piece, of known charge; or a molecule
    /// without residues, whose force field a correction cannot compare: there the caller vouches for it.
    /// </summary>
    /// <exception cref="PluginBridgeException">A residue fits no template.</exception>
    public static TemplateAssignment? AssignTemplates(PotentialInfo potential, SystemSpecification specification, Region region)
    {
        if (potential.Target != PotentialTarget.Absolute && potential.BaseForceField != AmberFf14sb.Name)
            throw new PluginBridgeException(ErrorCode.Unsupported,
                $"{potential.Name} corrects the force field '{potential.BaseForceField}'; this version knows {AmberFf14sb.Name} only.");
        if (region.Residues.Count == 0)
            return potential.Target == PotentialTarget.Absolute || specification.HostTerms is null
                ? null
                : throw new PluginBridgeException(ErrorCode.Topology,
                    $"{potential.Name} corrects {potential.BaseForceField}: to compare the host's terms with it, the topology " +
                    "needs residues and atom names.");
        bool isOptional = specification.Scheme == FragmentScheme.Whole && region.BorderResidues.Count == 0
            && specification.TotalCharge is not null && potential.Target == PotentialTarget.Absolute;
        try
        {
            return TemplateAssignment.Assign(specification.Topology, region.Residues.Concat(region.BorderResidues));
        }
        catch (PluginBridgeException) when (isOptional)
        {
            return null;
        }
    }

    /// <summary>Elements, those of caps included.</summary>
    /// <exception cref="PluginBridgeException">The potential does not know an atom's element.</exception>
    public static void CheckElements(IPotential potential, Topology topology, IReadOnlyList<Fragment> fragments)
    {
        foreach (Fragment fragment in fragments)
        {
            foreach (int atom in fragment.Atoms)
                if (!potential.SupportsElement(topology.Atoms[atom].AtomicNumber))
                    throw new PluginBridgeException(ErrorCode.Unsupported,
                        $"{potential.Info.Name} does not know the element {Elements.Symbol(topology.Atoms[atom].AtomicNumber)} " +
                        $"of {topology.Describe(atom)}. Leave its residue out of the region or take another potential.");
            if (fragment.Caps.Count > 0 && !potential.SupportsElement(1))
                throw new PluginBridgeException(ErrorCode.Unsupported,
                    $"{potential.Info.Name} does not know hydrogen, with which fragments are capped. Use the scheme 'whole' on complete molecules.");
        }
    }

    /// <summary>The host's terms: as many atoms as the topology; for a correction the force field that it corrects, of the
    /// region and of the residues at its border; for an absolute potential no springs but those of covalent bonds.</summary>
    /// <returns>Terms of the force field that constraints replace in the host; null for an absolute potential, whose E_base is
    /// made of the host's own terms.</returns>
    /// <exception cref="PluginBridgeException">They are not; the first atom or term that differs is named.</exception>
    public static MolecularMechanicsTerms? CheckHostTerms(PotentialInfo potential, SystemSpecification specification, Region region,
        TemplateAssignment? assignment)
    {
        if (specification.HostTerms is not { } host)
            return null;
        int atoms = specification.Topology.Atoms.Count;
        if (host.AtomCount != atoms)
            throw new PluginBridgeException(ErrorCode.InvalidArgument, $"The host's terms are of {host.AtomCount} atoms, the topology has {atoms}.");
        if (potential.Target != PotentialTarget.Absolute)
            return ForceFieldComparison.RequireFf14sb(host, specification.Topology, assignment!, specification.Constraints);
        RefuseRestraints(host, specification.Topology, region);
        return null;
    }

    /// <summary>E_base takes all terms of the region away: a restraint among them would have no effect.</summary>
    private static void RefuseRestraints(MolecularMechanicsTerms host, Topology topology, Region region)
    {
        var inside = region.Atoms.ToHashSet();
        foreach (HarmonicBond bond in host.Bonds)
        {
            int[] neighbors = [.. topology.Neighbors(bond.A)];
            // Two bonds apart: Urey-Bradley.
            bool isForceField = neighbors.Contains(bond.B) || neighbors.Any(n => topology.Neighbors(n).Contains(bond.B));
            if (bond.Constant != 0 && !isForceField && inside.Contains(bond.A) && inside.Contains(bond.B))
                throw new PluginBridgeException(ErrorCode.Unsupported,
                    $"The host has a harmonic bond between {topology.Describe(bond.A)} and {topology.Describe(bond.B)}, which are " +
                    "not bonded in the topology. As a part of the host's force field it would be replaced by the potential: add " +
                    "a restraint by other means (OpenMM: CustomBondForce), or a missing bond to the topology.");
        }
    }
}
