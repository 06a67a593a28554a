using PluginBridge.Core.Chemistry;

namespace PluginBridge.Core.IO;

/// <summary>Bonds of the residues of a PDB file: inside residues by template, peptide bonds and disulfides between them.</summary>
internal sealed class PdbBonds(string file, List<PdbResidue> residues, PdbRecords records, List<string> notes)
{
    private const double LongestPeptideBond = 0.2;
    private const double LongestDisulfide = 0.25;
    private const double LongestNamedDisulfide = 0.3;

    private readonly List<Bond> _bonds = [];
    private readonly Dictionary<PdbResidue, PdbResidue> _next = [];
    private readonly Dictionary<PdbResidue, PdbResidue> _previous = [];

    /// <summary>All bonds.</summary>
    /// <exception cref="PluginBridgeException">A chain is broken or open, a cysteine has lost its partner.</exception>
    public IReadOnlyList<Bond> Find()
    {
        foreach (PdbResidue residue in residues)
        {
            var position = new int[residue.TemplateIndices.Length];
            for (int i = 0; i < position.Length; i++)
                position[residue.TemplateIndices[i]] = residue.FirstAtom + i;
            foreach (Bond bond in residue.Template.Bonds)
                _bonds.Add(new Bond(position[bond.A], position[bond.B]));
        }

        JoinChains();
        JoinDisulfides();
        CheckConnections();
        return _bonds;
    }

    /// <summary>Peptide bonds: first those that the order of residues says, then, among what is still open, those that
    /// distances say (a ring's, one across a misplaced TER, one to a residue that stands elsewhere in the file).</summary>
    private void JoinChains()
    {
        for (int i = 0; i + 1 < residues.Count; i++)
            if (residues[i].Record.Segment == residues[i + 1].Record.Segment)
                JoinPeptide(residues[i], residues[i + 1]);
        var ends = residues.Where(r => !_next.ContainsKey(r) && Open(r, "C") >= 0).ToList();
        var starts = residues.Where(r => !_previous.ContainsKey(r) && Open(r, "N") >= 0).ToList();
        if (ends.Count == 0 && starts.Count == 0)
            return;
        var pairs = from a in ends
                    from b in starts
                    where a != b
                    let distance = Distance(a, Open(a, "C"), b, Open(b, "N"))
                    where distance <= LongestPeptideBond
                    orderby distance
                    select (a, b);
        foreach ((PdbResidue a, PdbResidue b) in pairs.ToList())
            if (!_next.ContainsKey(a) && !_previous.ContainsKey(b))
            {
                JoinPeptide(a, b);
                if (residues.IndexOf(b) is var position && position > 0 && residues[position - 1] == a)
                    notes.Add($"{file}: {a.Record.Describe()} and {b.Record.Describe()} are bonded in spite of a TER record or another "
                        + "chain identifier between them.");
            }

        for (int i = 0; i < residues.Count; i++)
            CheckEnds(residues[i], i > 0 ? residues[i - 1] : null, i + 1 < residues.Count ? residues[i + 1] : null);
    }

    private void JoinPeptide(PdbResidue a, PdbResidue b)
    {
        (int c, int n) = (Open(a, "C"), Open(b, "N"));
        if (c < 0 || n < 0 || Distance(a, c, b, n) > LongestPeptideBond)
            return;
        Join(a, c, b, n);
        _next.Add(a, b);
        _previous.Add(b, a);
    }

    private void CheckEnds(PdbResidue residue, PdbResidue? before, PdbResidue? after)
    {
        before = before?.Record.Segment == residue.Record.Segment ? before : null;
        after = after?.Record.Segment == residue.Record.Segment ? after : null;
        if (Open(residue, "N") >= 0 && !_previous.ContainsKey(residue))
            throw Start(residue, before);
        if (Open(residue, "C") is not (>= 0 and var c) || _next.ContainsKey(residue))
            return;
        if (after is null || Open(after, "N") is not (>= 0 and var n))
            throw End(residue, after);
        throw new PluginBridgeException(ErrorCode.Topology,
            $"{file}, line {after.Record.Atoms[n].Line}: the chain is broken between {residue.Record.Describe()} and "
            + $"{after.Record.Describe()}: C and N are {Distance(residue, c, after, n) * 10:0.00} Å apart. Build the missing residues "
            + "with PDBFixer, or cap both ends (NME, ACE) and put a TER record between them: pluginbridge prepare does either.");
    }

    /// <summary>Position in a residue of an atom that still wants a bond to another residue, −1 where it does not.</summary>
    private static int Open(PdbResidue residue, string atom)
    {
        int t = residue.Template.IndexOf(atom);
        return t >= 0 && residue.Template.ExternalBonds(t) > 0 ? residue.Find(atom) : -1;
    }

    private PluginBridgeException Start(PdbResidue residue, PdbResidue? before) => new(ErrorCode.Topology,
        $"{file}, line {residue.Record.Atoms[0].Line}: {residue.Record.Describe()} begins a chain"
        + (before is null ? "" : $" (after {before.Record.Describe()}, which ends one)")
        + " but its N has the hydrogens of an inner residue. "
        + "A chain starts with NH3+ (H1, H2, H3; proline H2, H3) or with an ACE cap: add them with PDBFixer or Modeller.");

    private PluginBridgeException End(PdbResidue residue, PdbResidue? after) => new(ErrorCode.Topology,
        $"{file}, line {residue.Record.Atoms[0].Line}: {residue.Record.Describe()} ends a chain"
        + (after is null ? "" : $" (before {after.Record.Describe()}, which starts one)") + " but has no OXT. "
        + "A chain ends with COO- (O, OXT) or with an NME or NHE cap: add the missing atoms with PDBFixer.");

    private void JoinDisulfides()
    {
        var open = residues.Where(r => r.Template.BaseName is "CYX" or "CYM" && !IsThiolate(r)).ToList();
        var partners = new Dictionary<PdbResidue, PdbResidue>();
        foreach ((int line, PdbResidue a, PdbResidue b) in NamedDisulfides())
        {
            if (partners.TryGetValue(a, out PdbResidue? known) && known == b)
                continue;
            if (!open.Contains(a) || !open.Contains(b) || a == b || partners.ContainsKey(a) || partners.ContainsKey(b))
                throw new PluginBridgeException(ErrorCode.Topology, $"{file}, line {line}: {a.Record.Describe()} and {b.Record.Describe()} "
                    + "cannot form this disulfide: each needs an SG without hydrogen and without another partner.");
            if (Distance(a, a.Find("SG"), b, b.Find("SG")) is > LongestNamedDisulfide and var apart)
                throw new PluginBridgeException(ErrorCode.Topology, $"{file}, line {line}: SSBOND or CONECT says that {a.Record.Describe()} and "
                    + $"{b.Record.Describe()} form a disulfide, but their SG are {apart * 10:0.00} Å apart. Correct the record or the coordinates.");
            Bridge(a, b);
        }

        var pairs = from i in Enumerable.Range(0, open.Count)
                    from j in Enumerable.Range(i + 1, open.Count - i - 1)
                    let distance = Distance(open[i], open[i].Find("SG"), open[j], open[j].Find("SG"))
                    where distance < LongestDisulfide
                    orderby distance
                    select (open[i], open[j]);
        foreach ((PdbResidue a, PdbResidue b) in pairs)
            if (!partners.ContainsKey(a) && !partners.ContainsKey(b))
                Bridge(a, b);
        CheckThiols();
        if (open.Find(r => !partners.ContainsKey(r)) is { } lonely)
            throw new PluginBridgeException(ErrorCode.Topology,
                $"{file}, line {lonely.Record.Atoms[lonely.Find("SG")].Line}: SG of {lonely.Record.Describe()} has no hydrogen, "
                + $"and no other free SG is within {LongestDisulfide * 10:0.0} Å. Add HG (PDBFixer, Modeller.addHydrogens), "
                + "or name the residue CYM if a thiolate is meant.");

        void Bridge(PdbResidue a, PdbResidue b)
        {
            partners.Add(a, b);
            partners.Add(b, a);
            Join(a, a.Find("SG"), b, b.Find("SG"));
        }
    }

    /// <summary>Refuses sulfur atoms at bonding distance that carry hydrogens: a disulfide that a program has protonated.</summary>
    private void CheckThiols()
    {
        PdbResidue[] thiols = [.. residues.Where(r => r.Template.BaseName is "CYS" or "CYX" or "CYM")];
        for (int i = 0; i < thiols.Length; i++)
            for (int j = i + 1; j < thiols.Length; j++)
                if ((thiols[i].Find("HG") >= 0 || thiols[j].Find("HG") >= 0)
                    && Distance(thiols[i], thiols[i].Find("SG"), thiols[j], thiols[j].Find("SG")) is < LongestDisulfide and var distance)
                    throw new PluginBridgeException(ErrorCode.Topology,
                        $"{file}, line {thiols[i].Record.Atoms[thiols[i].Find("SG")].Line}: SG of {thiols[i].Record.Describe()} and of "
                        + $"{thiols[j].Record.Describe()} are {distance * 10:0.00} Å apart, as in a disulfide, but carry hydrogen (HG). "
                        + "Remove HG of both (pluginbridge prepare does).");
    }

    private static bool IsThiolate(PdbResidue residue) => residue.Record.Name.ToUpperInvariant() is "CYM" or "NCYM" or "CCYM";

    private IEnumerable<(int Line, PdbResidue A, PdbResidue B)> NamedDisulfides()
    {
        foreach ((int line, PdbResidueKey first, PdbResidueKey second) in records.Disulfides)
            if (Find(first) is { } a && Find(second) is { } b)
                yield return (line, a, b);
        foreach ((int line, PdbResidue a, PdbAtomRecord atomA, PdbResidue b, PdbAtomRecord atomB) in Connections())
            if (atomA.AtomicNumber == 16 && atomB.AtomicNumber == 16)
                yield return (line, a, b);
    }

    /// <summary>The residue of a chain identifier and number; null also where two chains with the same identifier have it.</summary>
    private PdbResidue? Find(PdbResidueKey key)
    {
        PdbResidue[] found = [.. residues.Where(r => r.Record.Atoms[0].Chain == key.Chain && r.Record.Atoms[0].ResidueNumber == key.Number)];
        return found.Length == 1 ? found[0] : null;
    }

    /// <summary>CONECT records between two residues.</summary>
    private IEnumerable<(int Line, PdbResidue A, PdbAtomRecord AtomA, PdbResidue B, PdbAtomRecord AtomB)> Connections()
    {
        if (records.Connections.Count == 0)
            yield break;
        // Serials of large files wrap around or are asterisks: one that stands for several atoms names none.
        HashSet<string> unique = [.. records.Residues.SelectMany(r => r.Atoms).GroupBy(a => a.Serial)
            .Where(g => g.Count() == 1).Select(g => g.Key)];
        var bySerial = new Dictionary<string, (PdbResidue, PdbAtomRecord)>();
        foreach (PdbResidue residue in residues)
            foreach (PdbAtomRecord atom in residue.Record.Atoms.Where(a => unique.Contains(a.Serial)))
                bySerial.Add(atom.Serial, (residue, atom));
        foreach ((int line, string first, string second) in records.Connections)
            if (bySerial.TryGetValue(first, out (PdbResidue R, PdbAtomRecord A) a)
                && bySerial.TryGetValue(second, out (PdbResidue R, PdbAtomRecord A) b) && a.R != b.R)
                yield return (line, a.R, a.A, b.R, b.A);
    }

    private void CheckConnections()
    {
        var known = new HashSet<Bond>(_bonds.Select(b => new Bond(Math.Min(b.A, b.B), Math.Max(b.A, b.B))));
        foreach ((int line, PdbResidue a, PdbAtomRecord atomA, PdbResidue b, PdbAtomRecord atomB) in Connections())
        {
            int i = a.FirstAtom + a.Record.Atoms.IndexOf(atomA), j = b.FirstAtom + b.Record.Atoms.IndexOf(atomB);
            if (!known.Contains(new Bond(Math.Min(i, j), Math.Max(i, j))))
                throw new PluginBridgeException(ErrorCode.Topology, $"{file}, line {line}: CONECT joins {atomA.Describe()} and {atomB.Describe()}, "
                    + "a bond between residues that ff14SB does not have (peptide bonds and disulfides only).");
        }
    }

    private void Join(PdbResidue a, int atomA, PdbResidue b, int atomB) =>
        _bonds.Add(new Bond(a.FirstAtom + atomA, b.FirstAtom + atomB));

    /// <summary>Distance in nm, to the nearest image where there is a box: simulation snapshots may be wrapped.</summary>
    private double Distance(PdbResidue a, int atomA, PdbResidue b, int atomB)
    {
        PdbAtomRecord p = a.Record.Atoms[atomA], q = b.Record.Atoms[atomB];
        double x = q.X - p.X, y = q.Y - p.Y, z = q.Z - p.Z;
        double[] box = records.BoxVectors;
        if (box.Length == 9)
        {
            double turns = Math.Round(z / box[8]);
            (x, y, z) = (x - turns * box[6], y - turns * box[7], z - turns * box[8]);
            turns = Math.Round(y / box[4]);
            (x, y) = (x - turns * box[3], y - turns * box[4]);
            x -= Math.Round(x / box[0]) * box[0];
        }

        return Math.Sqrt(x * x + y * y + z * z);
    }
}
