using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Fragmentation;

namespace PluginBridge.Core.Engine;

/// <summary>
/// Force-field terms of cap hydrogens where the region ends. No other fragment cancels such a cap, so that E_base of an
/// absolute potential has to hold what the potential holds for it (the link-atom rule of ONIOM).
/// </summary>
/// <remarks>
/// The cap takes the place of the atom that it replaces in the angles and torsions of the capped molecule, with AMBER's
/// parameters of a hydrogen on that anchor (parm10/ff14SB: HC or H1 on CT and CX, H on N), whatever the host's force
/// field. Its bond has a fixed length, hence no term. It carries no charge, so that the molecule keeps the charges of its
/// real atoms; Lennard-Jones is that of HC, H1 or H, with AMBER's rules for close neighbours (none across one or two
/// bonds, half across three).
/// </remarks>
internal static class BorderCapTerms
{
    private const double Kcal = Units.KilojoulePerKilocalorie;
    private const double LennardJones14Scale = 0.5;

    // σ = 2^(5/6) R, R = 1.4870 Å (HC), 1.3870 Å (H1, carbon beside nitrogen or sulfur) and 0.6000 Å (H); ε = 0.0157 kcal/mol.
    private static readonly NonbondedParameters _hc = new(0, 0.2649532787749369, 0.0157 * Kcal);
    private static readonly NonbondedParameters _h1 = new(0, 0.2471353044121301, 0.0157 * Kcal);
    private static readonly NonbondedParameters _h = new(0, 0.10690784617684071, 0.0157 * Kcal);

    /// <summary>Terms of some border caps. Atoms have the indices of the topology; cap k has index atoms + k.</summary>
    /// <param name="Angles">H–a–x, also between two caps of one anchor.</param>
    /// <param name="Torsions">H–a–x–y and the improper of a capped amide nitrogen.</param>
    /// <param name="Pairs">Lennard-Jones pairs.</param>
    public sealed record Terms(List<HarmonicAngle> Angles, List<PeriodicTorsion> Torsions, List<NonbondedException> Pairs);

    /// <summary>The terms of the capped molecules, each once: every term whose real atoms share a fragment.</summary>
    /// <param name="topology">The bonds.</param>
    /// <param name="caps">Border caps.</param>
    /// <param name="cover">The fragments.</param>
    /// <param name="nonbonded">Parameters of the real atoms; empty: no pairs.</param>
    public static Terms Create(Topology topology, IReadOnlyList<CapHydrogen> caps, AtomSetCover cover,
        IReadOnlyList<NonbondedParameters> nonbonded)
    {
        var terms = new Terms([], [], []);
        int atoms = topology.Atoms.Count;
        for (int k = 0; k < caps.Count; k++)
        {
            int anchor = caps[k].Anchor, hydrogen = atoms + k;
            var distance = new Dictionary<int, int> { [anchor] = 1 };
            foreach (int x in topology.Neighbors(anchor))
            {
                if (!cover.Covers(anchor, x))
                    continue;
                distance.TryAdd(x, 2);
                terms.Angles.Add(Angle(topology, hydrogen, anchor, x, topology.Atoms[x].AtomicNumber));
                foreach (int y in topology.Neighbors(x))
                    if (y != anchor && cover.Covers(anchor, x, y))
                    {
                        distance.TryAdd(y, 3);
                        AddTorsions(terms.Torsions, topology, hydrogen, anchor, x, y, topology.Atoms[y].AtomicNumber);
                    }
            }

            for (int other = 0; other < k; other++)
                AddCapPair(terms, topology, caps, cover, k, other, nonbonded.Count > 0);
            AddImproper(terms.Torsions, topology, caps[k], cover, hydrogen);
            if (nonbonded.Count > 0)
                foreach (int q in cover.Companions(anchor))
                    if (distance.GetValueOrDefault(q, 4) is >= 3 and var bonds)
                        terms.Pairs.Add(Scaled(PairInteractions.Combine(hydrogen, q, Hydrogen(topology, cover, anchor), nonbonded[q]), bonds));
        }

        return terms;
    }

    private static void AddCapPair(Terms terms, Topology topology, IReadOnlyList<CapHydrogen> caps, AtomSetCover cover,
        int k, int other, bool pairs)
    {
        int atoms = topology.Atoms.Count, a = caps[k].Anchor, b = caps[other].Anchor;
        if (a == b)
            terms.Angles.Add(Angle(topology, atoms + k, a, atoms + other, 1));
        else if (cover.Covers(a, b))
        {
            bool bonded = topology.Neighbors(a).Contains(b);
            if (bonded)
                AddTorsions(terms.Torsions, topology, atoms + k, a, b, atoms + other, 1);
            if (pairs)
                terms.Pairs.Add(Scaled(PairInteractions.Combine(atoms + k, atoms + other, Hydrogen(topology, cover, a), Hydrogen(topology, cover, b)), bonded ? 3 : 4));
        }
    }

    /// <summary>H–a–x: K(θ−θ₀)² with K = 50 kcal/mol/rad², 35 between hydrogens; 109.5° at C, 120° or 118.04° at N.</summary>
    private static HarmonicAngle Angle(Topology topology, int hydrogen, int anchor, int x, int elementX)
    {
        bool onNitrogen = topology.Atoms[anchor].AtomicNumber == 7;
        double degrees = !onNitrogen ? 109.5 : elementX == 6 && IsCarbonyl(topology, x) ? 120.0 : 118.04;
        double constant = elementX == 1 ? 35.0 : 50.0;
        return new HarmonicAngle(hydrogen, anchor, x, degrees * Math.PI / 180, 2 * constant * Kcal);
    }

    /// <summary>H–a–x–y: HC-CT-C-O, H-N-C-O, X-C-N-X, X-CT-CT-X and X-CT-S-X; X-CT-C-X and X-CT-N-X have no barrier.</summary>
    private static void AddTorsions(List<PeriodicTorsion> torsions, Topology topology, int hydrogen, int anchor, int x, int y,
        int elementY)
    {
        void Add(int periodicity, double phase, double constant) =>
            torsions.Add(new PeriodicTorsion(hydrogen, anchor, x, y, periodicity, phase, constant * Kcal));

        switch (topology.Atoms[anchor].AtomicNumber, topology.Atoms[x].AtomicNumber)
        {
            case (6, 6) when IsCarbonyl(topology, x):
                if (elementY == 8)
                {
                    Add(1, 0, 0.8);
                    Add(3, Math.PI, 0.08);
                }

                break;
            case (6, 6):
                Add(3, 0, 1.4 / 9);
                break;
            case (6, 16):
                Add(3, 0, 1.0 / 3);
                break;
            case (7, 6) when IsCarbonyl(topology, x):
                Add(2, Math.PI, 2.5);
                if (elementY == 8)
                    Add(1, 0, 2.0);
                break;
        }
    }

    /// <summary>X-X-N-H, 1.1 kcal/mol, keeps a capped amide nitrogen (proline without its ring) planar.</summary>
    private static void AddImproper(List<PeriodicTorsion> torsions, Topology topology, CapHydrogen cap, AtomSetCover cover, int hydrogen)
    {
        if (topology.Atoms[cap.Anchor].AtomicNumber != 7)
            return;
        int[] others = [.. topology.Neighbors(cap.Anchor).ToArray().Where(x => x != cap.Replaced && cover.Covers(cap.Anchor, x))];
        if (others.Length == 2 && cover.Covers(cap.Anchor, others[0], others[1]))
            torsions.Add(new PeriodicTorsion(others[0], others[1], cap.Anchor, hydrogen, 2, Math.PI, 1.1 * Kcal));
    }

    private static bool IsCarbonyl(Topology topology, int atom) =>
        topology.Atoms[atom].AtomicNumber == 6 && topology.Neighbors(atom).ToArray()
            .Any(n => topology.Atoms[n].AtomicNumber == 8 && topology.Neighbors(n).Length == 1);

    /// <summary>Lennard-Jones parameters of a cap on an anchor.</summary>
    public static NonbondedParameters Hydrogen(Topology topology, AtomSetCover cover, int anchor)
    {
        if (topology.Atoms[anchor].AtomicNumber == 7)
            return _h;
        foreach (int x in topology.Neighbors(anchor))
            if (topology.Atoms[x].AtomicNumber is 7 or 16 && cover.Covers(anchor, x))
                return _h1;
        return _hc;
    }

    private static NonbondedException Scaled(NonbondedException pair, int bonds) =>
        bonds == 3 ? pair with { Epsilon = LennardJones14Scale * pair.Epsilon } : pair;
}
