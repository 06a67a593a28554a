using PluginBridge.Core.Chemistry;
using PluginBridge.Core.IO;

namespace PluginBridge.Core.Tests;

/// <summary>Oddities of PDB files that the reader takes in its stride; tests/python/oddities.py has the whole table.</summary>
[TestFixture]
public sealed class PdbOddityTests
{
    [Test]
    public void JoinsAChainAcrossAMisplacedTer()
    {
        string[] lines = PdbTexts.ChargedPeptide;
        int third = lines.LineOf(3, "N") - 1;
        PdbFile pdb = PdbReader.Parse(string.Join('\n', [.. lines[..third], "TER", .. lines[third..]]), "x.pdb");
        Assert.That(pdb.Topology.Bonds, Is.EqualTo(PdbReader.Parse(lines.Join()).Topology.Bonds));
        Assert.That(pdb.Notes, Is.EqualTo((string[])["x.pdb: HIS 2 (chain A) and ASP 3 (chain A) are bonded in spite of a TER record or another chain identifier between them."]));
    }

    [Test]
    public void JoinsResiduesInAnyOrder()
    {
        string[] atoms = [.. PdbTexts.ChargedPeptide.Where(PdbTexts.IsAtom)];
        string[] moved = [.. atoms.Where(l => PdbTexts.ResidueNumber(l) != 3), .. atoms.Where(l => PdbTexts.ResidueNumber(l) == 3)];
        PdbFile pdb = PdbReader.Parse(moved.Join());
        Assert.That(pdb.Topology.Bonds, Has.Count.EqualTo(PdbReader.Parse(atoms.Join()).Topology.Bonds.Count));
        TemplateAssignment assignment = TemplateAssignment.Assign(pdb.Topology);
        Assert.That(pdb.Topology.Residues.Select(r => assignment.ResidueForm(r.Index)), Is.EqualTo((string[])["NPHE", "HIE", "PRO", "TRP", "CARG", "ASP"]));
    }

    [Test]
    public void GathersTheAtomsOfAResidue()
    {
        string[] atoms = [.. PdbTexts.ChargedPeptide.Where(PdbTexts.IsAtom)];
        string[] heavyFirst = [.. atoms.OrderBy(l => l[76..78].Trim() == "H" ? 1 : 0)];
        PdbFile pdb = PdbReader.Parse(heavyFirst.Join());
        Assert.That(pdb.Topology.Residues, Has.Count.EqualTo(6));
        Assert.That(pdb.Topology.Bonds, Has.Count.EqualTo(PdbReader.Parse(atoms.Join()).Topology.Bonds.Count));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void TakesDeuteriumAsHydrogen(bool elementColumn)
    {
        string[] lines = PdbTexts.CappedAlanine.Edit(l => PdbTexts.AtomName(l) is "HA" or "H",
            l => PdbTexts.Set(PdbTexts.Set(l, 13, l[12..16].Replace('H', 'D')), 77, elementColumn ? " D" : "  "));
        PdbFile pdb = PdbReader.Parse(lines.Join(), "x.pdb");
        Assert.That(pdb.Topology.Atoms.Select(a => a.Name), Is.EqualTo(PdbReader.Parse(PdbTexts.CappedAlanine.Join()).Topology.Atoms.Select(a => a.Name)));
        Assert.That(pdb.Topology.Atoms.Count(a => a.AtomicNumber == 1), Is.EqualTo(12));
        Assert.That(pdb.Notes[0], Does.StartWith("x.pdb: ").And.Contain("deuterium atoms are taken as hydrogen"));
    }

    [Test]
    public void ReadsClassicMacLineEnds() =>
        Assert.That(PdbReader.Parse(string.Join('\r', PdbTexts.CappedAlanine)).Topology.Atoms, Has.Count.EqualTo(22));

    [Test]
    public void ReadsCoordinatesThatFillTheirColumns()
    {
        string[] lines = PdbTexts.CappedAlanine.Edit(_ => true, l => PdbTexts.Set(PdbTexts.Set(l, 31, $"{double.Parse(l.AsSpan(30, 8)) - 500:0.000}"),
            39, $"{double.Parse(l.AsSpan(38, 8)) - 500:0.000}"));
        Assert.That(PdbReader.Parse(lines.Join()).Positions[0], Is.EqualTo(0.1026 - 50).Within(1e-9));
    }

    [Test]
    public void TakesTheAcidHydrogenOnEitherOxygen()
    {
        PdbFile first = PdbReader.Parse(Protonated("OD1").Join()), second = PdbReader.Parse(Protonated("OD2").Join());
        Assert.That(TemplateAssignment.Assign(first.Topology).ResidueForm(2), Is.EqualTo("ASH"));
        Assert.That(TemplateAssignment.Assign(second.Topology).ResidueForm(2), Is.EqualTo("ASH"));
    }

    [Test]
    public void PassesOverADisulfideWithASymmetryImage()
    {
        const string Image = "SSBOND   1 CYS A    2    CYS A    2                          1555   2665  2.04\n";
        PdbFile pdb = PdbReader.Parse(Image + PdbTexts.Disulfide.WithoutConnections().Join());
        Assert.That(TemplateAssignment.Assign(pdb.Topology).ResidueForm(1), Is.EqualTo("CYX"), "with its neighbour in the file");
    }

    /// <summary>The charged peptide with a hydrogen on one oxygen of ASP 3, 0.97 Å from it, opposite to CG.</summary>
    private static string[] Protonated(string oxygen)
    {
        string[] lines = PdbTexts.ChargedPeptide;
        string carbon = lines[lines.LineOf(3, "CG") - 1], hydrogen = lines[lines.LineOf(3, oxygen) - 1];
        for (int column = 30; column < 54; column += 8)
        {
            (double o, double c) = (double.Parse(hydrogen.AsSpan(column, 8)), double.Parse(carbon.AsSpan(column, 8)));
            hydrogen = PdbTexts.Set(hydrogen, column + 1, $"{o + 0.97 / 1.25 * (o - c),8:0.000}");
        }

        hydrogen = PdbTexts.Set(PdbTexts.Set(hydrogen, 13, " HD" + oxygen[2]), 77, " H");
        return [.. lines.SelectMany<string, string>(l => l == lines[lines.LineOf(3, oxygen) - 1] ? [l, hydrogen] : [l])];
    }
}
