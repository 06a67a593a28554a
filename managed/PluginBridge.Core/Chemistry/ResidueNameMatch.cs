namespace PluginBridge.Core.Chemistry;

/// <summary>How well the atom names of a residue agree with a template.</summary>
/// <param name="Template">The template.</param>
/// <param name="Indices">Template index of each atom, −1 for one that it does not know.</param>
/// <param name="Unknown">Positions of the atoms that it does not know, or that another atom already stands for.</param>
/// <param name="Missing">Template indices that no atom stands for.</param>
internal sealed record ResidueNameMatch(ResidueTemplate Template, int[] Indices, IReadOnlyList<int> Unknown,
    IReadOnlyList<int> Missing)
{
    /// <summary>Whether every atom is known and none is missing.</summary>
    public bool IsExact => Unknown.Count == 0 && Missing.Count == 0;

    /// <summary>Names of the missing atoms, hydrogens last.</summary>
    public string MissingNames => string.Join(", ", Missing.Select(i => Template.Atoms[i])
        .OrderBy(a => a.AtomicNumber == 1 ? 1 : 0).Select(a => a.Name));

    /// <summary>The form among candidates that agrees best; heavy atoms count more than hydrogens.</summary>
    public static ResidueNameMatch? Closest(IReadOnlyList<(string Name, int AtomicNumber)> atoms,
        IEnumerable<ResidueTemplate> candidates) =>
        candidates.Select(t => Compare(atoms, t)).MinBy(m => m.Distance(atoms));

    /// <summary>Compares atom names, by name or synonym and element, with a template's.</summary>
    public static ResidueNameMatch Compare(IReadOnlyList<(string Name, int AtomicNumber)> atoms, ResidueTemplate template)
    {
        var indices = new int[atoms.Count];
        Array.Fill(indices, -1);
        var taken = new bool[template.Atoms.Count];
        // Exact names first, so that a synonym never takes the place of an atom that has the name itself.
        for (int pass = 0; pass < 2; pass++)
        {
            for (int i = 0; i < atoms.Count; i++)
            {
                if (indices[i] >= 0)
                    continue;
                int t = pass == 0 ? template.IndexOf(atoms[i].Name.Trim()) : ResidueTemplates.ResolveAtom(template, atoms[i].Name);
                if (t < 0 || taken[t] || template.Atoms[t].AtomicNumber != atoms[i].AtomicNumber)
                    continue;
                indices[i] = t;
                taken[t] = true;
            }
        }

        return new ResidueNameMatch(template, indices,
            [.. Enumerable.Range(0, atoms.Count).Where(i => indices[i] < 0)],
            [.. Enumerable.Range(0, taken.Length).Where(t => !taken[t])]);
    }

    private int Distance(IReadOnlyList<(string Name, int AtomicNumber)> atoms) =>
        Unknown.Sum(i => atoms[i].AtomicNumber == 1 ? 1 : 10) + Missing.Sum(t => Template.Atoms[t].AtomicNumber == 1 ? 1 : 10);
}
