using System.Diagnostics;
using PluginBridge.Core.Chemistry;

namespace PluginBridge.Core.Tests;

/// <summary>The embedded table.</summary>
[TestFixture]
public sealed class Ff14sbTableTests
{
    private static string Script =>
        Path.Combine(PythonFixtures.Root, "managed", "PluginBridge.Core", "Chemistry", "Data", "make_ff14sb_table.py");

    [Test]
    public void IsWhatItsScriptMakes()
    {
        if (!File.Exists(PythonFixtures.Python))
            Assert.Ignore($"{PythonFixtures.Python} with OpenMM makes the table, and it is not here");
        using Process process = Process.Start(new ProcessStartInfo(PythonFixtures.Python, [Script, "--check"]) { RedirectStandardError = true })!;
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, errors);
    }

    [Test]
    public void HasEveryAminoAcidAtEveryChainPosition()
    {
        string[] inner =
        [
            "ALA", "ARG", "ASN", "ASP", "CYS", "CYX", "GLN", "GLU", "GLY", "HID", "HIE", "HIP", "ILE", "LEU", "LYS", "MET", "PHE", "PRO", "SER",
            "THR", "TRP", "TYR", "VAL",
        ];
        string[] protonated = ["ASH", "GLH", "LYN", "CYM", "ACE", "NME", "NHE"];
        Assert.That(inner.Concat(inner.Select(n => "N" + n)).Concat(inner.Select(n => "C" + n)).Concat(protonated)
            .Where(n => ResidueTemplates.Find(n) is null), Is.Empty);
    }

    [Test]
    public void ScalesOneFourPairsAsAmberDoes()
    {
        Assert.That(ForceFieldTable.Instance.Coulomb14Scale, Is.EqualTo(1 / 1.2).Within(1e-12));
        Assert.That(ForceFieldTable.Instance.LennardJones14Scale, Is.EqualTo(0.5));
    }

    [Test]
    public void EveryTypeHasParameters()
    {
        foreach (TemplateAtom atom in ResidueTemplates.All.SelectMany(t => t.Atoms))
            Assert.That(ForceFieldTable.Instance.LennardJones, Does.ContainKey(atom.Type));
    }
}
