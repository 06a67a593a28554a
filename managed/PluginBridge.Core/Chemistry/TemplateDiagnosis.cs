namespace PluginBridge.Core.Chemistry;

/// <summary>Says why a residue fits no template, in terms of its atoms and bonds, and what to do.</summary>
internal static class TemplateDiagnosis
{
    private const string AddHydrogens = "add them with PDBFixer or OpenMM's Modeller.addHydrogens";

    public static string Explain(Topology topology, Residue residue)
    {
        string head = $"Residue {residue} fits no residue of ff14SB: ";
        if (residue.Atoms.Count == 0)
            return head + "it has no atoms.";
        foreach (int atom in residue.Atoms)
            if (topology.Atoms[atom].AtomicNumber is not (1 or 6 or 7 or 8 or 16))
                return head + $"{topology.Describe(atom)} is {Elements.Symbol(topology.Atoms[atom].AtomicNumber)}, and proteins "
                    + "of the table are made of H, C, N, O and S. Leave it out of the region.";
        if (!residue.Atoms.Any(a => topology.Atoms[a].AtomicNumber == 1))
            return head + $"it has no hydrogen atoms; {AddHydrogens}.";
        if (NeutralTerminus(topology, residue) is { } neutral)
            return head + neutral;

        (string, int)[] atoms = [.. residue.Atoms.Select(a => (topology.Atoms[a].Name, topology.Atoms[a].AtomicNumber))];
        IReadOnlyList<ResidueTemplate> forms = ResidueTemplates.Forms(residue.Name);
        if (forms.Count == 0)
            return head + $"{residue.Name} is not an amino acid or cap that it knows. Leave the residue out of the region "
                + "(waters, ions, ligands), or use an absolute potential.";
        ResidueNameMatch closest = ResidueNameMatch.Closest(atoms, forms)!;
        return head + Difference(topology, residue, closest);
    }

    private static string Difference(Topology topology, Residue residue, ResidueNameMatch closest)
    {
        ResidueTemplate template = closest.Template;
        var parts = new List<string>();
        if (closest.Missing.Count > 0)
            parts.Add($"{closest.MissingNames} {(closest.Missing.Count == 1 ? "is" : "are")} missing");
        if (closest.Unknown.Count > 0)
            parts.Add($"{string.Join(", ", closest.Unknown.Select(i => Label(topology, residue.Atoms[i])))} "
                + (closest.Unknown.Count == 1 ? "is not known to it" : "are not known to it"));
        if (parts.Count == 0)
            parts.AddRange(BondDifferences(topology, residue, closest));
        string text = $"compared with {template.Name}, the closest form, {string.Join("; ", parts)}.";
        if (closest.Missing.Count > 0 && closest.Missing.All(t => template.Atoms[t].AtomicNumber == 1))
            text += $" For missing hydrogens: {AddHydrogens}.";
        else if (closest.Missing.Count > 0)
            text += " Missing heavy atoms can be built with PDBFixer.";
        return text;
    }

    private static IEnumerable<string> BondDifferences(Topology topology, Residue residue, ResidueNameMatch names)
    {
        ResidueTemplate template = names.Template;
        var position = residue.Atoms.Select((atom, i) => (atom, i)).ToDictionary(p => p.atom, p => p.i);
        var present = new HashSet<Bond>();
        var external = new int[template.Atoms.Count];
        var partners = new List<string>[template.Atoms.Count];
        foreach ((int atom, int i) in position)
        {
            int t = names.Indices[i];
            partners[t] = [];
            foreach (int neighbor in topology.Neighbors(atom))
            {
                if (position.TryGetValue(neighbor, out int j))
                {
                    present.Add(new Bond(Math.Min(t, names.Indices[j]), Math.Max(t, names.Indices[j])));
                    continue;
                }

                external[t]++;
                partners[t].Add(topology.Describe(neighbor));
            }
        }

        foreach (Bond bond in template.Bonds.Where(b => !present.Contains(b)))
            yield return $"the bond {template.Atoms[bond.A].Name}-{template.Atoms[bond.B].Name} is missing";
        foreach (Bond bond in present.Where(b => !template.Bonds.Contains(b)))
            yield return $"the bond {template.Atoms[bond.A].Name}-{template.Atoms[bond.B].Name} is not in it";
        for (int t = 0; t < external.Length; t++)
        {
            if (external[t] < template.ExternalBonds(t))
                yield return $"{template.Atoms[t].Name} has no bond to another residue" + Advice(template.Atoms[t].Name);
            else if (external[t] > template.ExternalBonds(t))
                yield return $"{template.Atoms[t].Name} is bonded to {string.Join(" and ", partners[t])}";
        }
    }

    private static string Advice(string atom) => atom switch
    {
        "N" => " (a chain starts with NH3+ or with an ACE cap)",
        "C" => " (a chain ends with COO-, that is with OXT, or with an NME cap)",
        "SG" => " (a cysteine without HG is in a disulfide; a thiolate is the form CYM)",
        _ => "",
    };

    /// <summary>Neutral chain ends, for which ff14SB has no parameters.</summary>
    private static string? NeutralTerminus(Topology topology, Residue residue)
    {
        var atoms = residue.Atoms.ToHashSet();
        foreach (int atom in residue.Atoms)
        {
            int hydrogens = Hydrogens(topology, atom);
            string name = topology.Atoms[atom].Name.Trim().ToUpperInvariant();
            bool outside = topology.Neighbors(atom).ToArray().Any(n => !atoms.Contains(n));
            if (name == "N" && topology.Atoms[atom].AtomicNumber == 7 && !outside
                && topology.Neighbors(atom).Length == 3 && hydrogens == (IsProline(residue) ? 1 : 2))
                return $"its N-terminus is neutral ({(hydrogens == 2 ? "NH2" : "NH")}), and ff14SB has charged ends only. "
                    + "Protonate it (NH3+), or cap the chain with ACE.";
            if (topology.Atoms[atom].AtomicNumber == 8 && hydrogens == 1 && name is "OXT" or "O" or "O2" or "OT2" or "OT")
                return "its C-terminus is neutral (COOH), and ff14SB has charged ends only. Take the acid hydrogen off "
                    + "(COO-), or cap the chain with NME.";
        }

        return null;
    }

    private static bool IsProline(Residue residue) => residue.Name is "PRO" or "HYP" or "NPRO";

    private static int Hydrogens(Topology topology, int atom)
    {
        int count = 0;
        foreach (int neighbor in topology.Neighbors(atom))
            if (topology.Atoms[neighbor].AtomicNumber == 1)
                count++;
        return count;
    }

    private static string Label(Topology topology, int atom)
    {
        Atom a = topology.Atoms[atom];
        return a.Name.Length > 0 ? a.Name : $"{Elements.Symbol(a.AtomicNumber)} (index {atom})";
    }
}
