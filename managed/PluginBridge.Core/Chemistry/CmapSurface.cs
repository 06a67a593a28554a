namespace PluginBridge.Core.Chemistry;

/// <summary>
/// A CMAP energy surface: bicubic in each cell of the grid, with the slopes and the mixed derivative at the grid points
/// taken from periodic cubic splines, as OpenMM's CMAPTorsionForce does it.
/// </summary>
internal sealed class CmapSurface
{
    private readonly int _size;
    private readonly double _spacing;
    private readonly double[] _energy, _slope1, _slope2, _mixed;

    public CmapSurface(CmapGrid grid)
    {
        _size = grid.Size;
        if (_size < 2 || grid.Energies.Length != _size * _size)
            throw new PluginBridgeException(ErrorCode.InvalidArgument,
                $"A CMAP grid of size {_size} has {_size * _size} energies, not {grid.Energies.Length}, and a size of two at least.");
        _spacing = 2 * Math.PI / _size;
        _energy = [.. grid.Energies];
        _slope1 = Differentiate(_energy, stride: 1, lineStride: _size);
        _slope2 = Differentiate(_energy, stride: _size, lineStride: 1);
        _mixed = Differentiate(_slope1, stride: _size, lineStride: 1);
    }

    /// <summary>Energy in kJ/mol and its slopes at two angles in rad.</summary>
    public double Evaluate(double angle1, double angle2, out double slope1, out double slope2)
    {
        (int i, double u) = Cell(angle1);
        (int j, double v) = Cell(angle2);
        // Hermite basis: values H and slopes G at the cell's two ends, and their derivatives.
        Span<double> h1 = stackalloc double[4], h2 = stackalloc double[4], d1 = stackalloc double[4], d2 = stackalloc double[4];
        Basis(u, h1, d1);
        Basis(v, h2, d2);
        double energy = 0;
        slope1 = slope2 = 0;
        for (int a = 0; a < 2; a++)
        {
            for (int b = 0; b < 2; b++)
            {
                int n = (i + a) % _size + _size * ((j + b) % _size);
                double e = _energy[n], e1 = _slope1[n] * _spacing, e2 = _slope2[n] * _spacing, e12 = _mixed[n] * _spacing * _spacing;
                energy += h1[a] * (e * h2[b] + e2 * h2[2 + b]) + h1[2 + a] * (e1 * h2[b] + e12 * h2[2 + b]);
                slope1 += d1[a] * (e * h2[b] + e2 * h2[2 + b]) + d1[2 + a] * (e1 * h2[b] + e12 * h2[2 + b]);
                slope2 += h1[a] * (e * d2[b] + e2 * d2[2 + b]) + h1[2 + a] * (e1 * d2[b] + e12 * d2[2 + b]);
            }
        }

        slope1 /= _spacing;
        slope2 /= _spacing;
        return energy;
    }

    private (int Cell, double Fraction) Cell(double angle)
    {
        double place = angle / _spacing;
        if (!double.IsFinite(place))
            return (0, double.NaN);
        double floor = Math.Floor(place);
        return ((((int)floor % _size) + _size) % _size, place - floor);
    }

    private static void Basis(double u, Span<double> value, Span<double> derivative)
    {
        value[0] = (1 + 2 * u) * (1 - u) * (1 - u);
        value[1] = u * u * (3 - 2 * u);
        value[2] = u * (1 - u) * (1 - u);
        value[3] = u * u * (u - 1);
        derivative[0] = -6 * u * (1 - u);
        derivative[1] = 6 * u * (1 - u);
        derivative[2] = (1 - u) * (1 - 3 * u);
        derivative[3] = u * (3 * u - 2);
    }

    /// <summary>Slopes m of the periodic cubic spline along lines of the grid: m₋ + 4m + m₊ = 3(y₊ − y₋)/h.</summary>
    private double[] Differentiate(double[] values, int stride, int lineStride)
    {
        var slopes = new double[values.Length];
        for (int line = 0; line < _size; line++)
        {
            // Diagonally dominant: each Gauss-Seidel sweep gains more than a digit in two, 60 reach rounding.
            for (int sweep = 0; sweep < 60; sweep++)
            {
                for (int k = 0; k < _size; k++)
                {
                    int before = line * lineStride + (k + _size - 1) % _size * stride;
                    int here = line * lineStride + k * stride;
                    int after = line * lineStride + (k + 1) % _size * stride;
                    slopes[here] = (3 * (values[after] - values[before]) / _spacing - slopes[before] - slopes[after]) / 4;
                }
            }
        }

        return slopes;
    }
}
