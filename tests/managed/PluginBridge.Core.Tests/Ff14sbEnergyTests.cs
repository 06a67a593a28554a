using PluginBridge.Core.Chemistry;
using PluginBridge.Core.IO;

namespace PluginBridge.Core.Tests;

/// <summary>Energies and forces of every residue form against OpenMM's Reference platform.</summary>
[TestFixture]
public sealed class Ff14sbEnergyTests
{
    private const double Relative = 1e-6;

    private static IEnumerable<string> Molecules() =>
        [.. ResidueTemplates.All.Where(t => !t.IsCap).Select(t => t.Name), "LOOP", "MIXED", "chig", "trpcage"];

    [TestCaseSource(nameof(Molecules))]
    public void EnergiesAndForcesAreThoseOfOpenMM(string name)
    {
        Ff14sbReference reference = Ff14sbReferences.Load(name);
        PdbFile pdb = PdbReader.Read(reference.PdbPath);
        TemplateAssignment assignment = TemplateAssignment.Assign(pdb.Topology);
        var forms = pdb.Topology.Residues.Select(r => assignment.ResidueForm(r.Index));
        if (reference.Forms.Length > 0)
            Assert.That(forms, Is.EqualTo(reference.Forms));
        Assert.That(pdb.Positions, Is.EqualTo(reference.Positions).Within(1e-12));

        MolecularMechanicsTerms terms = AmberFf14sb.CreateTerms(pdb.Topology, assignment);
        var forceField = new VacuumForceField(terms, pdb.Topology.Describe);
        var forces = new double[pdb.Positions.Length];
        forceField.Evaluate(pdb.Positions, forces, out MolecularMechanicsEnergy energy);

        AssertClose(energy.Bonds, reference.Energies["HarmonicBondForce"], "bonds");
        AssertClose(energy.Angles, reference.Energies["HarmonicAngleForce"], "angles");
        AssertClose(energy.Torsions, reference.Energies["PeriodicTorsionForce"], "torsions");
        AssertClose(energy.Coulomb, reference.Energies["Coulomb"], "Coulomb");
        AssertClose(energy.LennardJones, reference.Energies["LennardJones"], "Lennard-Jones");
        double largest = reference.Forces.Max(Math.Abs);
        Assert.That(forces, Is.EqualTo(reference.Forces).Within(Relative * largest));
    }

    [Test]
    public void EveryFormOfTheTableIsInAReference()
    {
        var covered = Molecules().Where(n => ResidueTemplates.Find(n) is not null || n is "LOOP" or "MIXED")
            .SelectMany(n => Ff14sbReferences.Load(n).Forms).ToHashSet();
        Assert.That(ResidueTemplates.All.Select(t => t.Name).Where(n => !covered.Contains(n)), Is.Empty);
    }

    private static void AssertClose(double value, double expected, string what) =>
        Assert.That(value, Is.EqualTo(expected).Within(Relative * Math.Max(1, Math.Abs(expected))), what);
}
