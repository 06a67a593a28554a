using PluginBridge.Core.Chemistry;

namespace PluginBridge.Core.Fragmentation;

/// <summary>
/// Cap hydrogens as functions of the real atoms: r_H = r_a + d·u, u = (r_b − r_a)/|r_b − r_a|, along the cut bond a→b.
/// Their forces return to a and b by the chain rule, so that the total force is the exact gradient.
/// </summary>
public static class CapGeometry
{
    /// <summary>C–H of a cap, nm.</summary>
    public const double CarbonHydrogen = 0.109;

    /// <summary>N–H of a cap (proline's N–CD), nm.</summary>
    public const double NitrogenHydrogen = 0.101;

    /// <summary>Length of a cap's bond to its anchor, nm.</summary>
    /// <exception cref="PluginBridgeException">The anchor's element takes no cap.</exception>
    public static double BondLength(Topology topology, int anchor) => topology.Atoms[anchor].AtomicNumber switch
    {
        6 => CarbonHydrogen,
        7 => NitrogenHydrogen,
        _ => throw new PluginBridgeException(ErrorCode.Internal,
            $"A cut bond at {topology.Describe(anchor)}: only C and N take a cap hydrogen."),
    };

    /// <summary>Position of a cap.</summary>
    /// <param name="anchor">r_a, three numbers, nm.</param>
    /// <param name="replaced">r_b, in the periodic image next to a.</param>
    /// <param name="bondLength">d, nm.</param>
    /// <param name="hydrogen">Receives r_H.</param>
    public static void Place(ReadOnlySpan<double> anchor, ReadOnlySpan<double> replaced, double bondLength,
        Span<double> hydrogen)
    {
        double x = replaced[0] - anchor[0], y = replaced[1] - anchor[1], z = replaced[2] - anchor[2];
        double scale = bondLength / Math.Sqrt(x * x + y * y + z * z);
        hydrogen[0] = anchor[0] + scale * x;
        hydrogen[1] = anchor[1] + scale * y;
        hydrogen[2] = anchor[2] + scale * z;
    }

    /// <summary>
    /// The part of a cap's gradient that goes to the replaced atom, dE/dr_b = (d/|r_ab|)(1 − u uᵀ) dE/dr_H; the anchor
    /// receives the rest, dE/dr_a = dE/dr_H − dE/dr_b.
    /// </summary>
    /// <param name="anchor">r_a, three numbers, nm.</param>
    /// <param name="replaced">r_b, in the periodic image next to a.</param>
    /// <param name="bondLength">d, nm.</param>
    /// <param name="hydrogenGradient">dE/dr_H.</param>
    /// <param name="replacedGradient">Receives dE/dr_b.</param>
    public static void ReplacedGradient(ReadOnlySpan<double> anchor, ReadOnlySpan<double> replaced, double bondLength,
        ReadOnlySpan<double> hydrogenGradient, Span<double> replacedGradient)
    {
        double x = replaced[0] - anchor[0], y = replaced[1] - anchor[1], z = replaced[2] - anchor[2];
        double square = x * x + y * y + z * z;
        double scale = bondLength / Math.Sqrt(square);
        double along = (x * hydrogenGradient[0] + y * hydrogenGradient[1] + z * hydrogenGradient[2]) / square;
        replacedGradient[0] = scale * (hydrogenGradient[0] - along * x);
        replacedGradient[1] = scale * (hydrogenGradient[1] - along * y);
        replacedGradient[2] = scale * (hydrogenGradient[2] - along * z);
    }
}
