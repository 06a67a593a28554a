using PluginBridge.Core.Chemistry;

namespace PluginBridge.Core.IO;

/// <summary>
/// Reads proteins from PDB files (format version 3.3, and the older hydrogen names). Bonds come from the ff14SB residue
/// templates, peptide bonds from sequence and distance, disulfides from SSBOND, CONECT or distance.
/// </summary>
public static class PdbReader
{
    /// <summary>Reads a file.</summary>
    /// <param name="path">Path of the file.</param>
    /// <param name="skipUnknownResidues">Leave out waters, ions, ligands and other residues of unknown name, with a note;
    /// otherwise they are an error.</param>
    /// <exception cref="PluginBridgeException">The file cannot be read, or its contents are no complete protein; the
    /// message names file, line, residue and atom.</exception>
    public static PdbFile Read(string path, bool skipUnknownResidues = false)
    {
        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new PluginBridgeException(ErrorCode.File, e is FileNotFoundException or DirectoryNotFoundException
                ? $"{path}: there is no such file."
                : $"{path}: cannot be read ({e.Message}).", e);
        }

        if (text.StartsWith('\u001f'))
            throw new PluginBridgeException(ErrorCode.File, $"{path}: this is a compressed file; unpack it first (gunzip).");
        return Parse(text, Path.GetFileName(path), skipUnknownResidues);
    }

    /// <summary>Reads the text of a file; <paramref name="name"/> stands for the file in messages.</summary>
    /// <inheritdoc cref="Read"/>
    public static PdbFile Parse(string text, string name = "PDB text", bool skipUnknownResidues = false)
    {
        if (text.TrimStart().StartsWith("data_", StringComparison.Ordinal) || text.Contains("\n_atom_site.", StringComparison.Ordinal))
            throw new PluginBridgeException(ErrorCode.File, $"{name}: this is an mmCIF file, not PDB. Convert it first, for instance "
                + "with OpenMM: PDBFile.writeFile(cif.topology, cif.positions, file, keepIds=True) of a PDBxFile.");
        var notes = new List<string>();
        PdbRecords records = PdbRecords.Parse(text, name);
        if (records.Residues.Count == 0)
            throw new PluginBridgeException(ErrorCode.File, text.Contains("ATOM ", StringComparison.Ordinal)
                ? $"{name}: its ATOM lines are not in the columns of the PDB format (name in 13-16, x in 31-38, ...)."
                : $"{name}: there are no ATOM or HETATM records in it.");
        if (records.OtherModels)
            notes.Add($"{name}: the first of several models is used.");
        foreach (PdbResidueRecord residue in records.Residues)
            if (residue.SelectAlternates(name) is { } note)
                notes.Add(note);

        int deuterium = records.Residues.Sum(r => r.Atoms.Count(a => a.IsDeuterium));
        if (deuterium > 0)
            notes.Add($"{name}: {deuterium} deuterium atoms are taken as hydrogen.");

        var residues = new List<PdbResidue>();
        var skipped = new List<PdbResidueRecord>();
        foreach (PdbResidueRecord record in records.Residues)
        {
            if (ResidueTemplates.Forms(record.Name).Count == 0)
                skipped.Add(record);
            else
                residues.Add(PdbResidue.Resolve(record, name));
        }

        if (skipped.Count > 0 && (!skipUnknownResidues || residues.Count == 0))
            throw new PluginBridgeException(ErrorCode.Topology, UnknownResidues(name, skipped));
        if (skipped.Count > 0)
            notes.Add($"{name}: left out {string.Join(", ", skipped.GroupBy(r => r.Name).Select(g => $"{g.Count()} {g.Key}"))}.");
        return Build(name, residues, records, notes);
    }

    private static PdbFile Build(string name, List<PdbResidue> resolved, PdbRecords records, List<string> notes)
    {
        var atoms = new List<Atom>();
        var residues = new List<Residue>();
        var positions = new List<double>();
        foreach (PdbResidue source in resolved)
        {
            source.FirstAtom = atoms.Count;
            foreach (PdbAtomRecord atom in source.Record.Atoms)
            {
                atoms.Add(new Atom(atoms.Count, atom.Name, atom.AtomicNumber, residues.Count));
                positions.AddRange([atom.X, atom.Y, atom.Z]);
            }

            PdbAtomRecord first = source.Record.Atoms[0];
            residues.Add(new Residue(residues.Count, first.ResidueName, first.ResidueNumber, first.Chain,
                [.. Enumerable.Range(source.FirstAtom, source.Record.Atoms.Count)]));
        }

        IReadOnlyList<Bond> bonds = new PdbBonds(name, resolved, records, notes).Find();
        return new PdbFile
        {
            Name = name,
            Topology = new Topology(atoms, residues, bonds),
            Positions = [.. positions],
            BoxVectors = records.BoxVectors,
            Notes = notes,
        };
    }

    private static string UnknownResidues(string file, List<PdbResidueRecord> unknown)
    {
        PdbResidueRecord first = unknown[0];
        string kinds = string.Join(", ", unknown.GroupBy(r => r.Name).Select(g => $"{g.Count()} {g.Key}"));
        return $"{file}, line {first.Atoms[0].Line}: residue {first.Describe()} is not an amino acid or cap of ff14SB"
            + (unknown.Count > 1 ? $" ({unknown.Count} such residues: {kinds})" : "")
            + ". Waters, ions and ligands are left out of a protein read from a PDB file: remove them or let the reader skip them. "
            + "Modified residues have no parameters here: pluginbridge prepare replaces them by standard ones, and a host with its own "
            + "force field and an absolute potential can treat them.";
    }
}
