using PluginBridge.Core.Chemistry;

namespace PluginBridge.Core.Tests;

/// <summary>Every kind of term against OpenMM's Reference platform and against finite differences.</summary>
[TestFixture]
public sealed class VacuumForceFieldTests
{
    [Test]
    public void EveryKindOfTermIsThatOfOpenMM()
    {
        Ff14sbReference r = Ff14sbReferences.Load("synthetic");
        var forces = new double[r.Positions.Length];
        double total = new VacuumForceField(r.Terms).Evaluate(r.Positions, forces, out MolecularMechanicsEnergy e);
        Assert.Multiple(() =>
        {
            AssertClose(e.Bonds, r.Energies["HarmonicBondForce"]);
            AssertClose(e.Angles, r.Energies["HarmonicAngleForce"]);
            AssertClose(e.Torsions, r.Energies["PeriodicTorsionForce"]);
            AssertClose(e.RyckaertBellemans, r.Energies["RBTorsionForce"]);
            AssertClose(e.Cmap, r.Energies["CMAPTorsionForce"]);
            AssertClose(e.Coulomb, r.Energies["Coulomb"]);
            AssertClose(e.LennardJones, r.Energies["LennardJones"]);
            AssertClose(total, r.Energies.Values.Sum());
            Assert.That(forces, Is.EqualTo(r.Forces).Within(1e-6 * r.Forces.Max(Math.Abs)));
        });

        static void AssertClose(double value, double expected) =>
            Assert.That(value, Is.EqualTo(expected).Within(1e-6 * Math.Max(1, Math.Abs(expected))));
    }

    private static IEnumerable<string> Kinds() => ["bonds", "angles", "torsions", "RB", "CMAP", "non-bonded"];

    [TestCaseSource(nameof(Kinds))]
    public void ForcesAreTheGradient(string kind)
    {
        Ff14sbReference r = Ff14sbReferences.Load("synthetic");
        MolecularMechanicsTerms t = r.Terms, none = new() { AtomCount = t.AtomCount };
        var forceField = new VacuumForceField(kind switch
        {
            "bonds" => none with { Bonds = t.Bonds },
            "angles" => none with { Angles = t.Angles },
            "torsions" => none with { Torsions = t.Torsions },
            "RB" => none with { RyckaertBellemansTorsions = t.RyckaertBellemansTorsions },
            "CMAP" => none with { CmapTorsions = t.CmapTorsions, CmapGrids = t.CmapGrids },
            _ => none with { Nonbonded = t.Nonbonded, Exceptions = t.Exceptions },
        });
        double[] x = [.. r.Positions];
        var forces = new double[x.Length];
        Assert.That(forceField.Evaluate(x, forces), Is.Not.Zero);
        double largest = forces.Max(Math.Abs);
        const double Step = 1e-5;
        for (int i = 0; i < x.Length; i++)
        {
            double at = x[i];
            // Fourth-order central difference.
            double slope = (8 * (Energy(at + Step) - Energy(at - Step)) - (Energy(at + 2 * Step) - Energy(at - 2 * Step))) / (12 * Step);
            x[i] = at;
            Assert.That(forces[i], Is.EqualTo(-slope).Within(2e-7 * largest), $"coordinate {i}");

            double Energy(double value)
            {
                x[i] = value;
                return forceField.Evaluate(x, []);
            }
        }
    }

    [Test]
    public void ForcesAreAdded()
    {
        Ff14sbReference r = Ff14sbReferences.Load("synthetic");
        var forceField = new VacuumForceField(r.Terms);
        double[] once = new double[r.Positions.Length], more = new double[r.Positions.Length];
        Array.Fill(more, 1000.0);
        forceField.Evaluate(r.Positions, once);
        forceField.Evaluate(r.Positions, more);
        Assert.That(more, Is.EqualTo(once.Select(f => f + 1000)).Within(1e-7));
    }

    [Test]
    public void EvaluatesWithoutAllocating()
    {
        Ff14sbReference r = Ff14sbReferences.Load("synthetic");
        var forceField = new VacuumForceField(r.Terms);
        var forces = new double[r.Positions.Length];
        for (int i = 0; i < 200; i++)
            forceField.Evaluate(r.Positions, forces);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
            forceField.Evaluate(r.Positions, forces);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    [Test]
    public void ASubsetHasTheTermsInsideIt()
    {
        Ff14sbReference r = Ff14sbReferences.Load("MIXED");
        int n = r.Terms.AtomCount;
        int[] left = [.. Enumerable.Range(0, n / 2)], right = [.. Enumerable.Range(n / 2, n - n / 2).Reverse()];
        MolecularMechanicsTerms a = r.Terms.Subset(left), b = r.Terms.Subset(right);
        double[] Of(int[] atoms) => [.. atoms.SelectMany(i => r.Positions[(3 * i)..(3 * i + 3)])];
        // What is left of the whole after both halves are the terms that join them, and they are counted here by hand.
        new VacuumForceField(r.Terms).Evaluate(r.Positions, [], out MolecularMechanicsEnergy whole);
        new VacuumForceField(a).Evaluate(Of(left), [], out MolecularMechanicsEnergy first);
        new VacuumForceField(b).Evaluate(Of(right), [], out MolecularMechanicsEnergy second);
        MolecularMechanicsTerms crossing = r.Terms with
        {
            Bonds = [.. r.Terms.Bonds.Where(t => Crosses(t.A, t.B))],
            Angles = [.. r.Terms.Angles.Where(t => Crosses(t.A, t.B, t.C))],
            Torsions = [.. r.Terms.Torsions.Where(t => Crosses(t.A, t.B, t.C, t.D))],
            Nonbonded = [],
            Exceptions = [],
        };
        new VacuumForceField(crossing).Evaluate(r.Positions, [], out MolecularMechanicsEnergy between);
        Assert.Multiple(() =>
        {
            Assert.That(between.Bonds, Is.Not.Zero);
            Assert.That(first.Bonds + second.Bonds + between.Bonds, Is.EqualTo(whole.Bonds).Within(1e-9));
            Assert.That(first.Angles + second.Angles + between.Angles, Is.EqualTo(whole.Angles).Within(1e-9));
            Assert.That(first.Torsions + second.Torsions + between.Torsions, Is.EqualTo(whole.Torsions).Within(1e-9));
            Assert.That(first.Coulomb, Is.EqualTo(CoulombByHand(left)).Within(1e-8));
            Assert.That(second.Coulomb, Is.EqualTo(CoulombByHand(right)).Within(1e-8));
            Assert.That(a.BondedOnly(), Has.Property("Nonbonded").Empty.And.Property("Exceptions").Empty.And.Property("Bonds").EqualTo(a.Bonds));
        });

        bool Crosses(params int[] atoms) => atoms.Any(i => i < n / 2) && atoms.Any(i => i >= n / 2);

        double CoulombByHand(int[] atoms)
        {
            double energy = 0;
            var exceptions = r.Terms.Exceptions.ToDictionary(e => (Math.Min(e.A, e.B), Math.Max(e.A, e.B)), e => e.ChargeProduct);
            foreach (int i in atoms)
                foreach (int j in atoms.Where(j => j > i))
                {
                    double[] d = [.. Enumerable.Range(0, 3).Select(k => r.Positions[3 * i + k] - r.Positions[3 * j + k])];
                    double qq = exceptions.TryGetValue((i, j), out double product) ? product : r.Terms.Nonbonded[i].Charge * r.Terms.Nonbonded[j].Charge;
                    energy += Units.CoulombConstant * qq / Math.Sqrt(d.Sum(v => v * v));
                }

            return energy;
        }
    }

    [Test]
    public void ASubsetNamesABadIndex()
    {
        MolecularMechanicsTerms terms = new() { AtomCount = 3 };
        Assert.Multiple(() =>
        {
            Assert.That(() => terms.Subset([0, 3]), Throws.TypeOf<PluginBridgeException>().With.Message.EqualTo("Atom index 3 of the subset is outside 0..2."));
            Assert.That(() => terms.Subset([1, 1]), Throws.TypeOf<PluginBridgeException>().With.Message.EqualTo("Atom index 1 is in the subset twice."));
        });
    }

    [Test]
    public void NamesAtomsThatCoincide()
    {
        Ff14sbReference r = Ff14sbReferences.Load("ALA");
        double[] x = [.. r.Positions];
        x.AsSpan(3 * 4, 3).CopyTo(x.AsSpan(3 * 20));
        PluginBridgeException error = Assert.Throws<PluginBridgeException>(() => new VacuumForceField(r.Terms, i => $"atom #{i}").Evaluate(x, new double[x.Length]))!;
        Assert.That(error.Code, Is.EqualTo(ErrorCode.Calculation));
        Assert.That(error.Message, Does.StartWith("atom #4 and atom #20 overlap: they are 0 nm apart"));
    }

    [TestCase(double.NaN)]
    [TestCase(double.PositiveInfinity)]
    public void NamesAPositionThatIsNoNumber(double bad)
    {
        Ff14sbReference r = Ff14sbReferences.Load("ALA");
        double[] x = [.. r.Positions];
        x[3 * 7 + 1] = bad;
        PluginBridgeException error = Assert.Throws<PluginBridgeException>(() => new VacuumForceField(r.Terms, i => $"atom #{i}").Evaluate(x, []))!;
        Assert.That(error.Message, Is.EqualTo("The y coordinate of atom #7 is not a finite number."));
    }

    [Test]
    public void RefusesArraysOfAnotherLength()
    {
        var forceField = new VacuumForceField(new MolecularMechanicsTerms { AtomCount = 2 });
        Assert.Multiple(() =>
        {
            Assert.That(() => forceField.Evaluate(new double[5], []), Throws.TypeOf<PluginBridgeException>().With.Message.Contains("2 atoms have 6 coordinates, not 5"));
            Assert.That(() => forceField.Evaluate(new double[6], new double[3]), Throws.TypeOf<PluginBridgeException>());
        });
    }

    [Test]
    public void RefusesTermsWithBadIndices()
    {
        MolecularMechanicsTerms terms = new() { AtomCount = 2, Bonds = [new HarmonicBond(0, 2, 0.1, 1)] };
        Assert.That(() => new VacuumForceField(terms), Throws.TypeOf<PluginBridgeException>().With.Message.EqualTo("Atom 2 of a bond is outside 0..1."));
        terms = new() { AtomCount = 3, Angles = [new HarmonicAngle(0, 1, 0, 1, 1)] };
        Assert.That(() => new VacuumForceField(terms, a => $"CA of residue {a}"), Throws.TypeOf<PluginBridgeException>().With.Message.EqualTo("One angle has CA of residue 0 twice."));
        terms = new() { AtomCount = 2, Nonbonded = [new NonbondedParameters(0, 1, 0)] };
        Assert.That(() => new VacuumForceField(terms), Throws.TypeOf<PluginBridgeException>().With.Message.EqualTo("There are 1 non-bonded parameters for 2 atoms."));
    }
}
