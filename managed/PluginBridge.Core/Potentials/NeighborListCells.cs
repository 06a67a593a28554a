using PluginBridge.Core.Potentials.ViSNet;

namespace PluginBridge.Core.Potentials;

/// <summary>Sorts atoms into cells at least one cutoff wide, along the box vectors or along x, y, z without a box, so
/// that an atom's neighbours are in its own and the adjacent cells.</summary>
internal sealed unsafe class NeighborCells : IDisposable
{
    private readonly NativeBuffer<int> _cellOfAtom = new();
    private readonly NativeBuffer<int> _cellStart = new();
    private readonly NativeBuffer<int> _atoms = new();
    private readonly NativeBuffer<int> _candidates = new();
    private readonly int[] _cells = new int[3];
    private bool _periodic;

    /// <summary>Result of <see cref="Candidates"/>.</summary>
    public int* CandidateList => _candidates.Pointer;

    /// <summary>Sorts the atoms; false if there would be too few cells to gain anything.</summary>
    public bool Build(double* positions, int atoms, in PeriodicBox box, double cutoff)
    {
        _periodic = box.IsPeriodic;
        double lowX = double.MaxValue, lowY = double.MaxValue, lowZ = double.MaxValue;
        double highX = double.MinValue, highY = double.MinValue, highZ = double.MinValue;
        for (double* r = positions; r < positions + 3 * atoms; r += 3)
        {
            (lowX, highX) = (Math.Min(lowX, r[0]), Math.Max(highX, r[0]));
            (lowY, highY) = (Math.Min(lowY, r[1]), Math.Max(highY, r[1]));
            (lowZ, highZ) = (Math.Min(lowZ, r[2]), Math.Max(highZ, r[2]));
        }
        var widths = _periodic ? box.Widths() : (A: highX - lowX, B: highY - lowY, C: highZ - lowZ);
        if (!double.IsFinite(widths.A + widths.B + widths.C))
            return false;
        Divide(widths, cutoff, atoms);
        if (_cells[0] * _cells[1] * _cells[2] < 4)
            return false;

        _cellOfAtom.Ensure(atoms);
        _atoms.Ensure(atoms);
        int* start = _cellStart.Ensure(_cells[0] * _cells[1] * _cells[2] + 1);
        int cellCount = _cells[0] * _cells[1] * _cells[2];
        new Span<int>(start, cellCount + 1).Clear();
        for (int i = 0; i < atoms; i++)
        {
            double* r = positions + 3 * i;
            var s = _periodic
                ? box.Fractional(r[0], r[1], r[2])
                : (A: (r[0] - lowX) / Math.Max(widths.A, cutoff), B: (r[1] - lowY) / Math.Max(widths.B, cutoff),
                    C: (r[2] - lowZ) / Math.Max(widths.C, cutoff));
            int cell = (Index(s.A, 0) * _cells[1] + Index(s.B, 1)) * _cells[2] + Index(s.C, 2);
            _cellOfAtom.Pointer[i] = cell;
            start[cell + 1]++;
        }
        for (int c = 0; c < cellCount; c++)
            start[c + 1] += start[c];
        // One place up: filling moves start[c + 1] from the first of cell c to the first of cell c + 1.
        for (int c = cellCount; c > 0; c--)
            start[c] = start[c - 1];
        for (int i = 0; i < atoms; i++)
            _atoms.Pointer[start[_cellOfAtom.Pointer[i] + 1]++] = i;
        start[0] = 0;
        return true;
    }

    /// <summary>Collects the atoms after atom i in its own and the adjacent cells; returns how many.</summary>
    public int Candidates(int i, int atoms)
    {
        int* list = _candidates.Ensure(atoms);
        int cell = _cellOfAtom.Pointer[i];
        int z = cell % _cells[2], y = cell / _cells[2] % _cells[1], x = cell / _cells[2] / _cells[1];
        Span<int> xs = stackalloc int[3], ys = stackalloc int[3], zs = stackalloc int[3];
        int nx = Adjacent(x, _cells[0], xs), ny = Adjacent(y, _cells[1], ys), nz = Adjacent(z, _cells[2], zs);
        int count = 0;
        for (int a = 0; a < nx; a++)
            for (int b = 0; b < ny; b++)
                for (int c = 0; c < nz; c++)
                {
                    int other = (xs[a] * _cells[1] + ys[b]) * _cells[2] + zs[c];
                    for (int k = _cellStart.Pointer[other]; k < _cellStart.Pointer[other + 1]; k++)
                        if (_atoms.Pointer[k] > i)
                            list[count++] = _atoms.Pointer[k];
                }
        return count;
    }

    public void Dispose()
    {
        _cellOfAtom.Dispose();
        _cellStart.Dispose();
        _atoms.Dispose();
        _candidates.Dispose();
    }

    private void Divide((double A, double B, double C) widths, double cutoff, int atoms)
    {
        // A hair more than the cutoff, so that rounding cannot push a neighbour two cells away; no more cells than
        // atoms, for atoms strewn over a wide space.
        double side = cutoff * (1 + 1e-9);
        while (true)
        {
            double a = Math.Max(1, Math.Floor(widths.A / side)), b = Math.Max(1, Math.Floor(widths.B / side)),
                c = Math.Max(1, Math.Floor(widths.C / side));
            if (a * b * c <= atoms)
            {
                (_cells[0], _cells[1], _cells[2]) = ((int)a, (int)b, (int)c);
                return;
            }
            side *= 1.25;
        }
    }

    private int Index(double fraction, int axis)
    {
        if (_periodic)
            fraction -= Math.Floor(fraction);
        return Math.Clamp((int)(fraction * _cells[axis]), 0, _cells[axis] - 1);
    }

    /// <summary>The cell itself and its neighbours along one axis, each once.</summary>
    private int Adjacent(int cell, int cells, Span<int> list)
    {
        int count = 0;
        for (int step = -1; step <= 1; step++)
        {
            int other = cell + step;
            if (_periodic)
                other = (other + cells) % cells;
            else if (other < 0 || other >= cells)
                continue;
            if (!list[..count].Contains(other))
                list[count++] = other;
        }
        return count;
    }
}
