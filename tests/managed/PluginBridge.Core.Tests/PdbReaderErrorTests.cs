using FsCheck;
using FsCheck.Fluent;
using PluginBridge.Core.IO;

namespace PluginBridge.Core.Tests;

/// <summary>Bad files: each message names file, line, residue and atom, and what to do.</summary>
[TestFixture]
public sealed class PdbReaderErrorTests
{
    public const string WaterLine = "HETATM   24  O   HOH W 101      10.000  10.000  10.000  1.00  0.00           O  \n";

    [Test]
    public void MissingFile() => Expect(() => PdbReader.Read("/nowhere/protein.pdb"), ErrorCode.File, "/nowhere/protein.pdb: there is no such file.");

    [TestCase("")]
    [TestCase("REMARK nothing here\nEND\n")]
    public void EmptyFile(string text) => Expect(text, ErrorCode.File, "x.pdb: there are no ATOM or HETATM records in it.");

    [TestCase("   x.026", "'x.026', which is not a number (columns 31-38)")]
    [TestCase("     nan", "'nan', which is not a number")]
    [TestCase("        ", "'', which is not a number")]
    public void UnreadableCoordinate(string field, string message) => Expect(
        PdbTexts.CappedAlanine.Edit(l => PdbTexts.ResidueNumber(l) == 2 && PdbTexts.AtomName(l) == "CB", l => PdbTexts.Set(l, 31, field)),
        ErrorCode.File, "x.pdb, line 12: x of atom CB of ALA 2", message);

    [Test]
    public void TruncatedLine() => Expect(
        PdbTexts.CappedAlanine.Edit(l => PdbTexts.AtomName(l) == "CB", l => l[..40]), ErrorCode.File, "line 12: y of atom CB of ALA 2");

    [Test]
    public void UnreadableBox() => Expect(["CRYST1   40.000   4x.000   60.000  90.00  90.00  90.00", .. PdbTexts.CappedAlanine],
        ErrorCode.File, "x.pdb, line 1: '4x.000' in the CRYST1 record is not a number.");

    [Test]
    public void ImpossibleBox() => Expect(["CRYST1   40.000   40.000   60.000  10.00  10.00  90.00", .. PdbTexts.CappedAlanine],
        ErrorCode.File, "x.pdb, line 1", "span no cell");

    [Test]
    public void DuplicatedAtom()
    {
        string[] lines = PdbTexts.CappedAlanine.Rename(2, ("HB2", "HB1"));
        Expect(lines, ErrorCode.File, "x.pdb, line 14: atom HB1 of ALA 2 (chain A) is there twice (first on line 13)");
    }

    [Test]
    public void UnsupportedElement() => Expect(
        PdbTexts.CappedAlanine.Edit(l => PdbTexts.AtomName(l) == "HB1", l => PdbTexts.Set(l, 77, " F")),
        ErrorCode.Topology, "x.pdb, line 13: atom HB1 of ALA 2 (chain A) has the element 'F'", "H, C, N, O and S");

    [Test]
    public void UnknownHeavyAtom() => Expect(PdbTexts.CappedAlanine.Rename(2, ("CB", "CX")),
        ErrorCode.Topology, "x.pdb, line 12: atom CX of ALA 2 (chain A) is not an atom of ALA, the closest form, of which CB is missing");

    [Test]
    public void SurplusHydrogen()
    {
        string[] lines = [.. PdbTexts.ChargedPeptide.SelectMany<string, string>(l => PdbTexts.IsAtom(l) && PdbTexts.ResidueNumber(l) == 2 && PdbTexts.AtomName(l) == "HA" ? [l, PdbTexts.Set(l, 13, " HA9")] : [l])];
        Expect(lines, ErrorCode.Topology, "atom HA9 of HIS 2 (chain A) is not an atom of HIE, the closest form");
    }

    [Test]
    public void MissingHeavyAtom() => Expect(PdbTexts.ChargedPeptide.Without(5, "CZ2"),
        ErrorCode.Topology, "TRP 5 (chain A) lacks CZ2 of TRP, the closest form", "PDBFixer");

    [Test]
    public void MissingHydrogens() => Expect(PdbTexts.ChargedPeptide.Without(5, "HB2", "HE1"),
        ErrorCode.Topology, "TRP 5 (chain A) lacks HB2, HE1 of TRP", "Modeller.addHydrogens");

    [Test]
    public void NoHydrogensAtAll() => Expect(PdbTexts.ChargedPeptide.Without(l => l[76..78].Trim() == "H"),
        ErrorCode.Topology, "x.pdb, line 2: PHE 1 (chain A) has no hydrogen atoms", "PDBFixer", "Modeller.addHydrogens");

    [Test]
    public void NeutralNTerminus() => Expect(PdbTexts.ChargedPeptide.Without(1, "H3"),
        ErrorCode.Topology, "PHE 1 (chain A) has a neutral N-terminus, and ff14SB has charged ends only", "NH3+", "ACE");

    [Test]
    public void NeutralCTerminus()
    {
        string[] lines = PdbTexts.ChargedPeptide;
        int oxt = lines.LineOf(6, "OXT") - 1;
        // 0.96 Å beyond the oxygen, on the line from C.
        string carbon = lines[lines.LineOf(6, "C") - 1], acid = PdbTexts.Set(PdbTexts.Set(lines[oxt], 13, " HXT"), 77, " H");
        for (int axis = 0; axis < 3; axis++)
        {
            (double o, double c) = (double.Parse(acid.AsSpan(30 + 8 * axis, 8)), double.Parse(carbon.AsSpan(30 + 8 * axis, 8)));
            acid = PdbTexts.Set(acid, 31 + 8 * axis, $"{o + 0.96 / 1.25 * (o - c),8:0.000}");
        }

        Expect([.. lines[..(oxt + 1)], acid, .. lines[(oxt + 1)..]], ErrorCode.Topology, "ARG 6 (chain A) has a neutral C-terminus", "NME");
    }

    [Test]
    public void ChainStartWithoutTerminus() => Expect(PdbTexts.CappedAlanine.WithoutConnections().Without(1),
        ErrorCode.Topology, "x.pdb, line 2: ALA 2 (chain A) begins a chain but its N has the hydrogens of an inner residue", "ACE");

    [Test]
    public void ChainEndWithoutTerminus() => Expect(PdbTexts.ChargedPeptide.Without(6, "OXT"),
        ErrorCode.Topology, "ARG 6 (chain A) ends a chain but has no OXT", "NME");

    [Test]
    public void BrokenChain() => Expect(PdbTexts.ChargedPeptide.Without(3),
        ErrorCode.Topology, "the chain is broken between HIS 2 (chain A) and PRO 4 (chain A): C and N are", "Å apart", "PDBFixer");

    [Test]
    public void Water() => Expect(PdbTexts.CappedAlanine.WithoutConnections().Where(l => l != "END").Join() + "\n" + WaterLine,
        ErrorCode.Topology, "x.pdb, line 25: residue HOH 101 (chain W) is not an amino acid or cap of ff14SB", "remove them or let the reader skip them");

    [Test]
    public void ManyIons()
    {
        string ions = string.Concat(Enumerable.Range(1, 3).Select(i => $"HETATM   30 NA    NA I{i,4}      10.000  10.000  10.000  1.00  0.00          NA  \n"));
        Expect(PdbTexts.CappedAlanine.WithoutConnections().Where(l => l != "END").Join() + "\n" + ions + WaterLine,
            ErrorCode.Topology, "residue NA 1 (chain I)", "4 such residues: 3 NA, 1 HOH");
    }

    [Test]
    public void LonelySulfur() => Expect(PdbTexts.Disulfide.WithoutConnections().Where(l => !PdbTexts.IsAtom(l) || l[21] == 'A').ToArray(),
        ErrorCode.Topology, "SG of CYS 2 (chain A) has no hydrogen, and no other free SG is within 2.5 Å", "HG", "CYM");

    [Test]
    public void ProtonatedDisulfide()
    {
        string[] lines = PdbTexts.Disulfide.WithoutConnections();
        lines = [.. lines.SelectMany<string, string>(l => PdbTexts.IsAtom(l) && PdbTexts.AtomName(l) == "SG"
            ? [l, PdbTexts.Set(PdbTexts.Set(PdbTexts.Set(l, 13, " HG "), 31, $"{double.Parse(l.AsSpan(30, 8)) + 1.3,8:0.000}"), 77, " H")] : [l])];
        Expect(lines, ErrorCode.Topology, "SG of CYS 2 (chain A) and of CYS 2 (chain B) are 2.0", "Å apart", "carry hydrogen (HG)");
    }

    [Test]
    public void DisulfideOfDistantSulfur() => Expect(
        ["SSBOND   1 CYS A    2    CYS B    2                          1555   1555  2.04  ",
            .. PdbTexts.Disulfide.WithoutConnections().Edit(l => l[21] == 'B', l => PdbTexts.Set(l, 31, $"{double.Parse(l.AsSpan(30, 8)) + 20,8:0.000}"))],
        ErrorCode.Topology, "x.pdb, line 1: SSBOND or CONECT says that CYS 2 (chain A) and CYS 2 (chain B) form a disulfide", "Å apart");

    [Test]
    public void CoordinateWiderThanItsColumns() => Expect(
        PdbTexts.CappedAlanine.Edit(l => PdbTexts.AtomName(l) == "CB", l => l[..30] + "-1234.567" + l[38..]),
        ErrorCode.File, "x.pdb, line 12: x of atom CB of ALA 2 ('-1234.56') is wider than its columns 31-38");

    [TestCase("data_1ABC\nloop_\n_atom_site.id\n", "mmCIF")]
    [TestCase("ATOM 1 N ALA A 1 1.0 2.0 3.0\n", "not in the columns")]
    public void OtherFormats(string text, string part) => Expect(text, ErrorCode.File, "x.pdb: ", part);

    [Test]
    public void ProtonationFormThatEndsHaveNot()
    {
        // ACE-ALA-NME has no acid: cut the charged peptide behind its aspartate, with an acid hydrogen and an OXT.
        string[] lines = PdbTexts.ChargedPeptide;
        string Moved(string atom, string from, string name, double length, string element)
        {
            string a = lines[lines.LineOf(3, atom) - 1], b = lines[lines.LineOf(from == "N" ? 4 : 3, from) - 1];
            double[] p = [.. Enumerable.Range(0, 3).Select(i => double.Parse(a.AsSpan(30 + 8 * i, 8)))];
            double[] d = [.. Enumerable.Range(0, 3).Select(i => double.Parse(b.AsSpan(30 + 8 * i, 8)) - p[i])];
            double norm = Math.Sqrt(d.Sum(x => x * x)) * (from == "N" ? 1 : -1);
            string line = PdbTexts.Set(PdbTexts.Set(a, 13, name), 77, element);
            for (int i = 0; i < 3; i++)
                line = PdbTexts.Set(line, 31 + 8 * i, $"{p[i] + length / norm * d[i],8:0.000}");
            return line;
        }

        string[] cut = [.. lines.Where(l => PdbTexts.IsAtom(l) && PdbTexts.ResidueNumber(l) <= 3),
            Moved("C", "N", " OXT", 1.25, " O"), Moved("OD2", "CG", " HD2", 0.97, " H")];
        Expect(cut, ErrorCode.Topology, "ASP 3 (chain A) is ASH at the end of a chain, and ff14SB has ASH inside chains only", "cap the chain");
    }

    [Test]
    public void ImpossibleDisulfide() => Expect(
        ["SSBOND   1 CYS A    2    ACE B    1                          1555   1555  2.04  ", .. PdbTexts.Disulfide.WithoutConnections()],
        ErrorCode.Topology, "x.pdb, line 1: CYS 2 (chain A) and ACE 1 (chain B) cannot form this disulfide");

    [Test]
    public void StrangeConnection()
    {
        string[] lines = [.. PdbTexts.CappedAlanine, "CONECT    3   12"];
        Expect(lines, ErrorCode.Topology, "CONECT joins atom HH32 of ACE 1 (chain A) and atom HB1 of ALA 2 (chain A)");
    }

    [TestCase("ATOM")]
    [TestCase("ATOM      1")]
    public void RecordThatEndsEarly(string line) => Expect([line, .. PdbTexts.CappedAlanine], ErrorCode.File, "x.pdb, line 1: the ATOM record has no atom name");

    [Test]
    public void SurplusHeavyAtomAtTheEnd()
    {
        string[] lines = PdbTexts.ChargedPeptide;
        int oxt = lines.LineOf(6, "OXT");
        Expect([.. lines[..oxt], PdbTexts.Set(PdbTexts.Set(lines[oxt - 1], 13, " QQ "), 77, " C"), .. lines[oxt..]],
            ErrorCode.Topology, "atom QQ of ARG 6 (chain A) is not an atom of CARG");
    }

    [Test]
    public void DamagedFilesAreReadOrRefusedButNeverCrash()
    {
        var gen = from file in Gen.Elements("capped", "disulfide", "charged")
                  from seed in Gen.Choose(0, int.MaxValue)
                  select (file, seed);
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(1000).WithReplay(20261121, 7), Prop.ForAll(gen.ToArbitrary(), sample =>
        {
            try
            {
                PdbReader.Parse(Damage(sample.file switch
                {
                    "capped" => PdbTexts.CappedAlanine,
                    "disulfide" => PdbTexts.Disulfide,
                    _ => PdbTexts.ChargedPeptide,
                }, new Random(sample.seed)), "x.pdb");
                return true;
            }
            catch (PluginBridgeException error)
            {
                return error.Code is ErrorCode.File or ErrorCode.Topology && error.Message.StartsWith("x.pdb", StringComparison.Ordinal);
            }
        }));
    }

    /// <summary>Cut, doubled, swapped and overwritten lines.</summary>
    private static string Damage(string[] source, Random random)
    {
        string[] lines = [.. source];
        for (int n = random.Next(1, 4); n > 0; n--)
        {
            int i = random.Next(lines.Length), at = random.Next(Math.Max(1, lines[i].Length));
            switch (random.Next(5))
            {
                case 0:
                    lines[i] = lines[i][..Math.Min(at, lines[i].Length)];
                    break;
                case 1:
                    lines[i] = lines[random.Next(lines.Length)];
                    break;
                case 2:
                    lines = [.. lines[..i], .. lines[(i + 1)..]];
                    break;
                case 3 when lines[i].Length > 0:
                    lines[i] = lines[i][..at] + (char)random.Next(32, 127) + lines[i][(at + 1)..];
                    break;
                default:
                    lines = [.. lines[..i], lines[random.Next(lines.Length)], .. lines[i..]];
                    break;
            }
        }

        return lines.Join();
    }

    private static void Expect(IEnumerable<string> lines, ErrorCode code, params string[] parts) => Expect(lines.Join(), code, parts);

    private static void Expect(string text, ErrorCode code, params string[] parts) => Expect(() => PdbReader.Parse(text, "x.pdb"), code, parts);

    private static void Expect(TestDelegate act, ErrorCode code, params string[] parts)
    {
        PluginBridgeException error = Assert.Throws<PluginBridgeException>(act)!;
        TestContext.Out.WriteLine(error.Message);
        Assert.That(error.Code, Is.EqualTo(code), error.Message);
        foreach (string part in parts)
            Assert.That(error.Message, Does.Contain(part));
    }
}
