namespace PluginBridge.Core.Potentials.Xtb;

/// <summary>
/// Checks that libxtb computes GFN2-xTB. It reads <c>param_gfn2-xtb.txt</c> from the working folder, XTBPATH, XTBHOME
/// or HOME where such a file exists, without a word: other parameters would silently be another potential.
/// </summary>
internal static class XtbParameterCheck
{
    /// <summary>Hartree; releases of xtb differ by less.</summary>
    private const double Tolerance = 1e-5;

    /// <summary>Energy of the <c>xtb</c> program 6.5.1 (<c>--gfn 2 --acc 0.01</c>), hartree.</summary>
    private const double Expected = -13.884308472313;

    /// <summary>Thiocarbamic acid, which has the elements of proteins: C O S N H H H.</summary>
    private static readonly Molecule _molecule = new([6, 8, 16, 7, 1, 1, 1], 0);

    /// <summary>Å.</summary>
    private static readonly double[] _positionsAngstrom =
    [
        0.012, 0.034, -0.021,
        1.095, -0.768, 0.102,
        -1.412, -0.795, -0.135,
        0.231, 1.326, 0.047,
        1.842, -0.153, 0.181,
        -0.522, 1.985, -0.118,
        1.134, 1.702, 0.215,
    ];

    /// <summary>Computes the molecule; call it through <see cref="XtbStack"/>.</summary>
    /// <exception cref="PluginBridgeException">Another energy.</exception>
    public static void Run(XtbLibrary library)
    {
        double[] positions = Array.ConvertAll(_positionsAngstrom,
            r => r * Units.NanometrePerAngstrom / Units.NanometrePerBohr);
        double energy = double.NaN;
        string reason = "";
        library.Threads.Run(1, XtbStack.RequiredBytes(1), () =>
        {
            try
            {
                using var calculation = new XtbMolecule(library.Functions, _molecule, positions);
                energy = calculation.Evaluate(positions, new double[positions.Length]);
            }
            catch (XtbException error)
            {
                reason = $" ({error.Message})";
            }
        });
        if (!(Math.Abs(energy - Expected) < Tolerance))
            throw new PluginBridgeException(ErrorCode.Calculation,
                $"libxtb does not compute GFN2-xTB: a test molecule has {energy} instead of {Expected} hartree{reason}. " +
                "Remove files param_gfn2-xtb.txt with other parameters from the working folder and from the folders in " +
                "XTBPATH, XTBHOME and HOME, or reinstall libxtb (Debian package libxtb6).");
    }
}
