namespace PluginBridge.Core.Chemistry;

/// <summary>
/// Improper torsions of ff14SB. A definition names the central atom's type and those of the outer three in any order;
/// which outer atom comes first changes the energy slightly. The order is OpenMM's <c>ordering="amber"</c>: by residue,
/// then by place in the residue template.
/// </summary>
internal static class AmberImpropers
{
    private static readonly int[][] _permutations = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

    public static IEnumerable<PeriodicTorsion> Find(Topology topology, TemplateAssignment assignment, string?[] types,
        ForceFieldTable table)
    {
        for (int center = 0; center < types.Length; center++)
        {
            if (types[center] is not { } centerType)
                continue;
            int[] outer = [.. topology.Neighbors(center).ToArray().Where(n => types[n] is not null)];
            for (int i = 0; i < outer.Length; i++)
                for (int j = i + 1; j < outer.Length; j++)
                    for (int k = j + 1; k < outer.Length; k++)
                    {
                        int[] three = [outer[i], outer[j], outer[k]];
                        if (Match(topology, assignment, centerType, three, types, table) is not var (a, definition))
                            continue;
                        foreach (TorsionTerm term in definition.Terms)
                            yield return new PeriodicTorsion(a[0], a[1], center, a[2], term.Periodicity, term.Phase, term.Constant);
                    }
        }
    }

    /// <summary>Definition and outer atoms in order: the last specific definition, or else the first with wildcards.</summary>
    private static (int[] Atoms, TorsionDefinition Definition)? Match(Topology topology, TemplateAssignment assignment,
        string centerType, int[] outer, string?[] types, ForceFieldTable table)
    {
        (int[], TorsionDefinition)? match = null;
        foreach (TorsionDefinition definition in table.Impropers)
        {
            if (definition.Types[0] != centerType || (match is not null && definition.HasWildcard))
                continue;
            foreach (int[] permutation in _permutations)
            {
                int[] atoms = [.. permutation.Select(p => outer[p])];
                if (!Enumerable.Range(0, 3).All(n => definition.Types[n + 1] == "*" || definition.Types[n + 1] == types[atoms[n]]))
                    continue;
                Order(topology, assignment, atoms, types, definition.HasWildcard);
                match = (atoms, definition);
                break;
            }
        }

        return match;
    }

    /// <summary>Sorts the outer atoms that a definition cannot tell apart.</summary>
    private static void Order(Topology topology, TemplateAssignment assignment, int[] atoms, string?[] types, bool hasWildcard)
    {
        bool[] alike = hasWildcard
            ? [SameElement(0, 2), SameElement(1, 2), true]
            : [types[atoms[0]] == types[atoms[2]], types[atoms[1]] == types[atoms[2]], types[atoms[0]] == types[atoms[1]]];
        SortPair(0, 2, alike[0]);
        SortPair(1, 2, alike[1]);
        SortPair(0, 1, alike[2]);

        bool SameElement(int i, int j) => topology.Atoms[atoms[i]].AtomicNumber == topology.Atoms[atoms[j]].AtomicNumber;

        (int, int) Place(int i) => (topology.Atoms[atoms[i]].ResidueIndex, assignment.TemplateIndex(atoms[i]));

        void SortPair(int i, int j, bool alikeHere)
        {
            if (alikeHere && Place(i).CompareTo(Place(j)) > 0)
                (atoms[i], atoms[j]) = (atoms[j], atoms[i]);
        }
    }
}
