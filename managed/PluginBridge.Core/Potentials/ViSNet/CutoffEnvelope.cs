using System.Numerics;

namespace PluginBridge.Core.Potentials.ViSNet;

/// <summary>The envelope C(r) that takes a pair out of the network at the cutoff.</summary>
internal static class CutoffEnvelope<T, V>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where V : unmanaged, ISimd<V, T>
{
    /// <summary>C and dC/dx of x = r/rc, from y = 1 − x.</summary>
    /// <remarks>
    /// Exponent 0: C = (cos πx + 1)/2 = sin²(πy/2), whose second derivative jumps at the cutoff. Exponent p ≥ 3: C =
    /// 1 − (p+1)(p+2)/2 xᵖ + p(p+2) xᵖ⁺¹ − p(p+1)/2 xᵖ⁺² (Gasteiger et al., ICLR 2020, eq. 8), zero with two derivatives
    /// there; evaluated as y³ Σ_{k&lt;p} (k+1)(k+2)/2 xᵏ, which cancels nothing, with C' = −p(p+1)(p+2)/2 xᵖ⁻¹ y².
    /// </remarks>
    public static void Evaluate(V y, int exponent, out V value, out V slope)
    {
        if (exponent == 0)
        {
            SimdMath<T, V>.SinCos(y * V.Constant(Math.PI / 2), out V sin, out V cos);
            value = sin * sin;
            slope = V.Constant(-Math.PI) * sin * cos;
            return;
        }
        V x = V.Constant(1) - y, square = y * y, sum = V.Zero, power = V.Constant(1);
        for (int k = exponent - 1; k >= 0; k--)
            sum = V.MultiplyAdd(sum, x, V.Constant((k + 1) * (k + 2) / 2));
        for (int k = 1; k < exponent; k++)
            power *= x;
        value = square * y * sum;
        slope = V.Constant(-exponent * (exponent + 1) * (exponent + 2) / 2) * power * square;
    }
}
