using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using PluginBridge.Core.Fragmentation;

namespace PluginBridge.Exports;

/// <summary>Schemes as text: the section <c>systems</c> of <c>pluginbridge.h</c>.</summary>
public static unsafe class Schemes
{
    [UnmanagedCallersOnly(EntryPoint = "pb_scheme_parse", CallConvs = [typeof(CallConvCdecl)])]
    public static int Parse(byte* text, int* scheme, double* pairInner, double* pairOuter) => Guard.Invoke(() =>
    {
        if (scheme == null)
            throw Guard.Invalid("scheme is NULL.");
        (FragmentScheme found, PairRadii? radii) = SchemeText.Parse(Utf8.Require(text, "text"));
        *scheme = (int)found;
        if (pairInner != null)
            *pairInner = radii?.Inner ?? 0;
        if (pairOuter != null)
            *pairOuter = radii?.Outer ?? 0;
    });
}
