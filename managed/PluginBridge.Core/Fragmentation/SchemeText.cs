using System.Globalization;

namespace PluginBridge.Core.Fragmentation;

/// <summary>
/// Schemes as users write them: <c>whole</c>, <c>dipeptide</c>, <c>window2</c>, <c>window3</c>, <c>window2+pairs</c>,
/// <c>window3+pairs</c>, the last two also with radii in ångström: <c>window3+pairs:3.5-4.5</c>.
/// </summary>
public static class SchemeText
{
    private static readonly (string Name, FragmentScheme Scheme)[] _names =
    [
        ("whole", FragmentScheme.Whole), ("dipeptide", FragmentScheme.Dipeptide), ("window2", FragmentScheme.Window2),
        ("window3", FragmentScheme.Window3), ("window2+pairs", FragmentScheme.Window2Pairs), ("window3+pairs", FragmentScheme.Window3Pairs),
    ];

    /// <summary>Reads a scheme.</summary>
    /// <returns>The scheme, and the radii if the text has them.</returns>
    /// <exception cref="PluginBridgeException">There is no such scheme, radii for a scheme without pairs, or radii that make
    /// no switch.</exception>
    public static (FragmentScheme Scheme, PairRadii? Radii) Parse(string text)
    {
        string[] parts = text.Split(':', 2);
        int found = Array.FindIndex(_names, entry => entry.Name == parts[0]);
        if (found < 0)
            throw Wrong($"The scheme '{text}' is unknown: use one of {string.Join(", ", _names.Select(entry => entry.Name))}.");
        FragmentScheme scheme = _names[found].Scheme;
        if (parts.Length == 1)
            return (scheme, null);
        if (!HasPairs(scheme))
            throw Wrong($"The scheme '{text}' has radii, but '{parts[0]}' has no pairs that could fade out.");
        string[] numbers = parts[1].Split('-');
        if (numbers.Length != 2 || !Number(numbers[0], out double inner) || !Number(numbers[1], out double outer))
            throw Wrong($"The radii of the scheme '{text}' are not two numbers in ångström, as in '{parts[0]}:4-5'.");
        var radii = new PairRadii(inner * Units.NanometrePerAngstrom, outer * Units.NanometrePerAngstrom);
        radii.Check();
        return (scheme, radii);
    }

    /// <summary>Whether a scheme counts pairs of units in contact.</summary>
    public static bool HasPairs(FragmentScheme scheme) => scheme is FragmentScheme.Window2Pairs or FragmentScheme.Window3Pairs;

    private static bool Number(string text, out double value) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out value);

    private static PluginBridgeException Wrong(string message) => new(ErrorCode.InvalidArgument, message);
}
