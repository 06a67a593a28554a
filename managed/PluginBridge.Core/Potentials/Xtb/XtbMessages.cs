using System.Globalization;
using PluginBridge.Core.Chemistry;

namespace PluginBridge.Core.Potentials.Xtb;

/// <summary>What users read when a calculation fails.</summary>
internal static class XtbMessages
{
    /// <summary>Atoms nearer than this, nm, explain a failure: half the shortest bond, H–H.</summary>
    private const double Overlap = 0.04;

    /// <summary>A molecule in words, e.g. <c>molecule 3 of 12 (24 atoms, charge -1)</c>, counted from 0 as in arrays.
    /// </summary>
    public static string Name(IReadOnlyList<Molecule> molecules, int index)
    {
        Molecule molecule = molecules[index];
        string spin = molecule.UnpairedElectrons == 0 ? "" : $", {molecule.UnpairedElectrons} unpaired electrons";
        return string.Create(CultureInfo.InvariantCulture, $"molecule {index} of {molecules.Count} " +
            $"({molecule.AtomicNumbers.Count} atoms, charge {molecule.Charge:+0;-0;0}{spin})");
    }

    /// <summary>The error for a calculation that failed.</summary>
    /// <param name="molecules">All molecules of the batch.</param>
    /// <param name="index">The one that failed.</param>
    /// <param name="positions">Its positions, nm.</param>
    /// <param name="reason">What libxtb says.</param>
    public static PluginBridgeException Failure(IReadOnlyList<Molecule> molecules, int index,
        ReadOnlySpan<double> positions, string reason)
    {
        (double distance, int a, int b) = ClosestPair(positions);
        IReadOnlyList<int> z = molecules[index].AtomicNumbers;
        bool overlap = distance < Overlap;
        string advice = overlap
            ? string.Create(CultureInfo.InvariantCulture, $"Its atoms {a} ({Elements.Symbol(z[a])}) and {b} " +
                $"({Elements.Symbol(z[b])}) are only {distance:F4} nm apart: check the positions.")
            : "Check its charge and hydrogens. Compact, highly charged molecules often have no converged wavefunction in " +
            "vacuo: start from a minimised structure, or choose another fragment scheme.";
        return new PluginBridgeException(ErrorCode.Calculation,
            $"GFN2-xTB failed for {Name(molecules, index)}: {reason.TrimEnd('.')}. {advice}")
        { Molecule = index, OverlappingAtoms = overlap ? (a, b) : null };
    }

    private static (double Distance, int First, int Second) ClosestPair(ReadOnlySpan<double> x)
    {
        (double shortest, int a, int b) = (double.PositiveInfinity, 0, 0);
        for (int i = 3; i < x.Length; i += 3)
            for (int j = 0; j < i; j += 3)
            {
                double distance = Math.Sqrt((x[i] - x[j]) * (x[i] - x[j]) +
                    (x[i + 1] - x[j + 1]) * (x[i + 1] - x[j + 1]) + (x[i + 2] - x[j + 2]) * (x[i + 2] - x[j + 2]));
                if (distance < shortest)
                    (shortest, a, b) = (distance, j / 3, i / 3);
            }
        return (shortest, a, b);
    }
}
