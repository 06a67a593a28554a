using PluginBridge.Core.Chemistry;

namespace PluginBridge.Core.Engine;

/// <summary>
/// Coulomb and Lennard-Jones energy of a list of pairs, without cutoff:
/// E = Σ q_i q_j/(4πε₀ r) + 4ε[(σ/r)¹² − (σ/r)⁶].
/// </summary>
internal sealed class PairInteractions
{
    private readonly int[] _first;
    private readonly int[] _second;
    private readonly double[] _chargeProduct;
    private readonly double[] _sigma;
    private readonly double[] _epsilon;

    /// <summary>Takes the pairs: atoms, charge product (e²), σ (nm), ε (kJ/mol). Pairs of zero strength are dropped.</summary>
    public PairInteractions(IEnumerable<NonbondedException> pairs)
    {
        NonbondedException[] kept = [.. pairs.Where(p => p.ChargeProduct != 0 || p.Epsilon != 0)];
        _first = [.. kept.Select(p => p.A)];
        _second = [.. kept.Select(p => p.B)];
        _chargeProduct = [.. kept.Select(p => p.ChargeProduct * Units.CoulombConstant)];
        _sigma = [.. kept.Select(p => p.Sigma)];
        _epsilon = [.. kept.Select(p => p.Epsilon)];
    }

    /// <summary>Number of pairs.</summary>
    public int Count => _first.Length;

    /// <summary>The combination rule of AMBER (Lorentz-Berthelot).</summary>
    public static NonbondedException Combine(int a, int b, in NonbondedParameters p, in NonbondedParameters q) =>
        new(a, b, p.Charge * q.Charge, 0.5 * (p.Sigma + q.Sigma), Math.Sqrt(p.Epsilon * q.Epsilon));

    /// <summary>Energy, kJ/mol; forces −dE/dr are added.</summary>
    public double AddForces(ReadOnlySpan<double> positions, Span<double> forces)
    {
        double energy = 0;
        for (int k = 0; k < _first.Length; k++)
        {
            int i = 3 * _first[k], j = 3 * _second[k];
            double x = positions[i] - positions[j], y = positions[i + 1] - positions[j + 1],
                z = positions[i + 2] - positions[j + 2];
            double inverseSquare = 1 / (x * x + y * y + z * z);
            double coulomb = _chargeProduct[k] * Math.Sqrt(inverseSquare);
            double s2 = _sigma[k] * _sigma[k] * inverseSquare;
            double s6 = s2 * s2 * s2;
            energy += coulomb + 4 * _epsilon[k] * s6 * (s6 - 1);
            double scale = (coulomb + 24 * _epsilon[k] * s6 * (2 * s6 - 1)) * inverseSquare;
            forces[i] += scale * x;
            forces[i + 1] += scale * y;
            forces[i + 2] += scale * z;
            forces[j] -= scale * x;
            forces[j + 1] -= scale * y;
            forces[j + 2] -= scale * z;
        }

        return energy;
    }
}
