using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Fragmentation;

namespace PluginBridge.Core.Tests;

/// <summary>Windows and pairs together count every pair of atoms once, counted by brute force.</summary>
public class PairCellTests
{
    private static readonly FragmentScheme[] _schemes = [FragmentScheme.Window2Pairs, FragmentScheme.Window3Pairs];

    private static FragmentBuilder.Division Divide(Topology topology, FragmentScheme scheme, IReadOnlyList<int>? region = null) =>
        FragmentBuilder.Divide(topology, TemplateAssignment.Assign(topology), region, scheme, null, 0);

    /// <summary>Counts with a weight for each cell: 1 inside a window, else the weight of one cell.</summary>
    private static void CheckCounts(Topology topology, FragmentScheme scheme, Random random, IReadOnlyList<int>? region = null,
        bool coversAll = true)
    {
        FragmentBuilder.Division division = Divide(topology, scheme, region);
        int atoms = topology.Atoms.Count;
        var counts = new double[atoms, atoms];
        var windows = new bool[atoms, atoms];
        void Count(Fragment f, double weight)
        {
            foreach (int p in f.Atoms)
                foreach (int q in f.Atoms)
                    counts[p, q] += weight * f.Coefficient;
        }

        foreach (Fragment f in division.Fragments)
        {
            Count(f, 1);
            foreach (int p in f.Atoms)
                foreach (int q in f.Atoms)
                    windows[p, q] = true;
        }

        var expected = new double[atoms, atoms];
        foreach (PairCell cell in division.Pairs!.All())
        {
            // Multiples of 1/64 add up without rounding.
            double weight = random.Next(65) / 64.0;
            foreach (Fragment f in cell.Fragments)
                Count(f, weight);
            foreach ((int p, int q) in cell.Pairs)
            {
                Assert.That(windows[p, q], Is.False, $"{topology.Describe(p)} and {topology.Describe(q)} are in a window");
                Assert.That(expected[p, q], Is.Zero, $"{topology.Describe(p)} and {topology.Describe(q)} are in two cells");
                // NaN-free marker: a weight of zero still marks the pair as taken.
                expected[p, q] = expected[q, p] = weight + 2;
            }
        }

        CheckTerms(topology, division.Pairs);
        int[] inside = [.. region ?? Enumerable.Range(0, atoms)];
        for (int p = 0; p < atoms; p++)
            for (int q = 0; q < atoms; q++)
            {
                double count = windows[p, q] ? 1 : Math.Max(0, expected[p, q] - 2);
                if (counts[p, q] != count)
                    Assert.Fail($"{topology.Describe(p)} and {topology.Describe(q)} count {counts[p, q]} instead of {count}");
            }

        if (coversAll)
            foreach (int p in inside)
                foreach (int q in inside)
                    Assert.That(windows[p, q] || expected[p, q] > 0, $"{topology.Describe(p)} and {topology.Describe(q)} are nowhere");
    }

    /// <summary>A cell holds no bonded term, whatever its weight: fragments that bonds join cancel within it.</summary>
    private static void CheckTerms(Topology topology, PairCells pairs)
    {
        MolecularMechanicsTerms all = AmberFf14sb.CreateTerms(topology, TemplateAssignment.Assign(topology));
        int[][] terms = [.. all.Bonds.Select(t => new[] { t.A, t.B }), .. all.Angles.Select(t => new[] { t.A, t.B, t.C }),
            .. all.Torsions.Select(t => new[] { t.A, t.B, t.C, t.D }), .. all.Exceptions.Select(t => new[] { t.A, t.B })];
        foreach (PairCell cell in pairs.All())
        {
            HashSet<int>[] sets = [.. cell.Fragments.Select(f => f.Atoms.ToHashSet())];
            foreach (int[] term in terms)
            {
                double count = 0;
                for (int f = 0; f < sets.Length; f++)
                    count += Array.TrueForAll(term, sets[f].Contains) ? cell.Fragments[f].Coefficient : 0;
                if (count != 0)
                    Assert.Fail($"{string.Join(", ", term.Select(topology.Describe))}: {count} in the cell of {cell.First} and {cell.Second}");
            }
        }
    }

    [Test]
    public void EveryPairOfAtomsIsCountedOnceOrByOneWeight([ValueSource(nameof(_schemes))] FragmentScheme scheme,
        [Range(0, 11)] int seed)
    {
        var random = new Random(seed);
        string[] forms = [.. FragmentTestPeptides.InternalForms.Where(f => f != "CYX")];
        string Chain(int length, bool capped) => string.Join(' ', Enumerable.Range(0, length)
            .Select(_ => forms[random.Next(forms.Length)]).Prepend(capped ? "ACE" : "NALA").Append(capped ? "NME" : "CGLY"));
        string[][] chains = [.. Enumerable.Range(0, 1 + seed % 3).Select(_ => Chain(random.Next(1, 10), random.Next(2) == 0).Split(' '))];
        CheckCounts(FragmentTestPeptides.Build(Bridged(chains, random, out (int, int, int, int)[] bridges), bridges), scheme, random);
    }

    /// <summary>Bridges between random places: near, far, in one chain or between two.</summary>
    private static string[] Bridged(string[][] chains, Random random, out (int, int, int, int)[] bridges)
    {
        var places = chains.SelectMany((chain, c) => Enumerable.Range(1, chain.Length - 2).Select(k => (c, k))).OrderBy(_ => random.Next()).ToList();
        var found = new List<(int, int, int, int)>();
        for (int b = 0; b < random.Next(0, 3) && places.Count >= 2 * b + 2; b++)
        {
            ((int c, int k), (int d, int l)) = (places[2 * b], places[2 * b + 1]);
            chains[c][k] = chains[d][l] = "CYX";
            found.Add((c, k, d, l));
        }

        bridges = [.. found];
        return [.. chains.Select(chain => string.Join(' ', chain))];
    }

    [Test]
    public void BridgesAtEveryDistance([ValueSource(nameof(_schemes))] FragmentScheme scheme, [Range(1, 7)] int separation)
    {
        string[] residues = [.. Enumerable.Repeat("ALA", 11)];
        residues[0] = "ACE";
        residues[2] = residues[2 + separation] = "CYX";
        residues[^1] = "NME";
        CheckCounts(FragmentTestPeptides.Build([string.Join(' ', residues)], [(0, 2, 0, 2 + separation)]), scheme, new Random(1));
    }

    [Test]
    public void TwoBridgesThatCloseARing([ValueSource(nameof(_schemes))] FragmentScheme scheme) =>
        CheckCounts(FragmentTestPeptides.Build(["ACE CYX SER CYX GLY NME", "NALA CYX LYS PRO CYX CGLY"],
            [(0, 1, 1, 4), (0, 3, 1, 1)]), scheme, new Random(1));

    [Test]
    public void CyclicPeptides([ValueSource(nameof(_schemes))] FragmentScheme scheme, [Range(3, 9)] int length) =>
        CheckCounts(FragmentTestPeptides.Build([string.Join(' ', Enumerable.Repeat("ALA SER GLY PRO", 3).SelectMany(x => x.Split(' ')).Take(length))],
            cyclic: true), scheme, new Random(1));

    [Test]
    public void RegionsThatArePartOfAProtein([ValueSource(nameof(_schemes))] FragmentScheme scheme, [Range(0, 7)] int seed)
    {
        var random = new Random(seed);
        Topology topology = FragmentTestPeptides.Build(["NALA SER CYX GLY PRO LYS ALA THR CYX ASP PHE CGLY", "ACE GLY VAL SER NME"], [(0, 2, 0, 8)]);
        int[] region = [.. topology.Residues.Where(r => r.Index < 12 ? random.Next(4) > 0 : seed % 2 == 0).SelectMany(r => r.Atoms).Order()];
        // Pieces that meet in a gap of the region stay classical.
        CheckCounts(topology, scheme, random, region, coversAll: false);
    }

    [TestCase("3")]
    [TestCase("4 5 6 7 8")]
    [TestCase("2 4")]
    [TestCase("2 5")]
    [TestCase("1 2 3 5 6 7")]
    [TestCase("0 1 2 3 8")]
    public void RegionsWithGapsAndBridges(string residues)
    {
        Topology topology = FragmentTestPeptides.Build(["ACE ALA LYS CYX GLY PRO ASP CYX NME"], [(0, 3, 0, 7)]);
        int[] region = [.. residues.Split(' ').SelectMany(r => topology.Residues[int.Parse(r, System.Globalization.CultureInfo.InvariantCulture)].Atoms)];
        foreach (FragmentScheme scheme in _schemes)
            CheckCounts(topology, scheme, new Random(2), region, coversAll: false);
    }

    [Test]
    public void PiecesThatMeetInAGapOfTheRegionStayClassical()
    {
        Topology topology = FragmentTestPeptides.Build(["ACE ALA ALA ALA SER ALA ALA ALA NME"]);
        int[] region = [.. topology.Residues.Where(r => r.Index != 4).SelectMany(r => r.Atoms)];
        FragmentBuilder.Division division = Divide(topology, FragmentScheme.Window3Pairs, region);
        // Units 0..2 before the gap, 3..5 after it: D_2 and D_3 take in atoms of the residue between them.
        Assert.That(division.Pairs!.Find(2, 3), Is.Null);
        Assert.That(division.Pairs.Find(1, 3), Is.Not.Null);
        Assert.That(division.Pairs.Find(0, 2), Is.Null, "in a window");
    }

    /// <summary>Design: units a and b, the farther ends of which make the cell.</summary>
    [TestCase(FragmentScheme.Window2Pairs, 2)]
    [TestCase(FragmentScheme.Window3Pairs, 3)]
    public void AlongAChainACellHasFourTerms(FragmentScheme scheme, int width)
    {
        Topology topology = FragmentTestPeptides.Build(["ACE ALA SER GLY PRO VAL LYS ALA NME"]);
        FragmentBuilder.Division division = Divide(topology, scheme);
        for (int i = 0; i < 7; i++)
            for (int j = i + 1; j < 7; j++)
            {
                PairCell? cell = division.Pairs!.Find(i, j);
                Assert.That(cell is not null, Is.EqualTo(j - i >= width));
                if (cell is null)
                    continue;
                int[] Unit(int k) => division.Pairs.Units.Atoms(k);
                int[] Shared(int k) => InclusionExclusion.Intersection(Unit(k), Unit(k + 1));
                (int[] Atoms, int Coefficient)[] expected = [([.. Unit(i).Union(Unit(j))], 1), ([.. Shared(i).Union(Unit(j))], -1),
                    ([.. Unit(i).Union(Shared(j - 1))], -1), ([.. Shared(i).Union(Shared(j - 1))], 1)];
                Assert.That(cell.Fragments, Has.Count.EqualTo(4));
                foreach ((int[] atoms, int coefficient) in expected)
                    Assert.That(cell.Fragments.Single(f => f.Atoms.SequenceEqual(atoms.Order())).Coefficient, Is.EqualTo(coefficient));
            }
    }

    [Test]
    public void OfTwentyResiduesOnlyWidthTwoHasUnitsThatShareAtoms()
    {
        Topology topology = FragmentTestPeptides.Build([string.Join(' ', Enumerable.Repeat("ALA", 18).Prepend("NALA").Append("CALA"))]);
        foreach ((FragmentScheme scheme, bool shares) in new[] { (FragmentScheme.Window2Pairs, true), (FragmentScheme.Window3Pairs, false) })
        {
            PairCells pairs = Divide(topology, scheme).Pairs!;
            Assert.That(pairs.All().Any(cell => InclusionExclusion.Intersection(pairs.Units.Atoms(cell.First), pairs.Units.Atoms(cell.Second)).Length > 0),
                Is.EqualTo(shares));
        }
    }
}
