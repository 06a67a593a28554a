using FsCheck;
using FsCheck.Fluent;
using PluginBridge.Core.Chemistry;
using PluginBridge.Core.IO;

namespace PluginBridge.Core.Tests;

/// <summary>What counts as ff14SB in a host and what does not.</summary>
[TestFixture]
public sealed class ForceFieldComparisonTests
{
    private static readonly string[] _forms = [.. ResidueTemplates.All.Where(t => !t.IsCap).Select(t => t.Name), "LOOP", "MIXED"];

    [TestCaseSource(nameof(_forms))]
    public void OpenMMsSystemPasses(string name)
    {
        (Ff14sbReference host, Topology topology, TemplateAssignment assignment) = Load(name);
        Assert.That(() => ForceFieldComparison.RequireFf14sb(host.Terms, topology, assignment), Throws.Nothing);
    }

    [TestCase("chig")]
    [TestCase("trpcage")]
    public void OpenMMsProteinsPass(string name) => OpenMMsSystemPasses(name);

    [Test]
    public void WhatGivesTheSameEnergyPasses()
    {
        (Ff14sbReference host, Topology topology, TemplateAssignment assignment) = Load("MIXED");
        var gen = Gen.Choose(0, int.MaxValue);
        Check.One(Config.QuickThrowOnFailure.WithReplay(20261121, 7), Prop.ForAll(gen.ToArbitrary(), seed =>
        {
            MolecularMechanicsTerms rewritten = Rewrite(host.Terms, topology, new Random(seed));
            ForceFieldComparison.RequireFf14sb(rewritten, topology, assignment);
            return true;
        }));
    }

    /// <summary>Eight digits and π = 3.141594, as LEaP writes them; σ and ε by way of A and B.</summary>
    [Test]
    public void ThePrecisionOfAPrmtopPasses()
    {
        (Ff14sbReference host, Topology topology, TemplateAssignment assignment) = Load("MIXED");
        MolecularMechanicsTerms t = host.Terms;
        const double LeapPi = 3.141594;
        MolecularMechanicsTerms prmtop = t with
        {
            Nonbonded = [.. t.Nonbonded.Select(p => new NonbondedParameters(Digits(p.Charge * 18.2223) / 18.2223, LennardJones(p.Sigma, p.Epsilon).Sigma, LennardJones(p.Sigma, p.Epsilon).Epsilon))],
            Bonds = [.. t.Bonds.Select(b => b with { Length = Digits(b.Length * 10) / 10, Constant = Digits(b.Constant / 836.8) * 836.8 })],
            Angles = [.. t.Angles.Select(a => a with { Angle = Digits(a.Angle / Math.PI * LeapPi), Constant = Digits(a.Constant / 8.368) * 8.368 })],
            Torsions = [.. t.Torsions.Select(x => x with { Phase = Digits(x.Phase / Math.PI * LeapPi), Constant = Digits(x.Constant / 4.184) * 4.184 })],
            Exceptions = [.. t.Exceptions.Select(e => e with { ChargeProduct = e.ChargeProduct * (1 + 3e-8) })],
        };
        Assert.That(() => ForceFieldComparison.RequireFf14sb(prmtop, topology, assignment), Throws.Nothing);

        static double Digits(double x) => double.Parse(x.ToString("E8"), System.Globalization.CultureInfo.InvariantCulture);

        static (double Sigma, double Epsilon) LennardJones(double sigma, double epsilon)
        {
            if (epsilon == 0)
                return (0.5, 0);
            (double a, double b) = (Digits(4 * epsilon * Math.Pow(sigma * 10, 12)), Digits(4 * epsilon * Math.Pow(sigma * 10, 6)));
            return (Math.Pow(a / b, 1.0 / 6) / 10, b * b / (4 * a));
        }
    }

    [Test]
    public void ConstrainedBondsMayHaveNoTerm()
    {
        (Ff14sbReference host, Topology topology, TemplateAssignment assignment) = Load("MIXED");
        Bond[] constrained = [.. topology.Bonds.Where(b => topology.Atoms[b.A].AtomicNumber == 1 || topology.Atoms[b.B].AtomicNumber == 1)];
        MolecularMechanicsTerms terms = host.Terms with
        {
            Bonds = [.. host.Terms.Bonds.Where(b => !constrained.Contains(new Bond(Math.Min(b.A, b.B), Math.Max(b.A, b.B))))],
        };
        MolecularMechanicsTerms replaced = ForceFieldComparison.RequireFf14sb(terms, topology, assignment, constrained.Select(b => new Bond(b.B, b.A)));
        Assert.That(replaced.Bonds.Select(b => new Bond(b.A, b.B)), Is.EquivalentTo(constrained));
        Assert.That(terms.Bonds.Concat(replaced.Bonds).Sum(b => b.Length * b.Constant), Is.EqualTo(host.Terms.Bonds.Sum(b => b.Length * b.Constant)).Within(1e-6).Percent);
        Assert.That(replaced.Angles, Is.Empty);
        ExpectError(terms, topology, assignment, "the bond atom N of PHE 1 (chain A) - atom H1 of PHE 1 (chain A) has no term in the host, and no constraint");
    }

    [Test]
    public void SolventIsNoneOfItsBusiness()
    {
        (Ff14sbReference host, Topology t, _) = Load("ALA");
        int n = t.Atoms.Count;
        var topology = new Topology([.. t.Atoms, new Atom(n, "NA", 11, 3)], [.. t.Residues, new Residue(3, "NA", "4", "A", [n])], t.Bonds);
        MolecularMechanicsTerms terms = host.Terms with { AtomCount = n + 1, Nonbonded = [.. host.Terms.Nonbonded, new NonbondedParameters(1, 0.3, 0.1)] };
        TemplateAssignment assignment = TemplateAssignment.Assign(topology, [0, 1, 2]);
        Assert.That(() => ForceFieldComparison.RequireFf14sb(terms, topology, assignment), Throws.Nothing);
        ExpectError(terms with { Angles = [.. terms.Angles.Skip(1)] }, topology, assignment, "the angle");
    }

    [Test]
    public void ADifferentChargeIsNamed() => ExpectChange(t => t with { Nonbonded = Replace(t.Nonbonded, 8, t.Nonbonded[8] with { Charge = t.Nonbonded[8].Charge + 1e-4 }) },
        "the charge of atom CA of ALA 2 (chain A) is 0.0338 e instead of 0.0337 e");

    [Test]
    public void ADifferentSigmaIsNamed() => ExpectChange(t => t with { Nonbonded = Replace(t.Nonbonded, 8, t.Nonbonded[8] with { Sigma = 0.34 }) },
        "the Lennard-Jones parameters of atom CA of ALA 2 (chain A)");

    [Test]
    public void ADifferentBondIsNamed() => ExpectChange(t => t with { Bonds = Replace(t.Bonds, 0, t.Bonds[0] with { Constant = t.Bonds[0].Constant * 1.001 }) },
        "the bond atom HH31 of ACE 1 (chain A) - atom CH3 of ACE 1 (chain A) has r₀ = 0.109 nm");

    [Test]
    public void AnAdditionalBondIsNamed() => ExpectChange(t => t with { Bonds = [.. t.Bonds, new HarmonicBond(0, 2, 0.15, 1000)] },
        "the bond atom HH31 of ACE 1 (chain A) - atom HH32 of ACE 1 (chain A) has a term that ff14SB has not");

    [Test]
    public void ADoubledBondIsNamed() => ExpectChange(t => t with { Bonds = [.. t.Bonds, t.Bonds[0]] }, "has 2 terms instead of 1");

    [Test]
    public void ADifferentAngleIsNamed() => ExpectChange(t => t with { Angles = Replace(t.Angles, 0, t.Angles[0] with { Angle = 1.9 }) }, "the angle atom HH31", "θ₀ = 1.9 rad");

    [Test]
    public void ADifferentTorsionIsNamed()
    {
        // The ψ torsion N-CA-C-N is what ff14SB's relatives change.
        ExpectChange(t => t with { Torsions = [.. t.Torsions.Select(x => IsPsi(x) && x.Periodicity == 1 ? x with { Constant = x.Constant * 1.1 } : x)] },
            "the torsion atom N of ALA 2 (chain A) - atom CA of ALA 2 (chain A) - atom C of ALA 2 (chain A) - atom N of NME 3 (chain A) of periodicity 1 has k = 2.07108");
        static bool IsPsi(PeriodicTorsion t) => (t.A, t.B, t.C, t.D) is (6, 8, 14, 16) or (16, 14, 8, 6);
    }

    [Test]
    public void AMissingTorsionIsNamed() => ExpectChange(t => t with { Torsions = [.. t.Torsions.Where(x => x.Constant < 10)] }, "has no term instead of k = 10.46 kJ/mol");

    [Test]
    public void AMissingImproperIsNamed() => ExpectChange(t => t with { Torsions = [.. t.Torsions.Where(x => x.Constant < 40)] }, "the improper atom", "has no term instead of k = 43.932 kJ/mol");

    [Test]
    public void ADifferent14ScaleIsNamed() => ExpectChange(
        t => t with { Exceptions = [.. t.Exceptions.Select(e => e with { ChargeProduct = e.ChargeProduct * 1.2 })] }, "the 1-4 pair", "scales 1-4 pairs by 1/1.2 and 1/2");

    [Test]
    public void AMissingExclusionIsNamed() => ExpectChange(t => t with { Exceptions = [.. t.Exceptions.Where(e => (e.A, e.B) != (1, 2) && (e.A, e.B) != (2, 1))] },
        "the excluded pair atom CH3 of ACE 1 (chain A) - atom HH32 of ACE 1 (chain A)");

    [Test]
    public void AnAdditionalExceptionIsNamed() => ExpectChange(t => t with { Exceptions = [.. t.Exceptions, new NonbondedException(0, 21, 0, 1, 0)] },
        "the pair atom HH31 of ACE 1 (chain A) - atom HH33 of NME 3 (chain A)");

    [Test]
    public void CmapIsRefused() => ExpectChange(
        t => t with { CmapGrids = [new CmapGrid(2, new double[4])], CmapTorsions = [new CmapTorsion(0, 4, 6, 8, 14, 6, 8, 14, 16)] },
        "the host has a CMAP term on atom C of ACE 1 (chain A)", "ff14SB has none");

    [Test]
    public void RyckaertBellemansIsRefused() => ExpectChange(
        t => t with { RyckaertBellemansTorsions = [new RyckaertBellemansTorsion(4, 6, 8, 14, 1, 0, 0, 0, 0, 0)] }, "the host has a Ryckaert-Bellemans torsion on");

    [Test]
    public void AHostWithoutChargesIsRefused() => ExpectChange(t => t with { Nonbonded = [], Exceptions = [] }, "no charges and Lennard-Jones parameters");

    private static (Ff14sbReference Host, Topology Topology, TemplateAssignment Assignment) Load(string name)
    {
        Ff14sbReference host = Ff14sbReferences.Load(name);
        Topology topology = PdbReader.Read(host.PdbPath).Topology;
        return (host, topology, TemplateAssignment.Assign(topology));
    }

    private static void ExpectChange(Func<MolecularMechanicsTerms, MolecularMechanicsTerms> change, params string[] parts)
    {
        (Ff14sbReference host, Topology topology, TemplateAssignment assignment) = Load("ALA");
        ExpectError(change(host.Terms), topology, assignment, parts);
    }

    private static void ExpectError(MolecularMechanicsTerms terms, Topology topology, TemplateAssignment assignment, params string[] parts)
    {
        PluginBridgeException error = Assert.Throws<PluginBridgeException>(() => ForceFieldComparison.RequireFf14sb(terms, topology, assignment))!;
        TestContext.Out.WriteLine(error.Message);
        Assert.That(error.Code, Is.EqualTo(ErrorCode.ForceField));
        Assert.That(error.Message, Does.StartWith("The host's force field is not ff14SB: "));
        foreach (string part in parts)
            Assert.That(error.Message, Does.Contain(part));
    }

    private static T[] Replace<T>(IReadOnlyList<T> list, int index, T value) => [.. list.Select((old, i) => i == index ? value : old)];

    /// <summary>Other order and direction, split torsions, zero constants, impropers with their outer atoms in another order.</summary>
    private static MolecularMechanicsTerms Rewrite(MolecularMechanicsTerms t, Topology topology, Random random)
    {
        var torsions = new List<PeriodicTorsion>();
        foreach (PeriodicTorsion x in t.Torsions)
        {
            bool proper = Bonded(x.A, x.B) && Bonded(x.B, x.C) && Bonded(x.C, x.D);
            PeriodicTorsion y = x;
            if (!proper)
            {
                int[] outer = [x.A, x.B, x.D];
                random.Shuffle(outer);
                y = x with { A = outer[0], B = outer[1], D = outer[2] };
            }

            if (Flip())
                y = y with { A = y.D, B = y.C, C = y.B, D = y.A };
            double share = random.NextDouble();
            torsions.Add(y with { Constant = y.Constant * share });
            torsions.Add(y with { Constant = y.Constant * (1 - share), Phase = y.Phase + 2 * Math.PI });
            torsions.Add(y with { Constant = 0, Periodicity = 5 });
        }

        return t with
        {
            Bonds = Shuffle(t.Bonds.Select(b => Flip() ? b with { A = b.B, B = b.A } : b)),
            Angles = Shuffle(t.Angles.Select(a => Flip() ? a with { A = a.C, C = a.A } : a)),
            Torsions = Shuffle(torsions),
            Exceptions = Shuffle(t.Exceptions.Select(e => Flip() ? e with { A = e.B, B = e.A } : e)),
            Nonbonded = [.. t.Nonbonded.Select(p => p.Epsilon == 0 ? p with { Sigma = random.NextDouble() } : p)],
        };

        bool Flip() => random.Next(2) == 0;

        bool Bonded(int a, int b) => topology.Neighbors(a).Contains(b);

        T[] Shuffle<T>(IEnumerable<T> terms)
        {
            T[] array = [.. terms];
            random.Shuffle(array);
            return array;
        }
    }
}
