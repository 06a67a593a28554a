using PluginBridge.Core.Potentials;
using PluginBridge.Core.Potentials.Xtb;

namespace PluginBridge.Core.Tests;

/// <summary>What GFN2-xTB accepts, and how it refuses the rest.</summary>
public sealed class Gfn2XtbPotentialTests
{
    private static readonly string[] _absentLibrary = ["libxtb-that-does-not-exist.so"];
    private static readonly string[] _otherLibrary = ["libgomp.so.1"];

    [Test]
    public void A_missing_library_is_named_with_its_package()
    {
        var error = Assert.Throws<PluginBridgeException>(() => XtbLibrary.Load(_absentLibrary))!;
        Assert.That(error.Code, Is.EqualTo(ErrorCode.MissingLibrary));
        Assert.That(error.Message, Does.Contain("libxtb6").And.Contain("libxtb-that-does-not-exist.so"));
    }

    [Test]
    public void A_library_without_the_functions_is_refused()
    {
        XtbTestMolecules.RequireXtb();
        var error = Assert.Throws<PluginBridgeException>(() => XtbLibrary.Load(_otherLibrary))!;
        Assert.That(error.Code, Is.EqualTo(ErrorCode.MissingLibrary));
        Assert.That(error.Message, Does.Contain("libgomp.so.1").And.Contain("xtb_getAPIVersion"));
    }

    [Test]
    public void It_describes_itself()
    {
        XtbTestMolecules.RequireXtb();
        using var potential = new Gfn2XtbPotential();
        Assert.That(potential.Info, Is.EqualTo(new PotentialInfo
        {
            Name = "gfn2-xtb",
            Target = PotentialTarget.Absolute,
            ReferenceMethod = "GFN2-xTB",
            Cutoff = double.PositiveInfinity,
        }));
        Assert.That(potential.SupportsBox, Is.False);
        Assert.That(Enumerable.Range(-1, 130).Where(potential.SupportsElement), Is.EqualTo(Enumerable.Range(1, 86)));
    }

    [Test]
    public void An_unknown_element_is_named() =>
        Refuse(new Molecule([1, 92], 0), ErrorCode.Unsupported, "atom 1", "Z=92", "molecule 1 of 2");

    [Test]
    public void A_charge_that_leaves_an_unpaired_electron_is_refused() =>
        Refuse(XtbTestMolecules.Acetate().Molecule with { Charge = 0 }, ErrorCode.Unsupported, "23 valence electrons", "charge");

    [TestCase(4, TestName = "{m}(more than there are electrons)")]
    [TestCase(-2, TestName = "{m}(negative)")]
    [TestCase(1, TestName = "{m}(odd for an even count)")]
    public void Impossible_spins_are_refused(int unpaired) =>
        Refuse(new Molecule([1, 1], 0, unpaired), ErrorCode.Unsupported, "2 valence electrons", "unpaired");

    [TestCase(2)]
    [TestCase(-4)]
    public void Impossible_charges_are_refused(int charge) =>
        Refuse(new Molecule([1, 1], charge), ErrorCode.Unsupported, "valence electrons", "check its charge");

    [Test]
    public void A_molecule_without_atoms_is_refused() =>
        Refuse(new Molecule([], 0), ErrorCode.InvalidArgument, "no atoms");

    [Test]
    public void A_molecule_too_large_for_the_machine_is_refused_before_it_is_tried() =>
        Refuse(new Molecule([.. Enumerable.Repeat(6, 200_000)], 0), ErrorCode.Unsupported, "too large", "fragment scheme");

    private static void Refuse(Molecule molecule, ErrorCode code, params string[] parts)
    {
        XtbTestMolecules.RequireXtb();
        using var potential = new Gfn2XtbPotential();
        Molecule[] molecules = [new([1, 1], 0), molecule];
        var error = Assert.Throws<PluginBridgeException>(() => potential.CreateEvaluator(molecules, new EvaluationOptions()))!;
        Assert.That(error.Code, Is.EqualTo(code));
        foreach (string part in parts)
            Assert.That(error.Message, Does.Contain(part));
    }
}
