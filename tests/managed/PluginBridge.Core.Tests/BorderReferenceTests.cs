using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Engine;
using PluginBridge.Core.Fragmentation;
using PluginBridge.Core.IO;
using PluginBridge.Core.Potentials.Xtb;

namespace PluginBridge.Core.Tests;

/// <summary>What the force-field terms of border caps are worth: one residue of chignolin at GFN2-xTB, the rest ff14SB.</summary>
[Category("Slow")]
public class BorderReferenceTests
{
    private const double KcalPerMolAngstrom = Units.NanometrePerAngstrom / Units.KilojoulePerKilocalorie;

    [Test]
    public void WithoutTheirTermsCapsPullAtTheirAnchors()
    {
        if (!Gfn2XtbPotential.IsAvailable)
            Assert.Ignore("libxtb is not installed.");
        PdbFile pdb = PdbReader.Read(FragmentTestFiles.Protein("chig.pdb"));
        (Topology topology, double[] positions) = (pdb.Topology, pdb.Positions);
        using var gfn2 = new Gfn2XtbPotential();
        double[] whole = new double[positions.Length], forceField = new double[positions.Length];
        using (Workspace reference = EngineTestSystems.System(gfn2, topology, FragmentScheme.Whole).CreateWorkspace(new()))
            reference.Evaluate(positions, [], EnergyQuantity.Total, whole, []);
        MolecularMechanicsTerms terms = AmberFf14sb.CreateTerms(topology, TemplateAssignment.Assign(topology));
        new VacuumForceField(terms).Evaluate(positions, forceField);

        double sumWith = 0, sumBonded = 0, sumWithout = 0, sumUncorrected = 0;
        int count = 0;
        for (int residue = 2; residue <= 9; residue++)
        {
            FragmentedSystem system = EngineTestSystems.System(gfn2, topology, FragmentScheme.Whole, residue);
            var with = new double[positions.Length];
            using (Workspace workspace = system.CreateWorkspace(new()))
                workspace.Evaluate(positions, [], EnergyQuantity.Correction, with, []);
            Fragment f = system.Fragments[0];
            BorderCapTerms.Terms caps = BorderCapTerms.Create(topology, f.Caps, new AtomSetCover([f.Atoms]), terms.Nonbonded);
            // The correction subtracts the caps' forces: adding them again leaves them out.
            double[] bonded = CapForces(f, positions, caps, pairs: false), pairs = CapForces(f, positions, caps, pairs: true);
            foreach (int atom in f.Caps.SelectMany(c => new[] { c.Anchor, c.Replaced }).Distinct())
                for (int i = 3 * atom; i < 3 * atom + 3; i++)
                {
                    double exact = whole[i] - forceField[i];
                    sumWith += Math.Abs(with[i] - exact);
                    sumBonded += Math.Abs(with[i] + pairs[i] - exact);
                    sumWithout += Math.Abs(with[i] + pairs[i] + bonded[i] - exact);
                    sumUncorrected += Math.Abs(exact);
                    count++;
                }
        }

        double scale = KcalPerMolAngstrom / count;
        TestContext.Out.WriteLine($"error at anchors and replaced atoms, kcal/mol/Å: {sumWithout * scale:F2} without terms, "
            + $"{sumBonded * scale:F2} with bonded ones, {sumWith * scale:F2} with all, {sumUncorrected * scale:F2} uncorrected ff14SB");
        Assert.That(sumWith, Is.LessThan(0.9 * sumWithout));
    }

    private static double[] CapForces(Fragment f, double[] positions, BorderCapTerms.Terms caps, bool pairs)
    {
        double[] extended = [.. positions, .. f.Caps.SelectMany(cap =>
        {
            var h = new double[3];
            CapGeometry.Place(positions.AsSpan(3 * cap.Anchor, 3), positions.AsSpan(3 * cap.Replaced, 3), cap.BondLength, h);
            return h;
        })];
        var forces = new double[extended.Length];
        if (pairs)
            new PairInteractions(caps.Pairs).AddForces(extended, forces);
        else
            new VacuumForceField(new() { AtomCount = extended.Length / 3, Angles = caps.Angles, Torsions = caps.Torsions }).Evaluate(extended, forces);
        double[] real = forces[..positions.Length];
        for (int k = 0; k < f.Caps.Count; k++)
        {
            CapHydrogen cap = f.Caps[k];
            var replaced = new double[3];
            CapGeometry.ReplacedGradient(positions.AsSpan(3 * cap.Anchor, 3), positions.AsSpan(3 * cap.Replaced, 3), cap.BondLength,
                forces.AsSpan(positions.Length + 3 * k, 3), replaced);
            for (int i = 0; i < 3; i++)
            {
                real[3 * cap.Replaced + i] += replaced[i];
                real[3 * cap.Anchor + i] += forces[positions.Length + 3 * k + i] - replaced[i];
            }
        }

        return real;
    }
}
