namespace PluginBridge.Core.IO;

/// <summary>A residue as SSBOND names it: chain identifier, number with insertion code.</summary>
internal readonly record struct PdbResidueKey(string Chain, string Number);

/// <summary>The records of a PDB file that matter here, as they are.</summary>
internal sealed class PdbRecords
{
    private readonly Dictionary<(int, string, string, string), PdbResidueRecord> _latest = [];

    private PdbRecords()
    {
    }

    /// <summary>Residues of the first model.</summary>
    public List<PdbResidueRecord> Residues { get; } = [];

    /// <summary>Box vectors, nm; empty without a meaningful CRYST1.</summary>
    public double[] BoxVectors { get; private set; } = [];

    /// <summary>SSBOND records with their lines.</summary>
    public List<(int Line, PdbResidueKey A, PdbResidueKey B)> Disulfides { get; } = [];

    /// <summary>CONECT records: pairs of atom serials with their lines.</summary>
    public List<(int Line, string A, string B)> Connections { get; } = [];

    /// <summary>Whether models after the first were passed over.</summary>
    public bool OtherModels { get; private set; }

    public static PdbRecords Parse(string text, string file)
    {
        var records = new PdbRecords();
        int segment = 0, line = 0;
        bool firstModelDone = false;
        foreach (string record in text.ReplaceLineEndings("\n").Split('\n'))
        {
            line++;
            string kind = PdbAtomRecord.Field(record, 0, 6);
            switch (kind)
            {
                case "ATOM" or "HETATM" when !firstModelDone:
                    records.AddAtom(PdbAtomRecord.Parse(record, line, file), ref segment);
                    break;
                case "ATOM" or "HETATM":
                    records.OtherModels = true;
                    break;
                case "TER":
                    segment++;
                    break;
                case "ENDMDL":
                    firstModelDone = records.Residues.Count > 0;
                    break;
                case "CRYST1":
                    records.BoxVectors = Box(record, line, file);
                    break;
                // Two symmetry operators: the partner is in another unit cell, and not in the file.
                case "SSBOND" when PdbAtomRecord.Field(record, 59, 6) == PdbAtomRecord.Field(record, 66, 6):
                    records.Disulfides.Add((line, Key(record, 15), Key(record, 29)));
                    break;
                case "CONECT":
                    for (int column = 11; column < 31 && PdbAtomRecord.Field(record, column, 5).Length > 0; column += 5)
                        records.Connections.Add((line, PdbAtomRecord.Field(record, 6, 5), PdbAtomRecord.Field(record, column, 5)));
                    break;
                default:
                    break;
            }
        }

        return records;
    }

    private void AddAtom(PdbAtomRecord atom, ref int segment)
    {
        PdbResidueRecord? last = Residues.Count > 0 ? Residues[^1] : null;
        if (last is not null && last.Atoms[0].Chain != atom.Chain)
            segment++;
        if (last is not null && last.Segment == segment && last.Continues(atom))
        {
            last.Atoms.Add(atom);
            return;
        }

        // Programs put hydrogens or alternate locations at a file's end: an atom that its residue still lacks goes there.
        (int, string, string, string) key = (segment, atom.Chain, atom.ResidueNumber, atom.ResidueName);
        if (_latest.TryGetValue(key, out PdbResidueRecord? earlier)
            && !earlier.Atoms.Any(a => a.Name == atom.Name && a.AltLoc == atom.AltLoc))
        {
            earlier.Atoms.Add(atom);
            return;
        }

        Residues.Add(_latest[key] = new PdbResidueRecord(atom, segment));
    }

    private static PdbResidueKey Key(string record, int start) => new(
        PdbAtomRecord.Field(record, start, 1),
        PdbAtomRecord.Field(record, start + 2, 4) + PdbAtomRecord.Field(record, start + 6, 1));

    /// <summary>Box vectors of lengths (Å) and angles (degrees), reduced as OpenMM wants them.</summary>
    private static double[] Box(string record, int line, string file)
    {
        var cell = new double[6];
        for (int i = 0; i < 6; i++)
        {
            string field = i < 3 ? PdbAtomRecord.Field(record, 6 + 9 * i, 9) : PdbAtomRecord.Field(record, 33 + 7 * (i - 3), 7);
            if (!PdbAtomRecord.TryNumber(field, out cell[i]))
                throw new PluginBridgeException(ErrorCode.File, $"{file}, line {line}: '{field}' in the CRYST1 record is not a number.");
        }

        // NMR and vacuum models carry a unit cell of 1 Å, which means none.
        if (cell[..3].Any(length => length <= 1.0))
            return [];
        (double alpha, double beta, double gamma) = (Radians(cell[3]), Radians(cell[4]), Radians(cell[5]));
        (double a, double b, double c) = (cell[0] * 0.1, cell[1] * 0.1, cell[2] * 0.1);
        double sin = Math.Sin(gamma);
        double cx = c * Math.Cos(beta), cy = c * (Math.Cos(alpha) - Math.Cos(beta) * Math.Cos(gamma)) / sin;
        double[] box = [a, 0, 0, b * Math.Cos(gamma), b * sin, 0, cx, cy, Math.Sqrt(c * c - cx * cx - cy * cy)];
        if (!box.All(double.IsFinite))
            throw new PluginBridgeException(ErrorCode.File, $"{file}, line {line}: the CRYST1 angles {cell[3]}, {cell[4]}, {cell[5]} span no cell.");
        for (int i = 0; i < 9; i++)
            if (Math.Abs(box[i]) < 1e-6)
                box[i] = 0;
        Reduce(box, 6, 3, box[7] / box[4]);
        Reduce(box, 6, 0, box[6] / box[0]);
        Reduce(box, 3, 0, box[3] / box[0]);
        return box;
    }

    private static void Reduce(double[] box, int vector, int by, double ratio)
    {
        // Half a vector stays as it is (rhombic dodecahedron), whatever the last digit says.
        double turns = Math.Abs(ratio) < 0.5 + 1e-6 ? 0 : Math.Round(ratio);
        for (int i = 0; i < 3; i++)
            box[vector + i] -= turns * box[by + i];
    }

    private static double Radians(double degrees) => degrees * Math.PI / 180;
}
