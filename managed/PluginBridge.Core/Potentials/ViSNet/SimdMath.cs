using System.Numerics;
using System.Runtime.CompilerServices;

namespace PluginBridge.Core.Potentials.ViSNet;

/// <summary>Functions of SIMD registers: exponential, SiLU, sine and cosine of a quarter turn.</summary>
internal static unsafe class SimdMath<T, V>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where V : unmanaged, ISimd<V, T>
{
    /// <summary>eˣ to one unit in the last place (float: 1e-7 relative, double: 4e-16), x clamped to the range in which
    /// the result is a normal number.</summary>
    /// <remarks>x = n ln 2 + r, |r| ≤ ln 2 / 2; ln 2 in two parts; polynomial in r (float: Chebyshev interpolation of
    /// degree 6, error 3e-9; double: Taylor to r¹³, error 4e-18); 2ⁿ by way of the exponent bits.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Exp(V x)
    {
        bool single = typeof(T) == typeof(float);
        x = V.Min(V.Max(x, V.Constant(single ? -87 : -708)), V.Constant(single ? 88 : 709));
        // Adding 1.5·2^mantissa rounds to a whole number and leaves it in the low bits.
        V magic = V.Constant(single ? 12582912.0 : 6755399441055744.0);
        V shifted = V.MultiplyAdd(x, V.Constant(1.4426950408889634), magic);
        V n = shifted - magic;
        V r = V.MultiplyAdd(n, V.Constant(single ? -0.693145751953125 : -0.693147180369123816490), x);
        r = V.MultiplyAdd(n, V.Constant(single ? -1.428606765330187e-06 : -1.90821492927058770002e-10), r);
        V p;
        if (single)
        {
            p = V.MultiplyAdd(V.Constant(0.0013941213255748153), r, V.Constant(0.008375209756195545));
            p = V.MultiplyAdd(p, r, V.Constant(0.04166635125875473));
            p = V.MultiplyAdd(p, r, V.Constant(0.16666413843631744));
            p = V.MultiplyAdd(p, r, V.Constant(0.5));
            p = V.MultiplyAdd(p, r, V.Constant(1));
            p = V.MultiplyAdd(p, r, V.Constant(1));
        }
        else
        {
            p = V.MultiplyAdd(V.Constant(1 / 6227020800.0), r, V.Constant(1 / 479001600.0));
            p = V.MultiplyAdd(p, r, V.Constant(1 / 39916800.0));
            p = V.MultiplyAdd(p, r, V.Constant(1 / 3628800.0));
            p = V.MultiplyAdd(p, r, V.Constant(1 / 362880.0));
            p = V.MultiplyAdd(p, r, V.Constant(1 / 40320.0));
            p = V.MultiplyAdd(p, r, V.Constant(1 / 5040.0));
            p = V.MultiplyAdd(p, r, V.Constant(1 / 720.0));
            p = V.MultiplyAdd(p, r, V.Constant(1 / 120.0));
            p = V.MultiplyAdd(p, r, V.Constant(1 / 24.0));
            p = V.MultiplyAdd(p, r, V.Constant(1 / 6.0));
            p = V.MultiplyAdd(p, r, V.Constant(0.5));
            p = V.MultiplyAdd(p, r, V.Constant(1));
            p = V.MultiplyAdd(p, r, V.Constant(1));
        }
        return p * V.PowerOfTwo(shifted);
    }

    /// <summary>z σ(z).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Silu(V z) => z / (V.Constant(1) + Exp(V.Zero - z));

    /// <summary>y = z σ(z) and its derivative σ + y (1 − σ), with 1 − σ = e⁻ᶻ σ.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Silu(V z, out V y, out V derivative)
    {
        V one = V.Constant(1);
        V e = Exp(V.Zero - z);
        V sigma = one / (one + e);
        y = z * sigma;
        derivative = V.MultiplyAdd(y * e, sigma, sigma);
    }

    /// <summary>sin φ and cos φ of 0 ≤ φ ≤ π/2 by their Taylor series, to rounding.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SinCos(V phi, out V sin, out V cos)
    {
        const int Terms = 12;
        V square = V.Zero - phi * phi;
        sin = V.Constant(1);
        cos = V.Constant(1);
        // Horner: 1 − φ²/(2·3)(1 − φ²/(4·5)(…)) and 1 − φ²/(1·2)(1 − φ²/(3·4)(…))
        for (int k = Terms; k >= 1; k--)
        {
            sin = V.MultiplyAdd(square * V.Constant(1.0 / (2 * k * (2 * k + 1))), sin, V.Constant(1));
            cos = V.MultiplyAdd(square * V.Constant(1.0 / ((2 * k - 1) * 2 * k)), cos, V.Constant(1));
        }
        sin *= phi;
    }
}
