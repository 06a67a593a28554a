using PluginBridge.Interop;

namespace PluginBridge;

/// <summary>Schemes as users write them, e.g. <c>window3</c> or <c>window3+pairs:3.5-4.5</c> (ångström).</summary>
public static class SchemeText
{
    /// <summary>Reads a scheme.</summary>
    /// <returns>The scheme, and the radii (nm) if the text has them.</returns>
    /// <exception cref="PluginBridgeException">It is none; the message lists the names.</exception>
    public static unsafe (FragmentScheme Scheme, (double Inner, double Outer)? PairRadii) Parse(string text)
    {
        using var arguments = new NativeArguments();
        int scheme;
        double inner, outer;
        Ensure.Success(NativeMethods.pb_scheme_parse(arguments.Text(text), &scheme, &inner, &outer));
        return ((FragmentScheme)scheme, outer > 0 ? (inner, outer) : null);
    }
}
