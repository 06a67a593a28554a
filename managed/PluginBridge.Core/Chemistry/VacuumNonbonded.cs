using System.Numerics;

namespace PluginBridge.Core.Chemistry;

/// <summary>
/// Coulomb and Lennard-Jones energy of all pairs, Σ q_i q_j/(4πε₀ r) + 4ε[(σ/r)¹² − (σ/r)⁶], Lorentz-Berthelot
/// combination, exceptions in place of their pairs.
/// </summary>
internal sealed class VacuumNonbonded
{
    private readonly int _count;
    private readonly double[] _x, _y, _z, _fx, _fy, _fz;
    private readonly double[] _charge, _halfSigma, _rootEpsilon;
    private readonly int[][] _excluded;
    private readonly double[] _savedCharge, _savedEpsilon;
    private readonly NonbondedException[] _exceptions;

    public VacuumNonbonded(MolecularMechanicsTerms terms)
    {
        _count = terms.AtomCount;
        // Rows are read in whole vectors: the padding is far away and has neither charge nor ε.
        int padded = _count + Vector<double>.Count;
        (_x, _y, _z) = (new double[padded], new double[padded], new double[padded]);
        (_fx, _fy, _fz) = (new double[padded], new double[padded], new double[padded]);
        (_charge, _halfSigma, _rootEpsilon) = (new double[padded], new double[padded], new double[padded]);
        for (int i = 0; i < _count; i++)
        {
            NonbondedParameters p = terms.Nonbonded[i];
            _charge[i] = p.Charge * Math.Sqrt(Units.CoulombConstant);
            _halfSigma[i] = p.Sigma / 2;
            _rootEpsilon[i] = 2 * Math.Sqrt(p.Epsilon);
        }

        for (int i = _count; i < padded; i++)
            _x[i] = 1e6;
        var excluded = new SortedSet<int>[_count];
        for (int i = 0; i < _count; i++)
            excluded[i] = [];
        foreach (NonbondedException e in terms.Exceptions)
            excluded[Math.Min(e.A, e.B)].Add(Math.Max(e.A, e.B));
        _excluded = [.. excluded.Select(set => set.ToArray())];
        int most = _excluded.Length > 0 ? _excluded.Max(list => list.Length) : 0;
        (_savedCharge, _savedEpsilon) = (new double[most], new double[most]);
        _exceptions = [.. terms.Exceptions.Where(e => e.ChargeProduct != 0 || e.Epsilon != 0)];
    }

    /// <summary>Energies in kJ/mol; forces are added to a span that may be empty.</summary>
    public (double Coulomb, double LennardJones) Evaluate(ReadOnlySpan<double> positions, Span<double> forces)
    {
        for (int i = 0; i < _count; i++)
        {
            (_x[i], _y[i], _z[i]) = (positions[3 * i], positions[3 * i + 1], positions[3 * i + 2]);
            (_fx[i], _fy[i], _fz[i]) = (0, 0, 0);
        }

        double coulomb = 0, lennardJones = 0;
        for (int i = 0; i < _count; i++)
        {
            // An exception's pair drops out of the row by its parameters: no large terms are added and taken away again.
            int[] excluded = _excluded[i];
            for (int n = 0; n < excluded.Length; n++)
            {
                (_savedCharge[n], _savedEpsilon[n]) = (_charge[excluded[n]], _rootEpsilon[excluded[n]]);
                (_charge[excluded[n]], _rootEpsilon[excluded[n]]) = (0, 0);
            }

            (double c, double lj) = Row(i);
            coulomb += c;
            lennardJones += lj;
            for (int n = 0; n < excluded.Length; n++)
                (_charge[excluded[n]], _rootEpsilon[excluded[n]]) = (_savedCharge[n], _savedEpsilon[n]);
        }

        if (!forces.IsEmpty)
            for (int i = 0; i < _count; i++)
                new Vec3(_fx[i], _fy[i], _fz[i]).AddTo(forces, i);
        (double c14, double lj14) = Exceptions(positions, forces);
        return (coulomb + c14, lennardJones + lj14);
    }

    /// <summary>Pairs of atom i with all later atoms.</summary>
    private (double Coulomb, double LennardJones) Row(int i)
    {
        int width = Vector<double>.Count;
        var (xi, yi, zi) = (new Vector<double>(_x[i]), new Vector<double>(_y[i]), new Vector<double>(_z[i]));
        var (qi, si, ei) = (new Vector<double>(_charge[i]), new Vector<double>(_halfSigma[i]), new Vector<double>(_rootEpsilon[i]));
        Vector<double> coulomb = default, lennardJones = default, fx = default, fy = default, fz = default;
        for (int j = i + 1; j < _count; j += width)
        {
            Vector<double> dx = new Vector<double>(_x, j) - xi, dy = new Vector<double>(_y, j) - yi, dz = new Vector<double>(_z, j) - zi;
            Vector<double> inverse = Vector<double>.One / (dx * dx + dy * dy + dz * dz);
            Vector<double> c = qi * new Vector<double>(_charge, j) * Vector.SquareRoot(inverse);
            Vector<double> sigma = si + new Vector<double>(_halfSigma, j);
            Vector<double> s2 = sigma * sigma * inverse, s6 = s2 * s2 * s2;
            Vector<double> repulsion = ei * new Vector<double>(_rootEpsilon, j) * s6; // 4ε(σ/r)⁶
            coulomb += c;
            lennardJones += repulsion * (s6 - Vector<double>.One);
            Vector<double> slope = (c + repulsion * (new Vector<double>(12.0) * s6 - new Vector<double>(6.0))) * inverse;
            dx *= slope;
            dy *= slope;
            dz *= slope;
            (new Vector<double>(_fx, j) + dx).CopyTo(_fx, j);
            (new Vector<double>(_fy, j) + dy).CopyTo(_fy, j);
            (new Vector<double>(_fz, j) + dz).CopyTo(_fz, j);
            fx += dx;
            fy += dy;
            fz += dz;
        }

        _fx[i] -= Vector.Sum(fx);
        _fy[i] -= Vector.Sum(fy);
        _fz[i] -= Vector.Sum(fz);
        return (Vector.Sum(coulomb), Vector.Sum(lennardJones));
    }

    private (double Coulomb, double LennardJones) Exceptions(ReadOnlySpan<double> positions, Span<double> forces)
    {
        double coulomb = 0, lennardJones = 0;
        foreach (NonbondedException e in _exceptions)
        {
            Vec3 d = new Vec3(positions, e.B) - new Vec3(positions, e.A);
            double inverse = 1 / d.Squared;
            double c = Units.CoulombConstant * e.ChargeProduct * Math.Sqrt(inverse);
            double s2 = e.Sigma * e.Sigma * inverse, s6 = s2 * s2 * s2;
            coulomb += c;
            lennardJones += 4 * e.Epsilon * s6 * (s6 - 1);
            if (forces.IsEmpty)
                continue;
            Vec3 f = (c + 4 * e.Epsilon * s6 * (12 * s6 - 6)) * inverse * d;
            f.AddTo(forces, e.B);
            (-1.0 * f).AddTo(forces, e.A);
        }

        return (coulomb, lennardJones);
    }
}
