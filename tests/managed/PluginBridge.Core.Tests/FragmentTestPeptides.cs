using PluginBridge.Core.Chemistry;

namespace PluginBridge.Core.Tests;

/// <summary>Builds topologies of peptides from the forms of their residues, and plausible positions for them.</summary>
internal static class FragmentTestPeptides
{
    /// <summary>Every amino-acid form inside a chain.</summary>
    public static IEnumerable<string> InternalForms => ResidueTemplates.All
        .Where(t => !t.IsCap && t.Position == ChainPosition.Internal && t.BaseName != "HYP" && t.IndexOf("CA") >= 0
            && t.ExternalBonds(t.IndexOf("N")) == 1 && t.ExternalBonds(t.IndexOf("C")) == 1)
        .Select(t => t.Name);

    /// <summary>Chains of residue forms, e.g. <c>"ACE ALA CYX NME"</c>; bridges join (chain, position) pairs.</summary>
    public static Topology Build(IReadOnlyList<string> chains, (int Chain, int Position, int OtherChain, int OtherPosition)[]? bridges = null,
        bool cyclic = false)
    {
        var atoms = new List<Atom>();
        var residues = new List<Residue>();
        var bonds = new List<Bond>();
        var index = new Dictionary<(int Chain, int Position, string Name), int>();
        for (int c = 0; c < chains.Count; c++)
        {
            string[] forms = chains[c].Split(' ');
            for (int p = 0; p < forms.Length; p++)
            {
                ResidueTemplate template = ResidueTemplates.Find(forms[p]) ?? throw new ArgumentException(forms[p]);
                int first = atoms.Count;
                foreach (TemplateAtom atom in template.Atoms)
                {
                    index[(c, p, atom.Name)] = atoms.Count;
                    atoms.Add(new Atom(atoms.Count, atom.Name, atom.AtomicNumber, residues.Count));
                }

                bonds.AddRange(template.Bonds.Select(b => new Bond(first + b.A, first + b.B)));
                residues.Add(new Residue(residues.Count, template.BaseName, (p + 1).ToString(System.Globalization.CultureInfo.InvariantCulture),
                    ((char)('A' + c)).ToString(), [.. Enumerable.Range(first, template.Atoms.Count)]));
                if (p > 0)
                    bonds.Add(new Bond(index[(c, p - 1, "C")], index[(c, p, "N")]));
            }

            if (cyclic)
                bonds.Add(new Bond(index[(c, forms.Length - 1, "C")], index[(c, 0, "N")]));
        }

        foreach ((int chain, int position, int otherChain, int otherPosition) in bridges ?? [])
            bonds.Add(new Bond(index[(chain, position, "SG")], index[(otherChain, otherPosition, "SG")]));
        return new Topology(atoms, residues, bonds);
    }

    /// <summary>
    /// Positions from a random start, relaxed with the bonded terms of ff14SB and a soft repulsion: bonds and angles as
    /// in a molecule, no overlaps.
    /// </summary>
    public static double[] Positions(Topology topology, int seed)
    {
        var random = new Random(seed);
        int atoms = topology.Atoms.Count;
        var positions = new double[3 * atoms];
        // A random walk along the bonds keeps chains untangled enough to relax.
        var placed = new bool[atoms];
        double offset = 0;
        foreach (Residue residue in topology.Residues)
            foreach (int atom in residue.Atoms)
            {
                placed[atom] = true;
                offset += 0.02;
                positions[3 * atom] = offset;
                positions[3 * atom + 1] = 0.25 * random.NextDouble();
                positions[3 * atom + 2] = 0.25 * random.NextDouble();
            }

        var bonded = new VacuumForceField(AmberFf14sb.CreateTerms(topology, TemplateAssignment.Assign(topology)).BondedOnly());
        var forces = new double[positions.Length];
        var velocities = new double[positions.Length];
        double step = 1e-4;
        for (int iteration = 0; iteration < 4000; iteration++)
        {
            Array.Clear(forces);
            bonded.Evaluate(positions, forces);
            Repel(topology, positions, forces);
            double largest = Math.Sqrt(forces.Max(f => f * f));
            // Damped motion, each move at most 0.01 nm.
            for (int i = 0; i < positions.Length; i++)
            {
                velocities[i] = 0.9 * velocities[i] + step * forces[i] / 10;
                velocities[i] = Math.Clamp(velocities[i], -0.01, 0.01);
                positions[i] += velocities[i] * Math.Min(1, 1e5 / Math.Max(largest, 1));
            }
        }

        return positions;
    }

    private static void Repel(Topology topology, double[] positions, double[] forces)
    {
        for (int a = 0; a < topology.Atoms.Count; a++)
            for (int b = a + 1; b < topology.Atoms.Count; b++)
            {
                double x = positions[3 * a] - positions[3 * b], y = positions[3 * a + 1] - positions[3 * b + 1], z = positions[3 * a + 2] - positions[3 * b + 2];
                double r = Math.Sqrt(x * x + y * y + z * z) + 1e-9;
                double contact = topology.Atoms[a].AtomicNumber == 1 || topology.Atoms[b].AtomicNumber == 1 ? 0.2 : 0.28;
                if (r >= contact || topology.Neighbors(a).Contains(b) || topology.Neighbors(a).ToArray().Intersect(topology.Neighbors(b).ToArray()).Any())
                    continue;
                double f = 2e4 * (contact - r) / r;
                forces[3 * a] += f * x;
                forces[3 * a + 1] += f * y;
                forces[3 * a + 2] += f * z;
                forces[3 * b] -= f * x;
                forces[3 * b + 1] -= f * y;
                forces[3 * b + 2] -= f * z;
            }
    }
}
