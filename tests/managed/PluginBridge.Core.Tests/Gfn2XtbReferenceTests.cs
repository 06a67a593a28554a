using System.Diagnostics;
using System.Globalization;
using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Potentials;
using PluginBridge.Core.Potentials.Xtb;

namespace PluginBridge.Core.Tests;

/// <summary>GFN2-xTB against the xtb program (Debian package xtb), an independent route through the same theory.</summary>
public sealed class Gfn2XtbReferenceTests
{
    private const double Hartree = Units.KilojoulePerHartree;

    [SetUp]
    public void RequireXtb() => XtbTestMolecules.RequireXtb();

    private static IEnumerable<TestCaseData> Molecules()
    {
        yield return new TestCaseData(XtbTestMolecules.DistortedGlycine()).SetArgDisplayNames("ACE-GLY-NME");
        yield return new TestCaseData(XtbTestMolecules.Acetate()).SetArgDisplayNames("acetate");
        yield return new TestCaseData(XtbTestMolecules.Methylammonium()).SetArgDisplayNames("methylammonium");
        yield return new TestCaseData(XtbTestMolecules.Methanethiol()).SetArgDisplayNames("methanethiol");
        yield return new TestCaseData(XtbTestMolecules.MethylRadical()).SetArgDisplayNames("methyl radical");
    }

    [TestCaseSource(nameof(Molecules))]
    public void Energy_and_gradient_are_those_of_the_xtb_program((Molecule Molecule, double[] Positions) of)
    {
        (double energy, double[] gradient) = RunProgram(of.Molecule, of.Positions);
        var ours = XtbTestMolecules.Evaluate(of.Molecule, of.Positions);
        TestContext.Out.WriteLine($"energy differs by {ours.Energy - energy:E1} kJ/mol");
        Assert.That(ours.Energy, Is.EqualTo(energy).Within(1e-6 * Hartree));
        Assert.That(ours.Gradient, Is.EqualTo(gradient).Within(2e-6 * Hartree / Units.NanometrePerBohr));
    }

    [Test, Category("Slow")]
    public void Whole_Trp_cage_is_as_the_xtb_program_has_it_on_one_thread_and_on_two()
    {
        // off the grid of 0.001 Å, on which pairs share a coordinate and the program's gradient lacks terms
        (Molecule molecule, double[] grid) = Protein("trpcage.pdb", charge: TrpCageCharge);
        double[] positions = XtbTestMolecules.Displace(grid, 0.0005, seed: 4);
        (double energy, double[] gradient) = RunProgram(molecule, positions);
        var one = XtbTestMolecules.Evaluate(molecule, positions);
        Assert.That(one.Energy, Is.EqualTo(energy).Within(1e-6 * Hartree));
        Assert.That(one.Gradient, Is.EqualTo(gradient).Within(1e-5 * Hartree / Units.NanometrePerBohr));
        var two = XtbTestMolecules.Evaluate(molecule, positions, threads: 2);
        Assert.That(two.Energy, Is.EqualTo(one.Energy).Within(1e-6));
        Assert.That(two.Gradient, Is.EqualTo(one.Gradient).Within(1e-4));
    }

    [Test, Explicit("takes minutes")]
    public void Two_Trp_cages_are_as_the_xtb_program_has_them()
    {
        (Molecule one, double[] x) = Protein("trpcage.pdb", charge: TrpCageCharge);
        var two = new Molecule([.. one.AtomicNumbers, .. one.AtomicNumbers], 2 * one.Charge);
        double[] y = [.. x, .. x.Select((r, i) => i % 3 == 0 ? r + 6 : r)];
        double energy = RunProgram(two, y).Energy;
        Assert.That(XtbTestMolecules.Evaluate(two, y).Energy, Is.EqualTo(energy).Within(1e-6 * Hartree));
    }

    /// <summary>Two aspartates and an arginine.</summary>
    private const int TrpCageCharge = -1;

    /// <summary>Energy (kJ/mol) and gradient (kJ/mol/nm) of the xtb program.</summary>
    private static (double Energy, double[] Gradient) RunProgram(Molecule molecule, double[] positions)
    {
        string folder = Directory.CreateTempSubdirectory("xtb-").FullName;
        try
        {
            File.WriteAllLines(Path.Combine(folder, "mol.xyz"), Xyz(molecule, positions));
            string command = "ulimit -s unlimited; exec xtb mol.xyz --gfn 2 --grad --acc 0.01 " +
                $"--chrg {molecule.Charge} --uhf {molecule.UnpairedElectrons} > log 2>&1";
            var start = new ProcessStartInfo("/bin/bash", ["-c", command]) { WorkingDirectory = folder };
            (start.Environment["OMP_NUM_THREADS"], start.Environment["OMP_STACKSIZE"]) = ("1", "1G");
            using Process process = Process.Start(start)!;
            process.WaitForExit();
            if (process.ExitCode == 127)
                Assert.Ignore("the xtb program is not installed (Debian package xtb)");
            string log = File.ReadAllText(Path.Combine(folder, "log"));
            Assert.That(process.ExitCode, Is.Zero, log);
            double[] numbers = [.. File.ReadLines(Path.Combine(folder, "mol.engrad")).Where(l => !l.StartsWith('#'))
                .Select(l => l.Trim()).Where(l => !l.Contains(' ')).Select(l => double.Parse(l, CultureInfo.InvariantCulture))];
            int atoms = molecule.AtomicNumbers.Count;
            Assert.That(numbers[0], Is.EqualTo(atoms), "first number of mol.engrad");
            double unit = Hartree / Units.NanometrePerBohr;
            return (numbers[1] * Hartree, [.. numbers.Skip(2).Take(3 * atoms).Select(g => g * unit)]);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static IEnumerable<string> Xyz(Molecule molecule, double[] r)
    {
        yield return molecule.AtomicNumbers.Count.ToString(CultureInfo.InvariantCulture);
        yield return "";
        for (int i = 0; i < molecule.AtomicNumbers.Count; i++)
            yield return string.Create(CultureInfo.InvariantCulture,
                $"{Elements.Symbol(molecule.AtomicNumbers[i])} {10 * r[3 * i]:F10} {10 * r[3 * i + 1]:F10} {10 * r[3 * i + 2]:F10}");
    }

    /// <summary>A protein of the shared test data; skips where it is absent.</summary>
    private static (Molecule Molecule, double[] Positions) Protein(string file, int charge)
    {
        string path = Path.Combine(XtbTestMolecules.Shared, "data", "proteins", file);
        if (!File.Exists(path))
            Assert.Ignore($"{path} is absent (PLUGINBRIDGE_SHARED names the folder of shared test data)");
        string[] atoms = [.. File.ReadLines(path).Where(l => l.StartsWith("ATOM", StringComparison.Ordinal) ||
            l.StartsWith("HETATM", StringComparison.Ordinal))];
        Molecule molecule = XtbTestMolecules.Of(charge, [.. atoms.Select(l => l.Substring(76, 2))]);
        double[] positions = [.. atoms.SelectMany(l => new[] { 30, 38, 46 }.Select(column =>
            0.1 * double.Parse(l.AsSpan(column, 8), CultureInfo.InvariantCulture)))];
        return (molecule, positions);
    }
}
