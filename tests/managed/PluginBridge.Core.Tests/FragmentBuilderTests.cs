using FsCheck;
using FsCheck.Fluent;
using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Fragmentation;
using PluginBridge.Core.IO;

namespace PluginBridge.Core.Tests;

public class FragmentBuilderTests
{
    private static readonly FragmentScheme[] _schemes = Enum.GetValues<FragmentScheme>();

    private static IReadOnlyList<Fragment> BuildAndCheck(Topology topology, FragmentScheme scheme, IReadOnlyList<int>? residues = null)
    {
        TemplateAssignment assignment = TemplateAssignment.Assign(topology);
        int[] region = [.. (residues ?? [.. Enumerable.Range(0, topology.Residues.Count)]).SelectMany(r => topology.Residues[r].Atoms).Order()];
        IReadOnlyList<Fragment> fragments = FragmentBuilder.Build(topology, assignment, region, scheme);
        FragmentInvariants.Check(topology, assignment, region, fragments);
        return fragments;
    }

    private static string Names(Topology topology, Fragment fragment) =>
        string.Join(' ', fragment.Atoms.Select(a => $"{topology.Residues[topology.Atoms[a].ResidueIndex].Number}{topology.Atoms[a].Name}"));

    [Test]
    public void DipeptidesOfTwoAlanines()
    {
        Topology topology = FragmentTestPeptides.Build(["ACE ALA ALA NME"]);
        IReadOnlyList<Fragment> fragments = BuildAndCheck(topology, FragmentScheme.Dipeptide);

        Assert.That(fragments.Select(f => $"{f.Coefficient:+0;-0} {f.Label}"), Is.EqualTo(new[] { "+1 D 2", "+1 D 3", "-1 K 2-3" }));
        Assert.That(Names(topology, fragments[2]).Split(' '), Is.EquivalentTo("2CA 2HA 2C 2O 3N 3H 3CA 3HA".Split(' ')));
        Assert.That(fragments[2].Caps, Has.Count.EqualTo(4), "an ACE-NME of 12 atoms");
        Assert.That(Names(topology, fragments[0]).Split(' '), Has.Length.EqualTo(6 + 10 + 4));
        Assert.That(fragments[0].Residues, Is.EqualTo(new[] { 0, 1, 2 }));
    }

    [TestCase(FragmentScheme.Dipeptide, 7, "D D D D D D D K K K K K K")]
    [TestCase(FragmentScheme.Window2, 7, "W2 W2 W2 W2 W2 W2 D D D D D")]
    [TestCase(FragmentScheme.Window3, 7, "W3 W3 W3 W3 W3 W2 W2 W2 W2")]
    [TestCase(FragmentScheme.Window3, 4, "W3 W3 W2")]
    [TestCase(FragmentScheme.Window3, 3, "W3")]
    [TestCase(FragmentScheme.Window3, 2, "W2")]
    [TestCase(FragmentScheme.Window2, 1, "D")]
    public void WindowsMinusSmallerWindows(FragmentScheme scheme, int residues, string kinds)
    {
        string chain = string.Join(' ', Enumerable.Repeat("ALA", residues));
        IReadOnlyList<Fragment> fragments = BuildAndCheck(FragmentTestPeptides.Build([$"ACE {chain} NME"]), scheme);
        Assert.That(string.Join(' ', fragments.Select(f => f.Label.Split(' ')[0])), Is.EqualTo(kinds));
        Assert.That(fragments.Select(f => f.Coefficient), Is.All.Matches<double>(c => Math.Abs(c) == 1));
    }

    [TestCaseSource(typeof(FragmentTestPeptides), nameof(FragmentTestPeptides.InternalForms))]
    public void EveryResidueForm(string form)
    {
        string[] sequence = ["ALA", form, "GLY", form, form, "PRO"];
        (int, int, int, int)[] bridges = form == "CYX" ? [(0, 2, 1, 0), (0, 4, 1, 1), (0, 5, 1, 2)] : [];
        string[] chains = form == "CYX"
            ? [$"ACE {string.Join(' ', sequence)} NME", "NCYX CYX CCYX"]
            : [$"ACE {string.Join(' ', sequence)} NME"];
        foreach (FragmentScheme scheme in _schemes)
            BuildAndCheck(FragmentTestPeptides.Build(chains, bridges), scheme);
    }

    [TestCase("NALA CALA")]
    [TestCase("NPRO PRO CPRO")]
    [TestCase("NGLY GLY ALA CGLY")]
    [TestCase("NLYS ASP ARG GLU CLYS")]
    [TestCase("ACE NME")]
    [TestCase("ACE ALA NHE")]
    public void Termini(string chain)
    {
        foreach (FragmentScheme scheme in _schemes)
            BuildAndCheck(FragmentTestPeptides.Build([chain, "ACE GLY ALA NME"]), scheme);
    }

    [Test]
    public void ChargesOfFragments()
    {
        Topology topology = FragmentTestPeptides.Build(["NALA LYS ASP CALA"]);
        IReadOnlyList<Fragment> fragments = BuildAndCheck(topology, FragmentScheme.Dipeptide);
        Assert.That(fragments.Select(f => f.Charge), Is.EqualTo(new[] { 1, 1, -1, -1, 0, 0, 0 }));
    }

    [TestCase(0, 1, TestName = "Bridge_AdjacentCysteines")]
    [TestCase(0, 2, TestName = "Bridge_OneBetween")]
    [TestCase(1, 4, TestName = "Bridge_TwoBetween")]
    [TestCase(0, 4, TestName = "Bridge_ThreeBetween")]
    [TestCase(0, 7, TestName = "Bridge_Ends")]
    public void BridgeWithinAChain(int first, int second)
    {
        string[] residues = [.. Enumerable.Repeat("ALA", 8)];
        residues[first] = residues[second] = "CYX";
        Topology topology = FragmentTestPeptides.Build([$"ACE {string.Join(' ', residues)} NME"], [(0, first + 1, 0, second + 1)]);
        foreach (FragmentScheme scheme in _schemes)
            BuildAndCheck(topology, scheme);
    }

    [Test]
    public void BridgeSubtractsDimethylDisulfide()
    {
        Topology topology = FragmentTestPeptides.Build(["ACE CYX ALA ALA CYX NME"], [(0, 1, 0, 4)]);
        IReadOnlyList<Fragment> fragments = BuildAndCheck(topology, FragmentScheme.Dipeptide);
        Fragment sulfur = fragments.Single(f => f.Label.StartsWith("SS", StringComparison.Ordinal));
        Assert.That(sulfur.Label, Is.EqualTo("SS 2-5"));
        Assert.That(sulfur.Coefficient, Is.EqualTo(-1));
        Assert.That(Names(topology, sulfur).Split(' '), Is.EquivalentTo("2CB 2HB2 2HB3 2SG 5CB 5HB2 5HB3 5SG".Split(' ')));
        Assert.That(sulfur.Caps, Has.Count.EqualTo(2));
        Fragment first = fragments.Single(f => f.Label == "D 2");
        Assert.That(Names(topology, first), Does.Contain("5CB").And.Contain("5SG").And.Not.Contain("5CA"));
    }

    [Test]
    public void BridgesBetweenChainsLikeInsulin()
    {
        Topology topology = FragmentTestPeptides.Build(
            ["NGLY CYX CYX ALA SER CYX CCYX", "NPHE CYX GLY CYX CALA"],
            [(0, 1, 0, 5), (0, 2, 1, 1), (0, 6, 1, 3)]);
        foreach (FragmentScheme scheme in _schemes)
            BuildAndCheck(topology, scheme);
    }

    [TestCase(2)]
    [TestCase(3)]
    [TestCase(4)]
    [TestCase(5)]
    [TestCase(9)]
    public void HeadToTailCycles(int residues)
    {
        Topology topology = FragmentTestPeptides.Build([string.Join(' ', Enumerable.Range(0, residues).Select(i => i % 3 == 1 ? "PRO" : "LEU"))], cyclic: true);
        foreach (FragmentScheme scheme in _schemes)
        {
            IReadOnlyList<Fragment> fragments = BuildAndCheck(topology, scheme);
            if (scheme == FragmentScheme.Dipeptide && residues > 4)
                Assert.That(fragments, Has.Count.EqualTo(2 * residues));
        }
    }

    [TestCase("3")]
    [TestCase("0")]
    [TestCase("1")]
    [TestCase("0 1 2 3")]
    [TestCase("4 5 6 7 8")]
    [TestCase("2 4")]
    [TestCase("2 5")]
    [TestCase("1 2 3 5 6 7")]
    [TestCase("6")]
    [TestCase("8")]
    public void RegionsThatEndInsideAChain(string residues)
    {
        // 0 ACE, 3 bridged to 7, 5 proline, 8 NME
        Topology topology = FragmentTestPeptides.Build(["ACE ALA LYS CYX GLY PRO ASP CYX NME"], [(0, 3, 0, 7)]);
        // With pairs, pieces that meet in a gap stay classical: PairCellTests.
        foreach (FragmentScheme scheme in _schemes.Where(s => s < FragmentScheme.Window2Pairs))
            BuildAndCheck(topology, scheme, [.. residues.Split(' ').Select(int.Parse)]);
    }

    [Test]
    public void BorderTakesInPiecesOfTheNeighbours()
    {
        Topology topology = FragmentTestPeptides.Build(["NALA ALA SER PRO CALA"]);
        Fragment whole = BuildAndCheck(topology, FragmentScheme.Whole, [2]).Single();
        string[] taken = [.. Names(topology, whole).Split(' ').Where(n => n[0] != '3')];
        Assert.That(taken, Is.EquivalentTo("2CA 2HA 2C 2O 4N 4CA 4HA".Split(' ')));
        Assert.That(whole.Caps.Select(c => $"{topology.Atoms[c.Anchor].Name}-{topology.Atoms[c.Replaced].Name} {c.BondLength} {c.IsBorder}"),
            Is.EquivalentTo(new[] { "CA-N 0.109 True", "CA-CB 0.109 True", "N-CD 0.101 True", "CA-CB 0.109 True", "CA-C 0.109 True" }));
    }

    [Test]
    public void SequencesAtRandom()
    {
        string[] forms = [.. FragmentTestPeptides.InternalForms.Where(f => f != "CYX")];
        Gen<(string[] Residues, int Bridge, int Span, int Scheme, int Cut)> gen =
            from count in Gen.Choose(1, 9)
            from residues in Gen.Elements(forms).ArrayOf(count)
            from bridge in Gen.Choose(-1, count - 1)
            from span in Gen.Choose(1, 6)
            from scheme in Gen.Choose(0, 3)
            from cut in Gen.Choose(0, 1 << (count + 2))
            select (residues, bridge, span, scheme, cut);
        Prop.ForAll(gen.ToArbitrary(), sample =>
        {
            string[] residues = [.. sample.Residues];
            (int, int, int, int)[] bridges = [];
            if (sample.Bridge >= 0 && sample.Bridge + sample.Span < residues.Length)
            {
                residues[sample.Bridge] = residues[sample.Bridge + sample.Span] = "CYX";
                bridges = [(0, sample.Bridge + 1, 0, sample.Bridge + sample.Span + 1)];
            }

            Topology topology = FragmentTestPeptides.Build([$"ACE {string.Join(' ', residues)} NME"], bridges);
            int[] region = [.. Enumerable.Range(0, topology.Residues.Count).Where(r => sample.Cut % 3 == 0 || (sample.Cut >> r & 1) == 1)];
            BuildAndCheck(topology, (FragmentScheme)sample.Scheme, region.Length > 0 ? region : null);
            return true;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(60).WithReplay(20261121, 7));
    }

    [TestCase("chig.pdb", 10)]
    [TestCase("trpcage.pdb", 20)]
    public void Proteins(string file, int residues)
    {
        Topology topology = PdbReader.Read(FragmentTestFiles.Protein(file)).Topology;
        foreach (FragmentScheme scheme in _schemes)
        {
            IReadOnlyList<Fragment> fragments = BuildAndCheck(topology, scheme);
            bool hasPairs = scheme >= FragmentScheme.Window2Pairs;
            int width = (int)scheme - (hasPairs ? 2 : 0), cells = (residues - width) * (residues - width + 1) / 2;
            Assert.That(fragments, Has.Count.EqualTo(width == 0 ? 1 : 2 * (residues - width) + 1 + (hasPairs ? 4 * cells : 0)));
        }
    }

    [Test]
    public void PartOfAResidueIsRefused()
    {
        Topology topology = FragmentTestPeptides.Build(["ACE SER ALA NME"]);
        var e = Assert.Throws<PluginBridgeException>(() => FragmentBuilder.Build(topology, TemplateAssignment.Assign(topology),
            [.. topology.Residues[1].Atoms.Skip(1)], FragmentScheme.Whole));
        Assert.That(e!.Message, Does.Contain("SER 2 (chain A)").And.Contain("atom N "));
        Assert.That(e.Code, Is.EqualTo(ErrorCode.InvalidArgument));
    }

    [Test]
    public void ChargeThatDisagreesIsRefused()
    {
        Topology topology = FragmentTestPeptides.Build(["ACE LYS ALA NME"]);
        var e = Assert.Throws<PluginBridgeException>(() => FragmentBuilder.Build(topology, TemplateAssignment.Assign(topology), null, FragmentScheme.Whole, totalCharge: 0));
        Assert.That(e!.Message, Does.Contain("+1 e").And.Contain("LYS 2 (chain A) +1"));
    }

    [Test]
    public void UnknownLinksBetweenResiduesAreRefused()
    {
        // An isopeptide bond LYS NZ - ASN... as two glycine alpha carbons would have it.
        Topology plain = FragmentTestPeptides.Build(["ACE GLY GLY GLY NME"]);
        int[] calphas = [.. plain.Atoms.Where(a => a.Name == "CA").Select(a => a.Index)];
        var topology = new Topology([.. plain.Atoms], plain.Residues, plain.Bonds.Append(new Bond(calphas[0], calphas[2])));
        var e = Assert.Throws<PluginBridgeException>(() => FragmentBuilder.Build(topology, TemplateAssignment.Assign(plain), null, FragmentScheme.Dipeptide));
        Assert.That(e!.Message, Does.Contain("GLY 2").And.Contain("GLY 4").And.Contain("disulfide"));
        // In one piece it does not matter.
        Assert.That(FragmentBuilder.Build(topology, TemplateAssignment.Assign(plain), null, FragmentScheme.Whole), Has.Count.EqualTo(1));
    }

    [Test]
    public void MoleculesWithoutResidues()
    {
        Atom[] atoms = [new(0, "", 8, -1), new(1, "", 1, -1), new(2, "", 1, -1), new(3, "", 9, -1)];
        var topology = new Topology(atoms, [], [new Bond(0, 1), new Bond(0, 2)]);
        Fragment whole = FragmentBuilder.Build(topology, null, [0, 1, 2], FragmentScheme.Whole, totalCharge: 0, unpairedElectrons: 2).Single();
        Assert.That((whole.Atoms, whole.Caps.Count, whole.UnpairedElectrons), Is.EqualTo((new[] { 0, 1, 2 }, 0, 2)));

        Assert.That(() => FragmentBuilder.Build(topology, null, [0, 1], FragmentScheme.Whole, 0), Throws.TypeOf<PluginBridgeException>().With.Message.Contains("complete molecules"));
        Assert.That(() => FragmentBuilder.Build(topology, null, [0, 1, 2], FragmentScheme.Whole), Throws.TypeOf<PluginBridgeException>().With.Message.Contains("total charge"));
        Assert.That(() => FragmentBuilder.Build(topology, null, [0, 1, 2], FragmentScheme.Dipeptide, 0), Throws.TypeOf<PluginBridgeException>().With.Message.Contains("whole"));
        Assert.That(() => FragmentBuilder.Build(topology, null, [], FragmentScheme.Whole, 0), Throws.TypeOf<PluginBridgeException>().With.Message.Contains("empty"));
        Assert.That(() => FragmentBuilder.Build(topology, null, [7], FragmentScheme.Whole, 0), Throws.TypeOf<PluginBridgeException>().With.Message.Contains("7"));
        Assert.That(() => FragmentBuilder.Build(topology, null, [3, 3], FragmentScheme.Whole, 0), Throws.TypeOf<PluginBridgeException>().With.Message.Contains("twice"));
    }
}
