using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Potentials;
using PluginBridge.Core.Potentials.Xtb;

namespace PluginBridge.Core.Tests;

/// <summary>Molecules for the GFN2-xTB tests; positions in nm.</summary>
internal static class XtbTestMolecules
{
    /// <summary>ACE-GLY-NME: element, bond to, length (Å), angle to, angle, dihedral to, dihedral (degrees). With these
    /// values every heavy atom lies in the plane z = 0, the first bond along x.</summary>
    private static readonly (string Element, int A, double R, int B, double Theta, int C, double Phi)[] _glycine =
    [
        ("C", 0, 0, 0, 0, 0, 0),           // 0 CH3
        ("C", 0, 1.50, 0, 0, 0, 0),        // 1 C
        ("O", 1, 1.23, 0, 120, 0, 0),      // 2 O
        ("N", 1, 1.34, 0, 116, 2, 180),    // 3 N
        ("H", 3, 1.01, 1, 120, 0, 0),      // 4 H
        ("C", 3, 1.45, 1, 122, 0, 180),    // 5 CA
        ("C", 5, 1.52, 3, 110, 1, 180),    // 6 C
        ("O", 6, 1.23, 5, 120, 3, 0),      // 7 O
        ("N", 6, 1.34, 5, 116, 3, 180),    // 8 N
        ("H", 8, 1.01, 6, 120, 5, 0),      // 9 H
        ("C", 8, 1.45, 6, 122, 5, 180),    // 10 CH3
        ("H", 0, 1.09, 1, 110, 3, 180),    // 11
        ("H", 0, 1.09, 1, 110, 3, 60),     // 12
        ("H", 0, 1.09, 1, 110, 3, -60),    // 13
        ("H", 5, 1.09, 3, 109, 1, 60),     // 14
        ("H", 5, 1.09, 3, 109, 1, -60),    // 15
        ("H", 10, 1.09, 8, 110, 6, 180),   // 16
        ("H", 10, 1.09, 8, 110, 6, 60),    // 17
        ("H", 10, 1.09, 8, 110, 6, -60),   // 18
    ];

    /// <summary>ACE-GLY-NME, idealised: planar and along the axes, the case in which libxtb's gradient is wrong.</summary>
    public static (Molecule Molecule, double[] Positions) PlanarGlycine() =>
        (Of(0, [.. _glycine.Select(a => a.Element)]), Build(0.0));

    /// <summary>ACE-GLY-NME, folded (all rotatable dihedrals by 100°) and every atom displaced by about 0.05 Å.</summary>
    public static (Molecule Molecule, double[] Positions) DistortedGlycine() =>
        (Of(0, [.. _glycine.Select(a => a.Element)]), Displace(Build(100.0), 0.005, seed: 3));

    /// <summary>CH3-COO⁻.</summary>
    public static (Molecule Molecule, double[] Positions) Acetate() => (Of(-1, "C", "C", "O", "O", "H", "H", "H"), Nanometres(
        0.01, -0.03, 0.02, 1.53, 0.05, -0.04, 2.10, 1.17, 0.10, 2.18, -1.02, -0.12, -0.38, 0.99, 0.22, -0.37, -0.60, 0.84,
        -0.41, -0.45, -0.92));

    /// <summary>CH3-NH3⁺.</summary>
    public static (Molecule Molecule, double[] Positions) Methylammonium() => (Of(1, "C", "N", "H", "H", "H", "H", "H", "H"),
        Nanometres(0.02, 0.01, -0.03, 1.50, -0.02, 0.04, -0.38, 1.01, 0.10, -0.35, -0.57, 0.85, -0.36, -0.45, -0.95,
            1.88, -0.95, -0.08, 1.86, 0.42, 0.94, 1.83, 0.55, -0.80));

    /// <summary>CH3-SH.</summary>
    public static (Molecule Molecule, double[] Positions) Methanethiol() => (Of(0, "C", "S", "H", "H", "H", "H"), Nanometres(
        0.03, 0.01, -0.02, 1.82, -0.06, 0.05, -0.36, 1.03, 0.07, -0.40, -0.50, 0.88, -0.37, -0.49, -0.93, 2.12, 1.23, -0.14));

    /// <summary>CH3·, a doublet.</summary>
    public static (Molecule Molecule, double[] Positions) MethylRadical() =>
        (Of(0, "C", "H", "H", "H") with { UnpairedElectrons = 1 },
            Nanometres(0.01, 0.02, 0.06, 1.08, 0.04, -0.03, -0.52, 0.95, 0.01, -0.55, -0.93, 0.02));

    /// <summary>Acetate with its atoms torn apart, four times as far: the SCF does not converge.</summary>
    public static (Molecule Molecule, double[] Positions) TornAcetate()
    {
        (Molecule molecule, double[] positions) = Acetate();
        return (molecule, [.. positions.Select(r => 4 * r)]);
    }

    /// <summary>A molecule of elements and a charge.</summary>
    public static Molecule Of(int charge, params string[] elements) =>
        new([.. elements.Select(e => Elements.AtomicNumber(e))], charge);

    /// <summary>Å to nm.</summary>
    public static double[] Nanometres(params double[] angstroms) => [.. angstroms.Select(r => r * 0.1)];

    /// <summary>Skips the test where libxtb is not installed.</summary>
    public static void RequireXtb()
    {
        if (!Gfn2XtbPotential.IsAvailable)
            Assert.Ignore("libxtb is not installed (Debian package libxtb6)");
    }

    /// <summary>Energy (kJ/mol), gradient (kJ/mol/nm) and strain gradient of one molecule in a fresh evaluator.</summary>
    public static (double Energy, double[] Gradient, double[] Strain) Evaluate(Molecule molecule, double[] positions,
        int threads = 1)
    {
        using var potential = new Gfn2XtbPotential();
        using IMoleculeEvaluator evaluator = potential.CreateEvaluator([molecule], new EvaluationOptions { Threads = threads });
        double[] energy = new double[1], gradient = new double[positions.Length], strain = new double[9];
        evaluator.Evaluate(positions, [], energy, gradient, strain);
        return (energy[0], gradient, strain);
    }

    /// <summary>Folder of test data that is shared between checkouts.</summary>
    public static string Shared
    {
        get
        {
            DirectoryInfo? root = new(TestContext.CurrentContext.TestDirectory);
            while (root is not null && !File.Exists(Path.Combine(root.FullName, "Directory.Build.props")))
                root = root.Parent;
            return Environment.GetEnvironmentVariable("PLUGINBRIDGE_SHARED") ??
                Path.Combine(root?.FullName ?? ".", "..", "shared");
        }
    }

    /// <summary>Adds normally distributed displacements.</summary>
    public static double[] Displace(double[] positions, double sigma, int seed)
    {
        var random = new Random(seed);
        return [.. positions.Select(r => r + sigma * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) *
            Math.Cos(2 * Math.PI * random.NextDouble()))];
    }

    /// <summary>Cartesian coordinates from the internal ones; <paramref name="fold"/> is added to the dihedrals about
    /// N-CA and CA-C.</summary>
    private static double[] Build(double fold)
    {
        double[] x = new double[3 * _glycine.Length];
        x[3] = _glycine[1].R * 0.1;
        (double s, double c) = Math.SinCos(Math.PI * _glycine[2].Theta / 180);
        (x[6], x[7]) = (x[3] - _glycine[2].R * 0.1 * c, _glycine[2].R * 0.1 * s);
        for (int i = 3; i < _glycine.Length; i++)
        {
            var atom = _glycine[i];
            bool folded = (atom.A, atom.B) is (5, 3) or (6, 5);
            Place(x, i, atom.A, atom.B, atom.C, atom.R * 0.1, atom.Theta, atom.Phi + (folded ? fold : 0));
        }
        return x;
    }

    private static void Place(double[] x, int i, int a, int b, int c, double r, double theta, double phi)
    {
        double[] u = Unit(Difference(x, b, a)), v = Unit(Cross(Difference(x, c, b), u)), w = Cross(v, u);
        (double st, double ct) = Math.SinCos(Math.PI * theta / 180);
        (double sp, double cp) = Math.SinCos(Math.PI * phi / 180);
        for (int k = 0; k < 3; k++)
            x[3 * i + k] = x[3 * a + k] + r * (-ct * u[k] + st * cp * w[k] + st * sp * v[k]);
    }

    private static double[] Difference(double[] x, int from, int to) =>
        [x[3 * to] - x[3 * from], x[3 * to + 1] - x[3 * from + 1], x[3 * to + 2] - x[3 * from + 2]];

    private static double[] Cross(double[] a, double[] b) =>
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];

    private static double[] Unit(double[] a)
    {
        double length = Math.Sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2]);
        return [a[0] / length, a[1] / length, a[2] / length];
    }
}
