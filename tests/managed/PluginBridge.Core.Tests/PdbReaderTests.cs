using PluginBridge.Core.Chemistry;
using PluginBridge.Core.IO;

namespace PluginBridge.Core.Tests;

/// <summary>What the reader makes of the ways in which PDB files are written.</summary>
[TestFixture]
public sealed class PdbReaderTests
{
    [Test]
    public void ReadsAtomsResiduesAndPositions()
    {
        PdbFile pdb = PdbReader.Parse(PdbTexts.CappedAlanine.Join());
        Assert.Multiple(() =>
        {
            Assert.That(pdb.Topology.Atoms, Has.Count.EqualTo(22));
            Assert.That(pdb.Topology.Residues.Select(r => r.ToString()), Is.EqualTo((string[])["ACE 1 (chain A)", "ALA 2 (chain A)", "NME 3 (chain A)"]));
            Assert.That(pdb.Topology.Bonds, Has.Count.EqualTo(21));
            Assert.That(pdb.Positions[..3], Is.EqualTo((double[])[0.1026, -0.1137, -0.1736]).Within(1e-12));
            Assert.That(pdb.BoxVectors, Is.Empty);
            Assert.That(pdb.Notes, Is.Empty);
            Assert.That(pdb.Topology.Describe(9), Is.EqualTo("atom HA of ALA 2 (chain A)"));
        });
    }

    [Test]
    public void ReadsFromAPath()
    {
        string path = Path.Combine(PythonFixtures.Root, "tests", "managed", "fixtures", "charged_peptide.pdb");
        PdbFile pdb = PdbReader.Read(path);
        TemplateAssignment assignment = TemplateAssignment.Assign(pdb.Topology);
        Assert.That(pdb.Topology.Residues.Select(r => assignment.ResidueForm(r.Index)),
            Is.EqualTo((string[])["NPHE", "HIE", "ASP", "PRO", "TRP", "CARG"]));
    }

    private static IEnumerable<TestCaseData> OldNames()
    {
        yield return Variant("version 2 digits first", "capped", 2, ("HB1", "1HB"), ("HB2", "2HB"), ("HB3", "3HB"), ("H", "HN"));
        yield return Variant("OpenMM's caps", "capped", 1, ("HH31", "H1"), ("HH32", "H2"), ("HH33", "H3"));
        yield return Variant("CHARMM's ACE", "capped", 1, ("CH3", "CAY"), ("HH31", "HY1"), ("HH32", "HY2"), ("HH33", "HY3"), ("C", "CY"), ("O", "OY"));
        yield return Variant("OpenMM's NME", "capped", 3, ("CH3", "C"), ("HH31", "H1"), ("HH32", "H2"), ("HH33", "H3"));
        yield return Variant("CHARMM's NME", "capped", 3, ("N", "NT"), ("H", "HNT"), ("CH3", "CAT"), ("HH31", "HT1"), ("HH32", "HT2"), ("HH33", "HT3"));
        yield return Variant("HB1, HB2 of a methylene", "charged", 1, ("HB2", "HB1"), ("HB3", "HB2"));
        yield return Variant("1HB, 2HB of a methylene", "charged", 1, ("HB2", "1HB"), ("HB3", "2HB"));
        yield return Variant("N-terminal H", "charged", 1, ("H1", "H"));
        yield return Variant("CHARMM's N-terminus", "charged", 1, ("H1", "HT1"), ("H2", "HT2"), ("H3", "HT3"));
        yield return Variant("CHARMM's C-terminus", "charged", 6, ("O", "OT1"), ("OXT", "OT2"));
        yield return Variant("O1 and O2", "charged", 6, ("O", "O1"), ("OXT", "O2"));
        yield return Variant("arginine, digits first", "charged", 6, ("HH11", "1HH1"), ("HH12", "2HH1"), ("HH21", "1HH2"), ("HH22", "2HH2"));
        yield return Variant("hydrogens of a program's own names", "charged", 5, ("HB2", "HX1"), ("HB3", "HX2"), ("HE1", "HN"), ("HZ2", "H77"));
        static TestCaseData Variant(string label, string file, int residue, params (string, string)[] names) =>
            new TestCaseData(file, residue, names).SetArgDisplayNames(label);
    }

    [TestCaseSource(nameof(OldNames))]
    public void UnderstandsOtherNames(string file, int residue, (string From, string To)[] names)
    {
        string[] lines = file == "capped" ? PdbTexts.CappedAlanine : PdbTexts.ChargedPeptide;
        PdbFile expected = PdbReader.Parse(lines.Join());
        PdbFile pdb = PdbReader.Parse(lines.Rename(residue, names).Join());
        TemplateAssignment a = TemplateAssignment.Assign(expected.Topology), b = TemplateAssignment.Assign(pdb.Topology);
        Assert.Multiple(() =>
        {
            // HB2/HB3 may swap where only the numbering differs; type and bonds do not.
            Assert.That(pdb.Topology.Bonds, Is.EqualTo(expected.Topology.Bonds));
            Assert.That(pdb.Topology.Atoms.Select(x => b.TemplateAtom(x.Index).Type),
                Is.EqualTo(expected.Topology.Atoms.Select(x => a.TemplateAtom(x.Index).Type)));
            Assert.That(pdb.Topology.Residues.Select(r => b.ResidueForm(r.Index)), Is.EqualTo(expected.Topology.Residues.Select(r => a.ResidueForm(r.Index))));
        });
    }

    [TestCase("HIS")]
    [TestCase("HSD")]
    [TestCase("HID")]
    [TestCase("HIP")]
    public void HistidinesFormIsThatOfItsHydrogens(string name)
    {
        PdbFile pdb = PdbReader.Parse(PdbTexts.ChargedPeptide.Edit(l => PdbTexts.ResidueNumber(l) == 2, l => PdbTexts.Set(l, 18, name)).Join());
        Assert.That(TemplateAssignment.Assign(pdb.Topology).ResidueForm(1), Is.EqualTo("HIE"));
    }

    [Test]
    public void TakesTheElementFromTheNameInShortLines()
    {
        string[] lines = PdbTexts.CappedAlanine.Edit(_ => true, l => l[..54]);
        PdbFile pdb = PdbReader.Parse(lines.Join());
        Assert.That(pdb.Topology.Atoms.Select(a => a.AtomicNumber),
            Is.EqualTo(PdbReader.Parse(PdbTexts.CappedAlanine.Join()).Topology.Atoms.Select(a => a.AtomicNumber)));
    }

    [Test]
    public void ReadsWindowsLineEnds() =>
        Assert.That(PdbReader.Parse(string.Join("\r\n", PdbTexts.CappedAlanine)).Topology.Atoms, Has.Count.EqualTo(22));

    [Test]
    public void ReadsOrthorhombicAndTriclinicBoxes()
    {
        const string Cubic = "CRYST1   40.000   50.000   60.000  90.00  90.00  90.00 P 1           1\n";
        const string Dodecahedron = "CRYST1   50.000   50.000   50.000  60.00  60.00  90.00 P 1           1\n";
        const string Octahedron = "CRYST1   60.000   60.000   60.000 109.47 109.47 109.47 P 1           1\n";
        const string None = "CRYST1    1.000    1.000    1.000  90.00  90.00  90.00 P 1           1\n";
        Assert.That(Box(Cubic), Is.EqualTo((double[])[4, 0, 0, 0, 5, 0, 0, 0, 6]).Within(1e-9));
        Assert.That(Box(Dodecahedron), Is.EqualTo((double[])[5, 0, 0, 0, 5, 0, 2.5, 2.5, 5 / Math.Sqrt(2)]).Within(1e-9));
        // a, b, c of length 6 and equal obtuse angles; reduced, so that no component off the diagonal exceeds half of it.
        double[] box = Box(Octahedron);
        Assert.That(Math.Abs(box[3]), Is.LessThanOrEqualTo(box[0] / 2 + 1e-9));
        Assert.That(Math.Abs(box[6]), Is.LessThanOrEqualTo(box[0] / 2 + 1e-9));
        Assert.That(Math.Abs(box[7]), Is.LessThanOrEqualTo(box[4] / 2 + 1e-9));
        double cos = Math.Cos(109.47 * Math.PI / 180);
        Assert.That(box[0] * box[4] * box[8], Is.EqualTo(216 * Math.Sqrt(1 - 3 * cos * cos + 2 * cos * cos * cos)).Within(1e-6), "volume");
        Assert.That(Box(None), Is.Empty);

        static double[] Box(string record) => PdbReader.Parse(record + PdbTexts.CappedAlanine.Join()).BoxVectors;
    }

    [Test]
    public void JoinsChainsThatAPeriodicBoxHasWrapped()
    {
        string[] lines = PdbTexts.CappedAlanine.Edit(l => PdbTexts.ResidueNumber(l) == 3,
            l => PdbTexts.Set(l, 31, $"{double.Parse(l.AsSpan(30, 8)) - 30:0.000}".PadLeft(8)));
        const string Box = "CRYST1   30.000   30.000   30.000  90.00  90.00  90.00 P 1           1\n";
        Assert.That(PdbReader.Parse(Box + lines.Join()).Topology.Bonds, Has.Count.EqualTo(21));
    }

    [Test]
    public void TakesTheAlternateLocationOfHighestOccupancy()
    {
        string[] lines = [.. PdbTexts.CappedAlanine.SelectMany<string, string>(l => PdbTexts.IsAtom(l) && PdbTexts.ResidueNumber(l) == 2 && PdbTexts.AtomName(l) == "HB1"
            ? [PdbTexts.Set(PdbTexts.Set(l, 17, "A"), 55, "  0.40"), PdbTexts.Set(PdbTexts.Set(PdbTexts.Set(l, 17, "B"), 55, "  0.60"), 31, "   9.999")]
            : [l])];
        PdbFile pdb = PdbReader.Parse(lines.Join(), "x.pdb");
        Assert.That(pdb.Positions[3 * 11], Is.EqualTo(0.9999).Within(1e-12));
        Assert.That(pdb.Notes, Is.EqualTo((string[])["x.pdb: ALA 2 (chain A) has alternate locations A, B; B is used."]));
    }

    [Test]
    public void TakesTheFirstModel()
    {
        string model = PdbTexts.CappedAlanine.WithoutConnections().Without(_ => false).Where(PdbTexts.IsAtom).Join();
        PdbFile pdb = PdbReader.Parse($"MODEL        1\n{model}\nENDMDL\nMODEL        2\n{model}\nENDMDL\nEND\n", "nmr.pdb");
        Assert.That(pdb.Topology.Atoms, Has.Count.EqualTo(22));
        Assert.That(pdb.Notes, Is.EqualTo((string[])["nmr.pdb: the first of several models is used."]));
    }

    [Test]
    public void InsertionCodesMakeResiduesAndArePartOfTheNumber()
    {
        string[] lines = PdbTexts.CappedAlanine.Edit(l => PdbTexts.ResidueNumber(l) == 2, l => PdbTexts.Set(l, 23, "   1A"));
        PdbFile pdb = PdbReader.Parse(lines.Join());
        Assert.That(pdb.Topology.Residues.Select(r => r.Number), Is.EqualTo((string[])["1", "1A", "3"]));
        Assert.That(pdb.Topology.Bonds, Has.Count.EqualTo(21));
    }

    [Test]
    public void SeveralMoleculesInOneChainNeedNoTer()
    {
        string[] first = [.. PdbTexts.CappedAlanine.WithoutConnections().Where(PdbTexts.IsAtom)];
        string[] second = first.Edit(_ => true, l => PdbTexts.Set(PdbTexts.Set(l, 23, $"{PdbTexts.ResidueNumber(l) + 3,4}"), 31, $"{double.Parse(l.AsSpan(30, 8)) + 20,8:0.000}"));
        PdbFile pdb = PdbReader.Parse(first.Concat(second).Join());
        Assert.That(pdb.Topology.Bonds, Has.Count.EqualTo(42));
    }

    [Test]
    public void SerialsThatStandForSeveralAtomsConnectNothing()
    {
        string[] lines = PdbTexts.CappedAlanine.Edit(_ => true, l => PdbTexts.Set(l, 7, PdbTexts.ResidueNumber(l) == 1 ? "    3" : "   12"));
        Assert.That(PdbReader.Parse(lines.Append("CONECT    3   12").Join()).Topology.Bonds, Has.Count.EqualTo(21));
    }

    [TestCase("CONECT")]
    [TestCase("SSBOND")]
    [TestCase("distance")]
    public void FindsDisulfides(string by)
    {
        string[] lines = PdbTexts.Disulfide.WithoutConnections();
        if (by == "CONECT")
            lines = PdbTexts.Disulfide;
        if (by == "SSBOND")
            lines = ["SSBOND   1 CYS A    2    CYS B    2                          1555   1555  2.04  ", .. lines];
        PdbFile pdb = PdbReader.Parse(lines.Join());
        Bond[] bridges = [.. pdb.Topology.Bonds.Where(b => pdb.Topology.Atoms[b.A].AtomicNumber == 16 && pdb.Topology.Atoms[b.B].AtomicNumber == 16)];
        Assert.That(bridges, Has.Length.EqualTo(1));
        Assert.That(TemplateAssignment.Assign(pdb.Topology).ResidueForm(1), Is.EqualTo("CYX"));
    }

    [Test]
    public void ReadsAThiolateWhereTheNameSaysSo()
    {
        string[] one = [.. PdbTexts.Disulfide.WithoutConnections().Where(l => PdbTexts.IsAtom(l) && l[21] == 'A')];
        PdbFile pdb = PdbReader.Parse(one.Edit(l => PdbTexts.ResidueNumber(l) == 2, l => PdbTexts.Set(l, 18, "CYM")).Join());
        TemplateAssignment assignment = TemplateAssignment.Assign(pdb.Topology);
        Assert.That(assignment.ResidueForm(1), Is.EqualTo("CYM"));
        Assert.That(assignment.Template(1).Charge, Is.EqualTo(-1));
    }

    [Test]
    public void LeavesOutWaterOnRequest()
    {
        string text = PdbTexts.CappedAlanine.WithoutConnections().Where(l => l != "END").Join() + "\n" + PdbReaderErrorTests.WaterLine;
        PdbFile pdb = PdbReader.Parse(text, "wet.pdb", skipUnknownResidues: true);
        Assert.That(pdb.Topology.Atoms, Has.Count.EqualTo(22));
        Assert.That(pdb.Notes, Is.EqualTo((string[])["wet.pdb: left out 1 HOH."]));
    }
}
