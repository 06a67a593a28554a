using FsCheck;
using FsCheck.Fluent;
using PluginBridge.Core.Chemistry;
using PluginBridge.Core.IO;

namespace PluginBridge.Core.Tests;

/// <summary>Residue forms and canonical names from elements and bonds, whatever the host calls its atoms.</summary>
[TestFixture]
public sealed class TemplateAssignmentTests
{
    private static readonly string[] _forms = [.. ResidueTemplates.All.Where(t => !t.IsCap).Select(t => t.Name)];

    [Test]
    public void NoTwoFormsAreTheSameGraph()
    {
        foreach (ResidueTemplate template in ResidueTemplates.All)
        {
            Topology topology = Alone(template);
            TemplateAssignment assignment = TemplateAssignment.Assign(topology, [0]);
            Assert.That(assignment.ResidueForm(0), Is.EqualTo(template.Name));
        }
    }

    [Test]
    public void FormalChargesAddUpToTheResidues()
    {
        foreach (ResidueTemplate template in ResidueTemplates.All)
            Assert.That(template.Atoms.Sum(a => a.Charge), Is.EqualTo(template.Charge).Within(2e-4), template.Name);
    }

    [TestCase("ASP", "OD2", -1)]
    [TestCase("GLU", "OE2", -1)]
    [TestCase("CYM", "SG", -1)]
    [TestCase("LYS", "NZ", 1)]
    [TestCase("ARG", "NH2", 1)]
    [TestCase("HIP", "ND1", 1)]
    [TestCase("NGLY", "N", 1)]
    [TestCase("CALA", "OXT", -1)]
    [TestCase("NHIP", "ND1", 1, "N", 1)]
    [TestCase("CLYS", "NZ", 1, "OXT", -1)]
    [TestCase("CASP", "OD2", -1, "OXT", -1)]
    [TestCase("ASH")]
    [TestCase("LYN")]
    [TestCase("CYX")]
    [TestCase("ACE")]
    public void FormalChargesAreOnTheirGroups(string form, params object[] charges)
    {
        var expected = charges.Chunk(2).ToDictionary(p => (string)p[0], p => (int)p[1]);
        ResidueTemplate template = ResidueTemplates.Find(form)!;
        Assert.That(template.Atoms.Where(a => a.FormalCharge != 0).ToDictionary(a => a.Name, a => a.FormalCharge), Is.EquivalentTo(expected));
    }

    [Test]
    public void TellsAminoAcidsFromCaps()
    {
        PdbFile pdb = PdbReader.Parse(PdbTexts.Disulfide.Join());
        TemplateAssignment assignment = TemplateAssignment.Assign(pdb.Topology);
        Assert.Multiple(() =>
        {
            Assert.That(Enumerable.Range(0, 6).Select(assignment.ResidueForm), Is.EqualTo((string[])["ACE", "CYX", "NME", "ACE", "CYX", "NHE"]));
            Assert.That(Enumerable.Range(0, 6).Select(assignment.IsCap), Is.EqualTo((bool[])[true, false, true, true, false, true]));
            Assert.That(Enumerable.Range(0, 6).Select(assignment.IsAminoAcid), Is.EqualTo((bool[])[false, true, false, false, true, false]));
        });
    }

    [Test]
    public void RenamedAndReorderedAtomsMatchByTheirBonds()
    {
        var gen = from form in Gen.Elements(_forms)
                  from seed in Gen.Choose(0, int.MaxValue)
                  select (form, seed);
        Check.One(Config.QuickThrowOnFailure.WithReplay(20261121, 7), Prop.ForAll(gen.ToArbitrary(), sample =>
        {
            PdbFile pdb = PdbReader.Read(Ff14sbReferences.Load(sample.form).PdbPath);
            Shuffled shuffled = Shuffled.Of(pdb.Topology, new Random(sample.seed), rename: true);
            TemplateAssignment a = TemplateAssignment.Assign(pdb.Topology), b = TemplateAssignment.Assign(shuffled.Topology);
            foreach (Residue residue in pdb.Topology.Residues)
                Assert.That(b.ResidueForm(residue.Index), Is.EqualTo(a.ResidueForm(residue.Index)));
            for (int i = 0; i < shuffled.Old.Length; i++)
                Assert.That(b.TemplateAtom(i).Type, Is.EqualTo(a.TemplateAtom(shuffled.Old[i]).Type));
            return b.Residues.Sum(r => b.Template(r).Charge) == a.Residues.Sum(r => a.Template(r).Charge);
        }));
    }

    [Test]
    public void OrderOfAtomsInAResidueDoesNotMatter()
    {
        var gen = from form in Gen.Elements(_forms)
                  from seed in Gen.Choose(0, int.MaxValue)
                  select (form, seed);
        Check.One(Config.QuickThrowOnFailure.WithReplay(20261121, 7), Prop.ForAll(gen.ToArbitrary(), sample =>
        {
            PdbFile pdb = PdbReader.Read(Ff14sbReferences.Load(sample.form).PdbPath);
            Shuffled shuffled = Shuffled.Of(pdb.Topology, new Random(sample.seed), rename: false);
            TemplateAssignment a = TemplateAssignment.Assign(pdb.Topology), b = TemplateAssignment.Assign(shuffled.Topology);
            Assert.That(shuffled.Old.Select((_, i) => b.CanonicalName(i)), Is.EqualTo(shuffled.Old.Select(a.CanonicalName)));
            double before = new VacuumForceField(AmberFf14sb.CreateTerms(pdb.Topology, a)).Evaluate(pdb.Positions, []);
            double[] positions = [.. shuffled.Old.SelectMany(i => pdb.Positions[(3 * i)..(3 * i + 3)])];
            double after = new VacuumForceField(AmberFf14sb.CreateTerms(shuffled.Topology, b)).Evaluate(positions, []);
            return Math.Abs(after - before) <= 1e-9 * Math.Max(1, Math.Abs(before));
        }));
    }

    [Test]
    public void AssignsSomeResiduesBesideALigand()
    {
        Topology protein = PdbReader.Parse(PdbTexts.CappedAlanine.Join()).Topology;
        int n = protein.Atoms.Count;
        var topology = new Topology([.. protein.Atoms, new Atom(n, "ZN", 30, 3)], [.. protein.Residues, new Residue(3, "ZN", "4", "A", [n])], protein.Bonds);
        TemplateAssignment assignment = TemplateAssignment.Assign(topology, [2, 0, 1]);
        Assert.Multiple(() =>
        {
            Assert.That(assignment.Residues, Is.EqualTo((int[])[0, 1, 2]));
            Assert.That(assignment.ResidueForm(1), Is.EqualTo("ALA"));
            Assert.That(assignment.IsAssigned(n), Is.False);
            Assert.That(() => assignment.CanonicalName(n), Throws.TypeOf<PluginBridgeException>().With.Message.Contains("ZN 4 (chain A) has not been assigned"));
        });
        ExpectError(topology, "Residue ZN 4 (chain A) fits no residue of ff14SB", "atom ZN of ZN 4 (chain A) is Zn", "Leave it out of the region");
    }

    [Test]
    public void NamesMissingHydrogens() => ExpectError(Edited(PdbTexts.ChargedPeptide, drop: ["5:HB2", "5:HE1"]),
        "Residue TRP 5 (chain A)", "compared with TRP, the closest form, HB2, HE1 are missing", "Modeller.addHydrogens");

    [Test]
    public void NamesMissingHeavyAtoms() => ExpectError(Edited(PdbTexts.ChargedPeptide, drop: ["5:CZ2"]), "CZ2 is missing", "PDBFixer");

    [Test]
    public void SaysThatThereAreNoHydrogens() => ExpectError(Edited(PdbTexts.ChargedPeptide, dropElement: 1), "PHE 1 (chain A)", "it has no hydrogen atoms");

    [Test]
    public void NamesAMissingBond() => ExpectError(Edited(PdbTexts.ChargedPeptide, unbind: "5:CD1-5:NE1"), "TRP 5 (chain A)", "the bond CD1-NE1 is missing");

    [Test]
    public void NamesAMissingPeptideBond() => ExpectError(Edited(PdbTexts.ChargedPeptide, unbind: "2:C-3:N"),
        "HIS 2 (chain A)", "C has no bond to another residue (a chain ends with COO-");

    [Test]
    public void NamesABondTooMany() => ExpectError(Edited(PdbTexts.ChargedPeptide, bind: "2:NE2-5:NE1"),
        "HIS 2 (chain A)", "NE2 is bonded to atom NE1 of TRP 5 (chain A)");

    [Test]
    public void RefusesANeutralNTerminus() => ExpectError(Edited(PdbTexts.ChargedPeptide, drop: ["1:H3"]),
        "PHE 1 (chain A)", "its N-terminus is neutral (NH2), and ff14SB has charged ends only", "ACE");

    [Test]
    public void RefusesANeutralCTerminus()
    {
        Topology t = Edited(PdbTexts.ChargedPeptide);
        int oxygen = t.Atoms.First(a => a.Name == "OXT").Index, n = t.Atoms.Count;
        var last = t.Residues[5];
        var topology = new Topology([.. t.Atoms, new Atom(n, "HXT", 1, 5)], [.. t.Residues.Take(5), last with { Atoms = [.. last.Atoms, n] }], [.. t.Bonds, new Bond(oxygen, n)]);
        ExpectError(topology, "ARG 6 (chain A)", "its C-terminus is neutral (COOH)", "NME");
    }

    [Test]
    public void RefusesACystineThatHasLostItsBridge()
    {
        Topology t = PdbReader.Parse(PdbTexts.Disulfide.Join()).Topology;
        var topology = new Topology(t.Atoms, [.. t.Residues.Select(r => r.Name == "CYS" ? r with { Name = "CYX" } : r)],
            t.Bonds.Where(b => t.Atoms[b.A].AtomicNumber != 16 || t.Atoms[b.B].AtomicNumber != 16));
        ExpectError(topology, "Residue CYX 2 (chain A)", "its SG is bonded to no other SG", "createDisulfideBonds", "CYM");
    }

    [Test]
    public void RefusesUnknownResidues()
    {
        var water = new Topology([new Atom(0, "O", 8, 0), new Atom(1, "H1", 1, 0), new Atom(2, "H2", 1, 0)],
            [new Residue(0, "HOH", "7", "W", [0, 1, 2])], [new Bond(0, 1), new Bond(0, 2)]);
        ExpectError(water, "Residue HOH 7 (chain W)", "HOH is not an amino acid or cap", "Leave the residue out of the region");
    }

    [Test]
    public void RefusesATopologyWithoutResidues()
    {
        var methane = new Topology([.. Enumerable.Range(0, 5).Select(i => new Atom(i, "", i == 0 ? 6 : 1, -1))], [], [.. Enumerable.Range(1, 4).Select(i => new Bond(0, i))]);
        ExpectError(methane, "The topology has no residues");
    }

    [Test]
    public void RefusesResidueIndicesOutOfRange()
    {
        Topology topology = PdbReader.Parse(PdbTexts.CappedAlanine.Join()).Topology;
        PluginBridgeException error = Assert.Throws<PluginBridgeException>(() => TemplateAssignment.Assign(topology, [3]))!;
        Assert.That(error.Message, Is.EqualTo("Residue index 3 is outside 0..2."));
    }

    private static void ExpectError(Topology topology, params string[] parts)
    {
        PluginBridgeException error = Assert.Throws<PluginBridgeException>(() => TemplateAssignment.Assign(topology))!;
        TestContext.Out.WriteLine(error.Message);
        Assert.That(error.Code, Is.EqualTo(ErrorCode.Topology));
        foreach (string part in parts)
            Assert.That(error.Message, Does.Contain(part));
    }

    /// <summary>A template as a residue, with a carbon of another residue at each external bond.</summary>
    private static Topology Alone(ResidueTemplate template)
    {
        var atoms = template.Atoms.Select((a, i) => new Atom(i, "", a.AtomicNumber, 0)).ToList();
        var bonds = template.Bonds.ToList();
        for (int i = 0; i < template.Atoms.Count; i++)
            for (int k = 0; k < template.ExternalBonds(i); k++)
            {
                bonds.Add(new Bond(i, atoms.Count));
                atoms.Add(new Atom(atoms.Count, "X", 6, 1));
            }

        int inside = template.Atoms.Count;
        return new Topology(atoms, [new Residue(0, "UNK", "1", "", [.. Enumerable.Range(0, inside)]),
            new Residue(1, "OUT", "2", "", [.. Enumerable.Range(inside, atoms.Count - inside)])], bonds);
    }

    /// <summary>The peptide with atoms and bonds taken out or put in; atoms are named <c>residue:name</c>.</summary>
    private static Topology Edited(string[] lines, string[]? drop = null, int dropElement = 0, string? unbind = null, string? bind = null)
    {
        Topology t = PdbReader.Parse(lines.Join()).Topology;
        string Label(int i) => $"{t.Residues[t.Atoms[i].ResidueIndex].Number}:{t.Atoms[i].Name}";
        int Find(string label) => t.Atoms.Single(a => Label(a.Index) == label).Index;
        int[] kept = [.. t.Atoms.Where(a => a.AtomicNumber != dropElement && !(drop ?? []).Contains(Label(a.Index))).Select(a => a.Index)];
        var map = kept.Select((old, i) => (old, i)).ToDictionary(p => p.old, p => p.i);
        var bonds = t.Bonds.ToHashSet();
        if (unbind?.Split('-') is [var a, var b])
            Assert.That(bonds.Remove(new Bond(Math.Min(Find(a), Find(b)), Math.Max(Find(a), Find(b)))), Is.True);
        if (bind?.Split('-') is [var c, var d])
            bonds.Add(new Bond(Math.Min(Find(c), Find(d)), Math.Max(Find(c), Find(d))));
        return new Topology([.. kept.Select((old, i) => t.Atoms[old] with { Index = i })],
            [.. t.Residues.Select(r => r with { Atoms = [.. r.Atoms.Where(map.ContainsKey).Select(x => map[x])] })],
            bonds.Where(x => map.ContainsKey(x.A) && map.ContainsKey(x.B)).Select(x => new Bond(map[x.A], map[x.B])));
    }

    /// <summary>A topology with the atoms of each residue in another order.</summary>
    private sealed record Shuffled(Topology Topology, int[] Old)
    {
        public static Shuffled Of(Topology t, Random random, bool rename)
        {
            var old = new List<int>();
            foreach (Residue residue in t.Residues)
            {
                int[] atoms = [.. residue.Atoms];
                random.Shuffle(atoms);
                old.AddRange(atoms);
            }

            var place = new int[old.Count];
            for (int i = 0; i < place.Length; i++)
                place[old[i]] = i;
            var topology = new Topology(
                [.. old.Select((o, i) => t.Atoms[o] with { Index = i, Name = rename ? $"X{random.Next(100)}" : t.Atoms[o].Name })],
                [.. t.Residues.Select(r => r with { Name = rename ? "UNK" : r.Name, Atoms = [.. r.Atoms.Select(a => place[a]).Order()] })],
                t.Bonds.Select(b => new Bond(place[b.A], place[b.B])));
            return new Shuffled(topology, [.. old]);
        }
    }
}
