namespace PluginBridge.Core.Chemistry;

/// <summary>
/// Which residue form each residue of a topology is and which template atom each of its atoms, found by elements and
/// bonds. It gives canonical names, formal charges and ff14SB types to whoever needs more than the host's names.
/// Immutable.
/// </summary>
public sealed class TemplateAssignment
{
    private readonly Topology _topology;
    private readonly ResidueTemplate?[] _templates;
    private readonly int[] _templateIndices;

    private TemplateAssignment(Topology topology, ResidueTemplate?[] templates, int[] templateIndices, int[] residues)
    {
        _topology = topology;
        _templates = templates;
        _templateIndices = templateIndices;
        Residues = residues;
    }

    /// <summary>Indices of the assigned residues, ascending.</summary>
    public IReadOnlyList<int> Residues { get; }

    /// <summary>Assigns every residue of a topology.</summary>
    /// <exception cref="PluginBridgeException">A residue fits no template; the message names it, the closest form and the
    /// atoms or bonds in which they differ.</exception>
    public static TemplateAssignment Assign(Topology topology) =>
        Assign(topology, Enumerable.Range(0, topology.Residues.Count));

    /// <summary>Assigns some residues of a topology, e.g. those of a region.</summary>
    /// <exception cref="PluginBridgeException">A residue fits no template; the message names it, the closest form and the
    /// atoms or bonds in which they differ.</exception>
    public static TemplateAssignment Assign(Topology topology, IEnumerable<int> residues)
    {
        if (topology.Residues.Count == 0 && topology.Atoms.Count > 0)
            throw new PluginBridgeException(ErrorCode.Topology,
                "The topology has no residues, and ff14SB needs them. Give each atom its residue, or use an absolute potential "
                + "with the scheme 'whole'.");
        int[] wanted = [.. residues.Distinct().Order()];
        var templates = new ResidueTemplate?[topology.Residues.Count];
        var indices = new int[topology.Atoms.Count];
        Array.Fill(indices, -1);
        foreach (int index in wanted)
        {
            if (index < 0 || index >= topology.Residues.Count)
                throw new PluginBridgeException(ErrorCode.InvalidArgument,
                    $"Residue index {index} is outside 0..{topology.Residues.Count - 1}.");
            Residue residue = topology.Residues[index];
            (ResidueTemplate template, int[] match) = AssignResidue(topology, residue);
            templates[index] = template;
            for (int i = 0; i < match.Length; i++)
                indices[residue.Atoms[i]] = match[i];
        }

        return new TemplateAssignment(topology, templates, indices, wanted);
    }

    /// <summary>Whether an atom belongs to an assigned residue.</summary>
    public bool IsAssigned(int atom) => _templateIndices[atom] >= 0;

    /// <summary>Template of a residue.</summary>
    public ResidueTemplate Template(int residue) => _templates[residue]
        ?? throw new PluginBridgeException(ErrorCode.Topology, $"Residue {_topology.Residues[residue]} has not been assigned to a template.");

    /// <summary>Index of an atom in its residue's template.</summary>
    public int TemplateIndex(int atom) => _templateIndices[atom] >= 0
        ? _templateIndices[atom]
        : throw new PluginBridgeException(ErrorCode.Topology, $"{_topology.Describe(atom)} has not been assigned to a template.");

    /// <summary>Template atom of an atom.</summary>
    public TemplateAtom TemplateAtom(int atom) => Template(_topology.Atoms[atom].ResidueIndex).Atoms[TemplateIndex(atom)];

    /// <summary>Canonical name of an atom: <c>N</c>, <c>CA</c>, <c>HA2</c>, <c>SG</c>.</summary>
    public string CanonicalName(int atom) => TemplateAtom(atom).Name;

    /// <summary>Formal charge of an atom, e. The sum over the atoms of an ionic group is the group's charge.</summary>
    public int FormalCharge(int atom) => TemplateAtom(atom).FormalCharge;

    /// <summary>Form of a residue: <c>HIP</c>, <c>NGLY</c>, <c>CALA</c>, <c>ACE</c>, <c>CYX</c>.</summary>
    public string ResidueForm(int residue) => Template(residue).Name;

    /// <summary>Whether a residue is an amino acid, at any chain position.</summary>
    public bool IsAminoAcid(int residue) => !Template(residue).IsCap;

    /// <summary>Whether a residue is ACE, NME or NHE.</summary>
    public bool IsCap(int residue) => Template(residue).IsCap;

    private static (ResidueTemplate Template, int[] Match) AssignResidue(Topology topology, Residue residue)
    {
        var matcher = new TemplateMatcher(topology, residue);
        foreach (ResidueTemplate template in ResidueTemplates.WithSignature(matcher.Signature))
        {
            int[]? match = matcher.Match(template);
            if (match is null)
                continue;
            // A cystine without its bridge has the graph of a thiolate; the name tells that the bond was lost.
            if (template.BaseName == "CYM" && residue.Name.Trim().ToUpperInvariant() is "CYX" or "NCYX" or "CCYX" or "CYS2")
                throw new PluginBridgeException(ErrorCode.Topology,
                    $"Residue {residue} is named as half of a disulfide, but its SG is bonded to no other SG. Add the bond to the topology (OpenMM: Topology.createDisulfideBonds), "
                    + "or name the residue CYM if a thiolate is meant.");
            return (template, match);
        }

        throw new PluginBridgeException(ErrorCode.Topology, TemplateDiagnosis.Explain(topology, residue));
    }
}
