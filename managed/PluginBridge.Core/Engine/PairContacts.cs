using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Fragmentation;
using PluginBridge.Core.Potentials;

namespace PluginBridge.Core.Engine;

/// <summary>
/// The cells in reach and their weights w = 1 − Π (1 − s(r_pq)). A neighbour list: cells within the outer radius and a skin
/// are searched anew only when an atom has moved half the skin. Allocates only when the list changes.
/// </summary>
internal sealed class PairContacts
{
    /// <summary>Width of the skin, nm.</summary>
    public const double Skin = 0.1;

    private readonly PairCells _cells;
    private readonly PairRadii _radii;
    private readonly Topology _topology;
    private readonly int[][] _heavy;
    private readonly int[] _atoms;
    private readonly double[] _reference;
    private readonly double[] _box = new double[9];
    private readonly double[] _centers;
    private readonly double[] _extents;
    private readonly List<Contact> _found = [];
    private bool _isBuilt;

    /// <summary>A listed cell.</summary>
    /// <param name="Cell">The cell.</param>
    /// <param name="P">Atom of D_i that was closest to D_j when the list was made.</param>
    /// <param name="Q">Its counterpart in D_j; the image in which it is closest is that of all atoms of D_j.</param>
    public readonly record struct Contact(PairCell Cell, int P, int Q);

    /// <summary>Prepares buffers.</summary>
    /// <param name="cells">All cells.</param>
    /// <param name="radii">Of the switch.</param>
    /// <param name="topology">The topology.</param>
    public PairContacts(PairCells cells, PairRadii radii, Topology topology)
    {
        _cells = cells;
        _radii = radii;
        _topology = topology;
        int units = cells.Units.Count;
        _heavy = [.. Enumerable.Range(0, units).Select(u => cells.Units.Atoms(u).Where(a => topology.Atoms[a].AtomicNumber > 1).ToArray())];
        _atoms = [.. _heavy.SelectMany(a => a).Distinct().Order()];
        _reference = new double[3 * topology.Atoms.Count];
        _centers = new double[3 * units];
        _extents = new double[units];
    }

    /// <summary>The listed cells.</summary>
    public Contact[] Listed { get; private set; } = [];

    /// <summary>Weight of each listed cell.</summary>
    public double[] Weights { get; private set; } = [];

    /// <summary>Three numbers a listed cell: what has to be added to atoms of D_j to bring them next to D_i, nm.</summary>
    public double[] Shifts { get; private set; } = [];

    /// <summary>Finds the cells in reach and their weights.</summary>
    /// <param name="whole">Positions, molecules whole, nm.</param>
    /// <param name="box">The box or none.</param>
    /// <param name="boxVectors">Its vectors; empty for none.</param>
    /// <returns>Whether the list has changed.</returns>
    /// <exception cref="PluginBridgeException">Unsupported: a residue meets two images of another.</exception>
    public bool Update(ReadOnlySpan<double> whole, in PeriodicBox box, ReadOnlySpan<double> boxVectors)
    {
        bool changed = false;
        if (!_isBuilt || HasMoved(whole, box, boxVectors))
        {
            Search(whole, box);
            changed = !IsSame();
            if (changed || !_isBuilt)
            {
                Listed = [.. _found];
                Weights = new double[_found.Count];
                Shifts = new double[3 * _found.Count];
            }
            else
                _found.CopyTo(Listed);
            whole.CopyTo(_reference);
            _box.AsSpan().Clear();
            boxVectors.CopyTo(_box);
            _isBuilt = true;
        }

        for (int k = 0; k < Listed.Length; k++)
            Weights[k] = Weight(k, whole, box);
        return changed;
    }

    /// <summary>Adds factor · dw/dr.</summary>
    /// <param name="k">Index of the listed cell.</param>
    /// <param name="factor">What the weight multiplies.</param>
    /// <param name="whole">Positions, molecules whole.</param>
    /// <param name="accumulator">Receives gradients and strain gradient.</param>
    public void AddWeightGradient(int k, double factor, ReadOnlySpan<double> whole, GradientAccumulator accumulator)
    {
        double rest = 1 - Weights[k];
        if (rest <= 0 || rest >= 1 || factor == 0)
            return;
        ReadOnlySpan<double> shift = Shifts.AsSpan(3 * k, 3);
        Span<double> d = stackalloc double[3];
        IReadOnlyList<(int P, int Q)> contacts = Listed[k].Cell.Contacts;
        for (int n = 0; n < contacts.Count; n++)
        {
            (int p, int q) = contacts[n];
            double r = Distance(whole, p, q, shift, d);
            if (r >= _radii.Outer)
                continue;
            accumulator.AddPair(p, q, d,
                factor * rest * PairSwitch.Derivative(_radii, r) / (1 - PairSwitch.Value(_radii, r)) / r);
        }
    }

    private double Weight(int k, ReadOnlySpan<double> whole, in PeriodicBox box)
    {
        Contact contact = Listed[k];
        Span<double> shift = Shifts.AsSpan(3 * k, 3);
        Image(contact.Cell, contact.P, contact.Q, whole, box, shift);
        double rest = 1;
        IReadOnlyList<(int P, int Q)> contacts = contact.Cell.Contacts;
        Span<double> d = stackalloc double[3];
        for (int n = 0; n < contacts.Count && (rest > 0 || box.IsPeriodic); n++)
        {
            (int p, int q) = contacts[n];
            double r = Distance(whole, p, q, shift, d);
            rest *= 1 - PairSwitch.Value(_radii, r);
            if (box.IsPeriodic && r >= _radii.Outer)
                RefuseAnotherImage(p, q, r, d, box);
        }

        return 1 - rest;
    }

    /// <summary>The weight knows one image of D_j; contacts in a second one would be left out, and come and go with a jump.</summary>
    private void RefuseAnotherImage(int p, int q, double r, ReadOnlySpan<double> d, in PeriodicBox box)
    {
        (double x, double y, double z) = (d[0], d[1], d[2]);
        box.MinimumImage(ref x, ref y, ref z);
        double closest = Math.Sqrt(x * x + y * y + z * z);
        // Rounding moves an atom by less.
        if (closest < _radii.Outer && closest < r - 1e-6)
            throw new PluginBridgeException(ErrorCode.Unsupported, FormattableString.Invariant(
                $"The periodic box is too narrow for pairs of residues: {_topology.Describe(p)} and {_topology.Describe(q)} are {closest:G3} nm apart in one image, ")
                + "while their residues meet in another. Take a larger box, or a scheme without pairs.");
    }

    private static void Image(PairCell cell, int p, int q, ReadOnlySpan<double> whole, in PeriodicBox box, Span<double> shift)
    {
        shift.Clear();
        if (!box.IsPeriodic || cell.SecondAtoms.Count == 0)
            return;
        double x = whole[3 * q] - whole[3 * p], y = whole[3 * q + 1] - whole[3 * p + 1], z = whole[3 * q + 2] - whole[3 * p + 2];
        (double dx, double dy, double dz) = (x, y, z);
        box.MinimumImage(ref dx, ref dy, ref dz);
        (shift[0], shift[1], shift[2]) = (dx - x, dy - y, dz - z);
    }

    private static double Distance(ReadOnlySpan<double> whole, int p, int q, ReadOnlySpan<double> shift, Span<double> d)
    {
        for (int i = 0; i < 3; i++)
            d[i] = whole[3 * q + i] + shift[i] - whole[3 * p + i];
        return Math.Sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
    }

    private bool HasMoved(ReadOnlySpan<double> whole, in PeriodicBox box, ReadOnlySpan<double> boxVectors)
    {
        if (boxVectors.IsEmpty ? _box[0] != 0 : !boxVectors.SequenceEqual(_box))
            return true;
        foreach (int atom in _atoms)
        {
            double x = whole[3 * atom] - _reference[3 * atom], y = whole[3 * atom + 1] - _reference[3 * atom + 1],
                z = whole[3 * atom + 2] - _reference[3 * atom + 2];
            // A host may wrap molecules between two calls.
            box.MinimumImage(ref x, ref y, ref z);
            if (x * x + y * y + z * z > 0.25 * Skin * Skin)
                return true;
        }

        return false;
    }

    private bool IsSame()
    {
        if (_found.Count != Listed.Length)
            return false;
        for (int k = 0; k < _found.Count; k++)
            if (_found[k].Cell != Listed[k].Cell)
                return false;
        return true;
    }

    private void Search(ReadOnlySpan<double> whole, in PeriodicBox box)
    {
        _found.Clear();
        for (int u = 0; u < _heavy.Length; u++)
            Enclose(u, whole);
        double reach = _radii.Outer + Skin;
        double half = box.IsPeriodic ? 0.5 * box.SmallestWidth : double.PositiveInfinity;
        for (int i = 0; i < _heavy.Length; i++)
            for (int j = i + 1; j < _heavy.Length; j++)
            {
                double far = _extents[i] + _extents[j] + reach;
                if (_cells.Units.IsNear(i, j) || (far < half && SquaredDistance(_centers, i, j, box) > far * far))
                    continue;
                if (Touch(_heavy[i], _heavy[j], reach, whole, box) && _cells.Find(i, j) is { } cell)
                    AddIfInReach(cell, reach, whole, box);
            }
    }

    private void Enclose(int unit, ReadOnlySpan<double> whole)
    {
        Span<double> center = _centers.AsSpan(3 * unit, 3);
        center.Clear();
        foreach (int atom in _heavy[unit])
            for (int i = 0; i < 3; i++)
                center[i] += whole[3 * atom + i] / _heavy[unit].Length;
        double square = 0;
        foreach (int atom in _heavy[unit])
        {
            double x = whole[3 * atom] - center[0], y = whole[3 * atom + 1] - center[1], z = whole[3 * atom + 2] - center[2];
            square = Math.Max(square, x * x + y * y + z * z);
        }

        _extents[unit] = Math.Sqrt(square);
    }

    private static bool Touch(int[] first, int[] second, double reach, ReadOnlySpan<double> whole, in PeriodicBox box)
    {
        foreach (int p in first)
            foreach (int q in second)
                if (SquaredDistance(whole, p, q, box) < reach * reach)
                    return true;
        return false;
    }

    private void AddIfInReach(PairCell cell, double reach, ReadOnlySpan<double> whole, in PeriodicBox box)
    {
        // Units that share atoms lie in one image.
        PeriodicBox images = cell.SecondAtoms.Count > 0 ? box : PeriodicBox.None;
        double closest = reach * reach;
        (int P, int Q) pair = (-1, -1);
        for (int n = 0; n < cell.Contacts.Count; n++)
            if (SquaredDistance(whole, cell.Contacts[n].P, cell.Contacts[n].Q, images) is var square && square < closest)
                (closest, pair) = (square, cell.Contacts[n]);
        if (pair.P >= 0)
            _found.Add(new Contact(cell, pair.P, pair.Q));
    }

    private static double SquaredDistance(ReadOnlySpan<double> r, int a, int b, in PeriodicBox box)
    {
        double x = r[3 * b] - r[3 * a], y = r[3 * b + 1] - r[3 * a + 1], z = r[3 * b + 2] - r[3 * a + 2];
        box.MinimumImage(ref x, ref y, ref z);
        return x * x + y * y + z * z;
    }
}
