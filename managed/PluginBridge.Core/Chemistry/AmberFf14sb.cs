namespace PluginBridge.Core.Chemistry;

/// <summary>
/// AMBER ff14SB of proteins in vacuo: the terms that OpenMM's amber14/protein.ff14SB.xml gives, without constraints and
/// without cutoff. Maier et al., J. Chem. Theory Comput. 11, 3696 (2015), doi:10.1021/acs.jctc.5b00255.
/// </summary>
public static class AmberFf14sb
{
    /// <summary>Name of the force field in model files and messages.</summary>
    public const string Name = "amber-ff14sb";

    /// <summary>Terms of the assigned residues of a topology; indices are the topology's.</summary>
    /// <remarks>Where only some residues are assigned, terms that reach any other atom are left out, and the other atoms
    /// have zero charge and ε: take <see cref="MolecularMechanicsSubset.Subset"/> of the assigned atoms.</remarks>
    /// <exception cref="PluginBridgeException">ff14SB has no parameters for a bond or angle between residues.</exception>
    public static MolecularMechanicsTerms CreateTerms(Topology topology, TemplateAssignment assignment)
    {
        ForceFieldTable table = ForceFieldTable.Instance;
        var types = new string?[topology.Atoms.Count];
        var nonbonded = new NonbondedParameters[types.Length];
        for (int i = 0; i < types.Length; i++)
        {
            if (!assignment.IsAssigned(i))
                continue;
            TemplateAtom atom = assignment.TemplateAtom(i);
            types[i] = atom.Type;
            (double sigma, double epsilon) = table.LennardJones[atom.Type];
            nonbonded[i] = new NonbondedParameters(atom.Charge, sigma, epsilon);
        }

        return new MolecularMechanicsTerms
        {
            AtomCount = types.Length,
            Bonds = Bonds(topology, types, table),
            Angles = Angles(topology, types, table),
            Torsions = [.. Propers(topology, types, table), .. AmberImpropers.Find(topology, assignment, types, table)],
            Nonbonded = nonbonded,
            Exceptions = Exceptions(topology, nonbonded, types, table),
        };
    }

    private static List<HarmonicBond> Bonds(Topology topology, string?[] types, ForceFieldTable table)
    {
        var bonds = new List<HarmonicBond>(topology.Bonds.Count);
        foreach ((int a, int b) in topology.Bonds)
        {
            if (types[a] is not { } ta || types[b] is not { } tb)
                continue;
            if (!table.Bonds.TryGetValue((ta, tb), out (double Length, double Constant) p))
                throw Missing(topology, "bond", [a, b], types);
            bonds.Add(new HarmonicBond(a, b, p.Length, p.Constant));
        }

        return bonds;
    }

    private static List<HarmonicAngle> Angles(Topology topology, string?[] types, ForceFieldTable table)
    {
        var angles = new List<HarmonicAngle>();
        for (int apex = 0; apex < types.Length; apex++)
        {
            ReadOnlySpan<int> neighbors = topology.Neighbors(apex);
            for (int i = 0; i < neighbors.Length; i++)
                for (int j = i + 1; j < neighbors.Length; j++)
                {
                    if (types[apex] is not { } tb || types[neighbors[i]] is not { } ta || types[neighbors[j]] is not { } tc)
                        continue;
                    if (!table.Angles.TryGetValue((ta, tb, tc), out (double Angle, double Constant) p))
                        throw Missing(topology, "angle", [neighbors[i], apex, neighbors[j]], types);
                    angles.Add(new HarmonicAngle(neighbors[i], apex, neighbors[j], p.Angle, p.Constant));
                }
        }

        return angles;
    }

    /// <summary>A definition of four types comes before one with wildcards; torsions without definition have no term.</summary>
    private static List<PeriodicTorsion> Propers(Topology topology, string?[] types, ForceFieldTable table)
    {
        var torsions = new List<PeriodicTorsion>();
        var known = new Dictionary<(string, string, string, string), TorsionDefinition?>();
        foreach ((int b, int c) in topology.Bonds)
        {
            foreach (int a in topology.Neighbors(b))
            {
                foreach (int d in topology.Neighbors(c))
                {
                    if (a == c || d == b || a == d
                        || types[a] is not { } ta || types[b] is not { } tb || types[c] is not { } tc || types[d] is not { } td)
                        continue;
                    if (!known.TryGetValue((ta, tb, tc, td), out TorsionDefinition? definition))
                        known[(ta, tb, tc, td)] = definition = ProperDefinition(table, [ta, tb, tc, td]);
                    foreach (TorsionTerm term in definition?.Terms ?? [])
                        torsions.Add(new PeriodicTorsion(a, b, c, d, term.Periodicity, term.Phase, term.Constant));
                }
            }
        }

        return torsions;
    }

    private static TorsionDefinition? ProperDefinition(ForceFieldTable table, string[] types)
    {
        string[] reversed = [.. Enumerable.Reverse(types)];
        IEnumerable<TorsionDefinition> matching = table.Propers.Where(t => Matches(t.Types, types) || Matches(t.Types, reversed));
        return matching.OrderBy(t => t.HasWildcard ? 1 : 0).FirstOrDefault();
    }

    private static bool Matches(string[] pattern, string[] types)
    {
        for (int i = 0; i < 4; i++)
            if (pattern[i] != "*" && pattern[i] != types[i])
                return false;
        return true;
    }

    /// <summary>Excludes 1-2 and 1-3 pairs and scales 1-4 pairs.</summary>
    private static List<NonbondedException> Exceptions(Topology topology, NonbondedParameters[] parameters, string?[] types,
        ForceFieldTable table)
    {
        var exceptions = new List<NonbondedException>();
        var separation = new Dictionary<int, int>();
        for (int a = 0; a < types.Length; a++)
        {
            if (types[a] is null)
                continue;
            BondSeparations(topology, a, 3, separation);
            foreach ((int b, int bonds) in separation.OrderBy(p => p.Key))
            {
                if (b <= a || types[b] is null)
                    continue;
                (NonbondedParameters p, NonbondedParameters q) = (parameters[a], parameters[b]);
                exceptions.Add(bonds < 3
                    ? new NonbondedException(a, b, 0, 1, 0)
                    : new NonbondedException(a, b, table.Coulomb14Scale * p.Charge * q.Charge, (p.Sigma + q.Sigma) / 2,
                        table.LennardJones14Scale * Math.Sqrt(p.Epsilon * q.Epsilon)));
            }
        }

        return exceptions;
    }

    /// <summary>Fewest bonds between an atom and each of those within some number of bonds.</summary>
    private static void BondSeparations(Topology topology, int atom, int most, Dictionary<int, int> separation)
    {
        separation.Clear();
        separation.Add(atom, 0);
        List<int> shell = [atom];
        for (int bonds = 1; bonds <= most; bonds++)
        {
            var next = new List<int>();
            foreach (int a in shell)
                foreach (int b in topology.Neighbors(a))
                    if (separation.TryAdd(b, bonds))
                        next.Add(b);
            shell = next;
        }
    }

    private static PluginBridgeException Missing(Topology topology, string kind, int[] atoms, string?[] types) => new(
        ErrorCode.Topology, $"ff14SB has no {kind} parameters for {string.Join(" - ", atoms.Select(topology.Describe))} "
        + $"(types {string.Join("-", atoms.Select(a => types[a]))}); is this bond between residues real?");
}
