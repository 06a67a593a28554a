using PluginBridge.Core.Chemistry;

namespace PluginBridge.Core.IO;

/// <summary>A residue of a PDB file with the template form whose atoms it has.</summary>
internal sealed class PdbResidue
{
    private const double LongestHydrogenBond = 0.13;

    private PdbResidue(PdbResidueRecord record, ResidueTemplate template, int[] indices)
    {
        Record = record;
        Template = template;
        TemplateIndices = indices;
    }

    /// <summary>Lines of the file.</summary>
    public PdbResidueRecord Record { get; }

    /// <summary>Form. CYX also stands for a CYM here: their atoms are the same.</summary>
    public ResidueTemplate Template { get; }

    /// <summary>Template index of each atom.</summary>
    public int[] TemplateIndices { get; }

    /// <summary>Index of its first atom in the topology.</summary>
    public int FirstAtom { get; set; }

    /// <summary>Position in the residue of a template's atom, −1 where the template has no such atom.</summary>
    public int Find(string canonicalName) =>
        Template.IndexOf(canonicalName) is var t and >= 0 ? Array.IndexOf(TemplateIndices, t) : -1;

    /// <summary>Finds the form by atom names; hydrogens of unknown names by the atom they sit on.</summary>
    /// <exception cref="PluginBridgeException">No form has these atoms.</exception>
    public static PdbResidue Resolve(PdbResidueRecord record, string file)
    {
        foreach (PdbAtomRecord atom in record.Atoms)
            if (atom.AtomicNumber is not (1 or 6 or 7 or 8 or 16))
                throw new PluginBridgeException(ErrorCode.Topology, $"{file}, line {atom.Line}: {atom.Describe()} has the element "
                    + $"'{(atom.ElementText.Length > 0 ? atom.ElementText : atom.Name)}'; "
                    + "proteins of ff14SB are made of H, C, N, O and S.");

        (string, int)[] atoms = [.. record.Atoms.Select(a => (a.Name.ToUpperInvariant(), a.AtomicNumber))];
        ResidueNameMatch[] matches = [.. ResidueTemplates.Forms(record.Name).Select(form => ResidueNameMatch.Compare(atoms, form))];
        ResidueNameMatch? exact = matches.FirstOrDefault(m => m.IsExact);
        if (exact is not null)
            return new PdbResidue(record, exact.Template, exact.Indices);
        foreach (ResidueNameMatch match in matches)
            if (PlaceHydrogens(record, match) is { } indices)
                return new PdbResidue(record, match.Template, indices);
        // The acid hydrogen may sit on either oxygen of ASH and GLH; ff14SB's names have it on the second.
        (string, int)[] swapped = [.. atoms.Select(a => (SwapOxygens(a.Item1), a.Item2))];
        foreach (ResidueTemplate acid in matches.Select(m => m.Template).Where(t => t.BaseName is "ASH" or "GLH"))
            if (PlaceHydrogens(record, ResidueNameMatch.Compare(swapped, acid)) is { } indices)
                return new PdbResidue(record, acid, indices);
        ResidueNameMatch closest = ResidueNameMatch.Closest(atoms, matches.Select(m => m.Template))!;
        throw new PluginBridgeException(ErrorCode.Topology, Explain(record, matches, closest, file));
    }

    private static string SwapOxygens(string name) => name switch
    {
        "OD1" => "OD2",
        "OD2" => "OD1",
        "OE1" => "OE2",
        "OE2" => "OE1",
        _ => name,
    };

    /// <summary>Gives hydrogens of unknown names the free places on the heavy atoms they are bonded to, by distance.</summary>
    private static int[]? PlaceHydrogens(PdbResidueRecord record, ResidueNameMatch match)
    {
        ResidueTemplate template = match.Template;
        if (match.Unknown.Count != match.Missing.Count
            || match.Unknown.Any(i => record.Atoms[i].AtomicNumber != 1)
            || match.Missing.Any(t => template.Atoms[t].AtomicNumber != 1))
            return null;
        int[] indices = [.. match.Indices];
        var free = match.Missing.ToList();
        foreach (int i in match.Unknown)
        {
            int parent = NearestHeavyAtom(record, i);
            int place = parent < 0 ? -1 : free.FindIndex(t => template.Neighbors(t)[0] == match.Indices[parent]);
            if (place < 0)
                return null;
            indices[i] = free[place];
            free.RemoveAt(place);
        }

        return indices;
    }

    private static int NearestHeavyAtom(PdbResidueRecord record, int hydrogen)
    {
        (int best, double shortest) = (-1, LongestHydrogenBond);
        PdbAtomRecord h = record.Atoms[hydrogen];
        for (int i = 0; i < record.Atoms.Count; i++)
        {
            PdbAtomRecord a = record.Atoms[i];
            double distance = Math.Sqrt((a.X - h.X) * (a.X - h.X) + (a.Y - h.Y) * (a.Y - h.Y) + (a.Z - h.Z) * (a.Z - h.Z));
            if (a.AtomicNumber != 1 && distance < shortest)
                (best, shortest) = (i, distance);
        }

        return best;
    }

    private static string Explain(PdbResidueRecord record, ResidueNameMatch[] matches, ResidueNameMatch closest, string file)
    {
        if (!record.Atoms.Any(a => a.AtomicNumber == 1))
        {
            string text = $"{file}, line {record.Atoms[0].Line}: {record.Describe()} has no hydrogen atoms";
            string heavy = string.Join(", ", closest.Missing.Select(t => closest.Template.Atoms[t])
                .Where(a => a.AtomicNumber != 1).Select(a => a.Name));
            return text + (heavy.Length > 0 ? $", and {heavy} of {closest.Template.Name} are missing as well" : "")
                + ". Add what is missing with pluginbridge prepare, PDBFixer or OpenMM's Modeller.addHydrogens.";
        }

        if ((NeutralTerminus(record, matches) ?? FormInsideChainsOnly(record, matches)) is { } reason)
            return $"{file}, line {record.Atoms[0].Line}: {record.Describe()} {reason}";
        if (closest.Unknown.Count > 0 && (closest.Missing.Count == 0 || record.Atoms[closest.Unknown[0]].AtomicNumber != 1))
        {
            PdbAtomRecord atom = record.Atoms[closest.Unknown[0]];
            return $"{file}, line {atom.Line}: {atom.Describe()} is not an atom of {closest.Template.Name}, the closest form"
                + (closest.Missing.Count > 0 ? $", of which {closest.MissingNames} {Are(closest.Missing.Count)} missing" : "")
                + ". Correct the name, or remove the atom.";
        }

        bool hydrogens = closest.Missing.All(t => closest.Template.Atoms[t].AtomicNumber == 1);
        string unknown = string.Join(", ", closest.Unknown.Select(i => $"{record.Atoms[i].Name} (line {record.Atoms[i].Line})"));
        return $"{file}, line {record.Atoms[0].Line}: {record.Describe()} lacks {closest.MissingNames} of {closest.Template.Name}, "
            + "the closest form"
            + (unknown.Length > 0 ? $", and {unknown} {Are(closest.Unknown.Count)} unknown" : "") + ". "
            + (hydrogens ? "Add hydrogens with pluginbridge prepare, PDBFixer or OpenMM's Modeller.addHydrogens."
                : "Add missing atoms with pluginbridge prepare or PDBFixer.");
    }

    /// <summary>Protonation forms of a residue at a chain's end, for which ff14SB has no parameters.</summary>
    private static string? FormInsideChainsOnly(PdbResidueRecord record, ResidueNameMatch[] matches)
    {
        ResidueTemplate? form = matches.FirstOrDefault(m => m.Template.Position == ChainPosition.Internal
            && m.Unknown.All(i => record.Atoms[i].Name is "H1" or "H2" or "H3" or "OXT")
            && m.Missing.All(t => m.Template.Atoms[t].Name == "H"))?.Template;
        return form is null || matches.Any(m => m.Template.BaseName == form.BaseName && m.Template.Position != ChainPosition.Internal)
            ? null
            : $"is {form.Name} at the end of a chain, and ff14SB has {form.Name} inside chains only. Change its protonation, "
                + "or cap the chain (ACE, NME): pluginbridge prepare does either.";
    }

    /// <summary>Neutral chain ends, for which ff14SB has no parameters.</summary>
    private static string? NeutralTerminus(PdbResidueRecord record, ResidueNameMatch[] matches)
    {
        foreach (ResidueNameMatch match in matches)
        {
            ResidueTemplate form = match.Template;
            if (form.Position == ChainPosition.NTerminal && match.Unknown.Count == 0 && match.Missing.Count == 1
                && form.Neighbors(match.Missing[0]).Length == 1 && form.Atoms[form.Neighbors(match.Missing[0])[0]].Name == "N")
                return "has a neutral N-terminus, and ff14SB has charged ends only. Protonate it (NH3+), or cap the chain with ACE.";
            if (form.Position == ChainPosition.CTerminal && match.Missing.Count == 0 && match.Unknown.Count == 1
                && record.Atoms[match.Unknown[0]].AtomicNumber == 1 && NearestHeavyAtom(record, match.Unknown[0]) is var parent and >= 0
                && form.Atoms[match.Indices[parent]].Name is "O" or "OXT")
                return "has a neutral C-terminus, and ff14SB has charged ends only. Take the acid hydrogen off (COO-), "
                    + "or cap the chain with NME.";
        }

        return null;
    }

    private static string Are(int count) => count == 1 ? "is" : "are";
}
