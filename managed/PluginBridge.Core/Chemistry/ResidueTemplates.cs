namespace PluginBridge.Core.Chemistry;

/// <summary>The residue templates of ff14SB and the names that files give to residues and atoms.</summary>
public static class ResidueTemplates
{
    private static readonly Lazy<Dictionary<string, ResidueTemplate>> _byName =
        new(() => All.ToDictionary(t => t.Name, StringComparer.Ordinal));

    private static readonly Lazy<ILookup<string, ResidueTemplate>> _bySignature =
        new(() => All.ToLookup(t => t.Signature, StringComparer.Ordinal));

    private static readonly Lazy<ILookup<string, ResidueTemplate>> _byBase =
        new(() => All.ToLookup(t => t.BaseName, StringComparer.Ordinal));

    /// <summary>All templates.</summary>
    public static IReadOnlyList<ResidueTemplate> All => ForceFieldTable.Instance.Residues;

    /// <summary>Template of a form's name such as <c>NHIP</c>; null where there is none.</summary>
    public static ResidueTemplate? Find(string name) => _byName.Value.GetValueOrDefault(name);

    /// <summary>Templates with these counts of elements.</summary>
    internal static IEnumerable<ResidueTemplate> WithSignature(string signature) => _bySignature.Value[signature];

    /// <summary>
    /// Every form that a residue name in a file may stand for, e.g. HIS: HID, HIE, HIP at all chain positions;
    /// empty where the name is not known. A form's own name comes first.
    /// </summary>
    internal static IReadOnlyList<ResidueTemplate> Forms(string residueName)
    {
        string name = residueName.Trim().ToUpperInvariant();
        ResidueTemplate? own = Find(name);
        string baseName = own?.BaseName ?? name;
        ResidueFamily? family = ForceFieldTable.Instance.Families
            .FirstOrDefault(f => f.Name == baseName || f.Forms.Contains(baseName) || f.Aliases.Contains(baseName));
        IEnumerable<string> bases = family is null ? [baseName] : family.Forms.OrderBy(f => f == baseName ? 0 : 1);
        return [.. bases.SelectMany(b => _byBase.Value[b]).OrderBy(t => t == own ? 0 : 1)];
    }

    /// <summary>Template index of an atom that a file calls so, by name or synonym; −1 where there is none.</summary>
    internal static int ResolveAtom(ResidueTemplate template, string atomName)
    {
        string name = atomName.Trim().ToUpperInvariant();
        int index = template.IndexOf(name);
        if (index >= 0)
            return index;
        foreach (string[] group in NameGroups(template.BaseName))
        {
            if (!group.Contains(name))
                continue;
            foreach (string synonym in group)
                if ((index = template.IndexOf(synonym)) >= 0)
                    return index;
        }

        return -1;
    }

    private static IEnumerable<string[]> NameGroups(string baseName)
    {
        IReadOnlyDictionary<string, string[][]> names = ForceFieldTable.Instance.AtomNames;
        string? family = ForceFieldTable.Instance.Families.FirstOrDefault(f => f.Forms.Contains(baseName))?.Name;
        IEnumerable<string[]> own = names.GetValueOrDefault(baseName) ?? [];
        if (family is not null && family != baseName)
            own = own.Concat(names.GetValueOrDefault(family) ?? []);
        return own.Concat(names["*"]);
    }
}
