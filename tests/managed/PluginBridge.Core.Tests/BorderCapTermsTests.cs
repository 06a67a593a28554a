using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Engine;
using PluginBridge.Core.Fragmentation;
using PluginBridge.Core.Potentials;

namespace PluginBridge.Core.Tests;

public class BorderCapTermsTests
{
    /// <summary>
    /// Terms of the caps of one residue X in a chain are those that ff14SB has for the same hydrogens in ACE-X-NME (two of
    /// the three hydrogens of either methyl group; the third is the neighbour's HA).
    /// </summary>
    [TestCase("ALA")]
    [TestCase("LYS")]
    [TestCase("GLY")]
    public void CapsHaveTheTermsOfAceAndNme(string residue)
    {
        Topology chain = FragmentTestPeptides.Build([$"ACE ALA {residue} ALA NME"]);
        double[] positions = FragmentTestPeptides.Positions(chain, 8);
        TemplateAssignment chainAssignment = TemplateAssignment.Assign(chain);
        Fragment whole = FragmentBuilder.Build(chain, chainAssignment, [.. chain.Residues[2].Atoms], FragmentScheme.Whole).Single();
        BorderCapTerms.Terms caps = BorderCapTerms.Create(chain, whole.Caps, new AtomSetCover([whole.Atoms]),
            AmberFf14sb.CreateTerms(chain, chainAssignment).Nonbonded);
        Assert.That(whole.Caps, Has.Count.EqualTo(4));

        Topology capped = FragmentTestPeptides.Build([$"ACE {residue} NME"]);
        TemplateAssignment cappedAssignment = TemplateAssignment.Assign(capped);
        MolecularMechanicsTerms terms = AmberFf14sb.CreateTerms(capped, cappedAssignment);
        int count = chain.Atoms.Count;
        // Where each atom of ACE-X-NME lies in the chain, caps behind its atoms.
        int[] place = [.. capped.Atoms.Select(a => a.ResidueIndex switch
        {
            1 => Find(2, a.Name),
            0 => a.Name switch { "CH3" => Find(1, "CA"), "C" => Find(1, "C"), "O" => Find(1, "O"), _ => Hydrogen(1, a) },
            _ => a.Name switch { "N" => Find(3, "N"), "H" => Find(3, "H"), "C" or "CH3" => Find(3, "CA"), _ => Hydrogen(3, a) },
        })];

        Assert.That(caps.Angles.Select(t => Angle(t.A, t.B, t.C, t.Angle, t.Constant)),
            Is.EquivalentTo(terms.Angles.Select(t => Angle(place[t.A], place[t.B], place[t.C], t.Angle, t.Constant)).Where(s => s.HasCap).ToArray()));
        Assert.That(Torsions(caps.Torsions, Enumerable.Range(0, count + 4).ToArray()), Is.EquivalentTo(Torsions(terms.Torsions, place)));

        // Lennard-Jones of every pair of a cap with an atom of X.
        var exceptions = terms.Exceptions.ToDictionary(e => (Math.Min(e.A, e.B), Math.Max(e.A, e.B)));
        for (int i = 0; i < place.Length; i++)
            for (int j = 0; j < place.Length; j++)
            {
                if (place[i] < count || capped.Atoms[j].ResidueIndex != 1)
                    continue;
                NonbondedException expected = exceptions.TryGetValue((Math.Min(i, j), Math.Max(i, j)), out NonbondedException e)
                    ? e
                    : PairInteractions.Combine(i, j, terms.Nonbonded[i], terms.Nonbonded[j]);
                NonbondedException found = caps.Pairs.FirstOrDefault(p => p.A == place[i] && p.B == place[j]);
                Assert.That((found.Sigma, found.Epsilon), Is.EqualTo((expected.Epsilon == 0 ? found.Sigma : expected.Sigma, expected.Epsilon)).Using<(double, double)>(
                    (x, y) => Math.Abs(x.Item1 - y.Item1) + Math.Abs(x.Item2 - y.Item2) < 1e-9), $"{capped.Describe(i)}, {capped.Describe(j)}");
                Assert.That(found.ChargeProduct, Is.Zero);
            }

        int Find(int r, string name) => chain.Residues[r].Atoms.First(a => chain.Atoms[a].Name == name);

        // H1 of the methyl group is HA, H2 and H3 are the caps.
        int Hydrogen(int r, Atom atom)
        {
            int carbon = Find(r, "CA");
            int number = atom.Name[^1] - '1';
            return number == 0 ? Find(r, "HA") : count + Enumerable.Range(0, whole.Caps.Count).Where(k => whole.Caps[k].Anchor == carbon).ElementAt(number - 1);
        }

        (bool HasCap, string Text) Angle(int a, int b, int c, double angle, double constant) =>
            (a >= count || c >= count, $"{Math.Min(a, c)} {b} {Math.Max(a, c)} {angle:F4} {constant:F2}");

        List<string> Torsions(IEnumerable<PeriodicTorsion> torsions, int[] map) => [.. torsions
            .Where(t => Math.Abs(t.Constant) > 1e-9 && new[] { t.A, t.B, t.C, t.D }.Any(x => map[x] >= count))
            .Select(t => map[t.A] < map[t.D] ? $"{map[t.A]} {map[t.B]} {map[t.C]} {map[t.D]} {t.Periodicity} {t.Phase:F3} {t.Constant:F3}"
                : $"{map[t.D]} {map[t.C]} {map[t.B]} {map[t.A]} {t.Periodicity} {t.Phase:F3} {t.Constant:F3}")];
    }

    /// <summary>Where a region ends at a bridge, the caps on the partner's CB have the terms of its own HB2 and HB3.</summary>
    [Test]
    public void CapsAcrossABridgeAreLikeTheHydrogensBesideThem()
    {
        (Topology topology, _) = EngineTestSystems.Bridged;
        TemplateAssignment assignment = TemplateAssignment.Assign(topology);
        MolecularMechanicsTerms all = AmberFf14sb.CreateTerms(topology, assignment);
        Fragment f = FragmentBuilder.Build(topology, assignment, [.. topology.Residues[1].Atoms], FragmentScheme.Whole).Single();
        BorderCapTerms.Terms caps = BorderCapTerms.Create(topology, f.Caps, new AtomSetCover([f.Atoms]), all.Nonbonded);
        int Partner(string name) => topology.Residues[5].Atoms.First(a => topology.Atoms[a].Name == name);
        (int carbon, int sulfur, int hydrogen) = (Partner("CB"), Partner("SG"), Partner("HB2"));
        int other = topology.Residues[1].Atoms.First(a => topology.Atoms[a].Name == "SG");
        int cap = topology.Atoms.Count + f.Caps.ToList().FindIndex(c => c.Anchor == carbon);

        HarmonicAngle bend = all.Angles.Single(t => t.B == carbon && new[] { t.A, t.C }.Order().SequenceEqual(new[] { hydrogen, sulfur }.Order()));
        HarmonicAngle capBend = caps.Angles.Single(t => t.A == cap && t.C == sulfur);
        Assert.That((capBend.Angle, capBend.Constant), Is.EqualTo((bend.Angle, bend.Constant)).Using<(double, double)>(Close));
        PeriodicTorsion turn = all.Torsions.Single(t => new[] { t.A, t.B, t.C, t.D }.Order().SequenceEqual(new[] { hydrogen, carbon, sulfur, other }.Order()));
        PeriodicTorsion capTurn = caps.Torsions.Single(t => t.A == cap);
        Assert.That((capTurn.B, capTurn.C, capTurn.D, capTurn.Periodicity), Is.EqualTo((carbon, sulfur, other, turn.Periodicity)));
        Assert.That((capTurn.Phase, capTurn.Constant), Is.EqualTo((turn.Phase, turn.Constant)).Using<(double, double)>(Close));
        int far = topology.Residues[1].Atoms.First(a => topology.Atoms[a].Name == "CA");
        NonbondedException pair = PairInteractions.Combine(cap, far, all.Nonbonded[hydrogen], all.Nonbonded[far]);
        NonbondedException capPair = caps.Pairs.Single(p => p.A == cap && p.B == far);
        Assert.That((capPair.Sigma, capPair.Epsilon), Is.EqualTo((pair.Sigma, pair.Epsilon)).Using<(double, double)>(Close));

        static bool Close((double, double) x, (double, double) y) => Math.Abs(x.Item1 - y.Item1) + Math.Abs(x.Item2 - y.Item2) < 1e-6;
    }

    [TestCase("3")]
    [TestCase("4")]
    [TestCase("1 2")]
    [TestCase("3 5")]
    [TestCase("2 5")]
    [TestCase("1 4")]
    public void ForcesOfRegionsThatEndInsideAChain(string residues)
    {
        int[] region = [.. residues.Split(' ').Select(int.Parse)];
        foreach ((Topology topology, double[] positions) in new[] { EngineTestSystems.Chain, EngineTestSystems.Bridged })
            foreach (FragmentScheme scheme in Enum.GetValues<FragmentScheme>())
                foreach (PotentialTarget target in Enum.GetValues<PotentialTarget>())
                {
                    FragmentedSystem system = EngineTestSystems.System(new EngineToyPotential { Target = target, ManyBody = true }, topology, scheme, region);
                    EngineDifferences.CheckForces(system, positions, [], EnergyQuantity.Correction, atoms: 4);
                    EngineDifferences.CheckForces(system, positions, [], EnergyQuantity.Total, atoms: 4);
                }
    }

    /// <summary>
    /// E_base of the capped residue: the fragment's terms and, for the caps, those that ff14SB has for the same hydrogens
    /// in ACE-GLY-NME (which <see cref="Ff14sbEnergyTests"/> compares with OpenMM), H of NME in place of proline's CD.
    /// </summary>
    [Test]
    public void AbsolutePotentialOfOneResidue()
    {
        (Topology topology, double[] positions) = EngineTestSystems.Chain;
        TemplateAssignment assignment = TemplateAssignment.Assign(topology);
        var toy = new EngineToyPotential { Target = PotentialTarget.Absolute };
        // Next to proline: its N-CD is cut.
        FragmentedSystem system = EngineTestSystems.System(toy, topology, FragmentScheme.Whole, 3);
        Fragment f = system.Fragments[0];
        MolecularMechanicsTerms all = AmberFf14sb.CreateTerms(topology, assignment);
        double[] extended = [.. positions, .. f.Caps.SelectMany(cap =>
        {
            var h = new double[3];
            CapGeometry.Place(positions.AsSpan(3 * cap.Anchor, 3), positions.AsSpan(3 * cap.Replaced, 3), cap.BondLength, h);
            return h;
        })];
        double capEnergy = CapEnergyOfAceGlyNme(topology, f, all.Nonbonded, extended);
        double real = new VacuumForceField(all.Subset([.. f.Atoms])).Evaluate([.. f.Atoms.SelectMany(a => positions[(3 * a)..(3 * a + 3)])], []);
        double expected = EngineQuantityTests.Energy(toy, topology, f, positions) - real - capEnergy;

        using Workspace workspace = system.CreateWorkspace(new());
        Assert.That(workspace.Evaluate(positions, [], EnergyQuantity.Correction, [], []), Is.EqualTo(expected).Within(1e-7));
        Assert.That(Math.Abs(capEnergy), Is.GreaterThan(1), "the caps have energy of their own");
    }

    /// <summary>Energy of all terms with a cap, the caps uncharged. The caps are behind the chain's atoms.</summary>
    private static double CapEnergyOfAceGlyNme(Topology chain, Fragment fragment, IReadOnlyList<NonbondedParameters> real, double[] positions)
    {
        Topology capped = FragmentTestPeptides.Build(["ACE GLY NME"]);
        MolecularMechanicsTerms terms = AmberFf14sb.CreateTerms(capped, TemplateAssignment.Assign(capped));
        int count = chain.Atoms.Count;
        int Find(int r, string name) => chain.Residues[r].Atoms.First(a => chain.Atoms[a].Name == name);
        int Cap(int anchor, int number) => count + Enumerable.Range(0, fragment.Caps.Count).Where(k => fragment.Caps[k].Anchor == anchor).ElementAt(number);
        // H1 of a methyl group is HA of the neighbour, H2 and H3 are caps.
        int Methyl(int r, Atom atom) => atom.Name[^1] == '1' ? Find(r, "HA") : Cap(Find(r, "CA"), atom.Name[^1] - '2');
        int[] place = [.. capped.Atoms.Select(a => (a.ResidueIndex, a.Name) switch
        {
            (1, _) => Find(3, a.Name),
            (0, "C" or "O") => Find(2, a.Name),
            (0, "CH3") => Find(2, "CA"),
            (0, _) => Methyl(2, a),
            (_, "N") => Find(4, "N"),
            (_, "H") => Cap(Find(4, "N"), 0),
            (_, "C" or "CH3") => Find(4, "CA"),
            _ => Methyl(4, a),
        })];
        Assert.That(place.Order(), Is.EqualTo(fragment.Atoms.Concat(Enumerable.Range(count, fragment.Caps.Count)).Order()));
        bool HasCap(params int[] atoms) => atoms.Any(i => place[i] >= count);

        double bonded = new VacuumForceField(new()
        {
            AtomCount = positions.Length / 3,
            Angles = [.. terms.Angles.Where(t => HasCap(t.A, t.B, t.C)).Select(t => t with { A = place[t.A], B = place[t.B], C = place[t.C] })],
            Torsions = [.. terms.Torsions.Where(t => HasCap(t.A, t.B, t.C, t.D))
                .Select(t => t with { A = place[t.A], B = place[t.B], C = place[t.C], D = place[t.D] })],
        }).Evaluate(positions, []);

        var close = terms.Exceptions.ToDictionary(e => (Math.Min(e.A, e.B), Math.Max(e.A, e.B)));
        double lennardJones = 0;
        for (int i = 0; i < place.Length; i++)
            for (int j = i + 1; j < place.Length; j++)
            {
                if (!HasCap(i, j))
                    continue;
                // Real atoms keep their own radii: HA of the neighbour is no methyl hydrogen.
                NonbondedParameters p = Parameters(i), q = Parameters(j);
                double epsilon = close.TryGetValue((i, j), out NonbondedException e) ? e.Epsilon : Math.Sqrt(p.Epsilon * q.Epsilon);
                double square = Enumerable.Range(0, 3).Sum(x => Math.Pow(positions[3 * place[i] + x] - positions[3 * place[j] + x], 2));
                double s6 = Math.Pow((p.Sigma + q.Sigma) / 2, 6) / Math.Pow(square, 3);
                lennardJones += 4 * epsilon * (s6 * s6 - s6);
            }

        TestContext.Out.WriteLine($"angles and torsions {bonded:F4} kJ/mol, Lennard-Jones {lennardJones:F4} kJ/mol");
        return bonded + lennardJones;

        NonbondedParameters Parameters(int i) => place[i] < count ? real[place[i]] : terms.Nonbonded[i];
    }

    [Test]
    public void CorrectionsAddNothingForBorders()
    {
        (Topology topology, double[] positions) = EngineTestSystems.Chain;
        var toy = new EngineToyPotential();
        FragmentedSystem system = EngineTestSystems.System(toy, topology, FragmentScheme.Whole, 3);
        using Workspace workspace = system.CreateWorkspace(new());
        Assert.That(workspace.Evaluate(positions, [], EnergyQuantity.Correction, [], []),
            Is.EqualTo(EngineQuantityTests.Energy(toy, topology, system.Fragments[0], positions)).Within(1e-9));
    }
}
