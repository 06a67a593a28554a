namespace PluginBridge.Core.Potentials;

/// <summary>Whether numbers are numbers.</summary>
internal static class Finite
{
    /// <summary>No NaN and no infinity among the values.</summary>
    public static bool All(ReadOnlySpan<double> values)
    {
        double sum = 0;
        foreach (double value in values)
            sum += value - value; // 0, or NaN
        return sum == 0;
    }
}
