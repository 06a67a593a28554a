namespace PluginBridge.Core.Fragmentation;

/// <summary>Radii between which pairs of units fade out.</summary>
/// <param name="Inner">Heavy atoms at most this far apart: the pair counts in full, nm.</param>
/// <param name="Outer">All heavy atoms at least this far apart: it does not count, nm.</param>
public readonly record struct PairRadii(double Inner, double Outer)
{
    /// <summary>4.0 and 5.0 Å, chosen by accuracy per cost with GFN2-xTB fragments of chignolin.</summary>
    public static PairRadii Default { get; } = new(0.40, 0.50);

    /// <summary>Refuses radii that make no switch.</summary>
    /// <exception cref="PluginBridgeException">Not 0 ≤ inner &lt; outer, or not numbers.</exception>
    public void Check()
    {
        if (!(Inner >= 0 && Outer > Inner && double.IsFinite(Outer)))
            throw new PluginBridgeException(ErrorCode.InvalidArgument, FormattableString.Invariant(
                $"Pairs fade out between an inner and a larger outer radius; {Inner:G6} and {Outer:G6} nm were given."));
    }
}

/// <summary>
/// s(r) = 1 − x³(10 − 15x + 6x²), x = (r − r_in)/(r_out − r_in): 1 inside, 0 outside, two continuous derivatives. The weight
/// of a cell is w = 1 − Π_(p,q) (1 − s(r_pq)).
/// </summary>
internal static class PairSwitch
{
    /// <summary>s.</summary>
    /// <param name="radii">r_in, r_out, nm.</param>
    /// <param name="distance">r, nm.</param>
    public static double Value(in PairRadii radii, double distance)
    {
        if (distance <= radii.Inner)
            return 1;
        if (distance >= radii.Outer)
            return 0;
        double x = (distance - radii.Inner) / (radii.Outer - radii.Inner);
        return 1 - x * x * x * (10 - 15 * x + 6 * x * x);
    }

    /// <summary>ds/dr, 1/nm.</summary>
    /// <param name="radii">r_in, r_out, nm.</param>
    /// <param name="distance">r, nm.</param>
    public static double Derivative(in PairRadii radii, double distance)
    {
        if (distance <= radii.Inner || distance >= radii.Outer)
            return 0;
        double x = (distance - radii.Inner) / (radii.Outer - radii.Inner);
        return -30 * x * x * (1 - x) * (1 - x) / (radii.Outer - radii.Inner);
    }
}
