namespace PluginBridge.Core.Potentials;

/// <summary>Periodic box in OpenMM's reduced triclinic form, a = (ax, 0, 0), b = (bx, by, 0), c = (cx, cy, cz), nm; or
/// none.</summary>
internal readonly struct PeriodicBox
{
    private readonly double _ax, _bx, _by, _cx, _cy, _cz;

    private PeriodicBox(ReadOnlySpan<double> box)
    {
        _ax = box[0];
        _bx = box[3];
        _by = box[4];
        _cx = box[6];
        _cy = box[7];
        _cz = box[8];
        IsPeriodic = true;
    }

    /// <summary>No box.</summary>
    public static PeriodicBox None => default;

    /// <summary>Whether there is a box.</summary>
    public bool IsPeriodic { get; }

    /// <summary>Smallest diagonal element, nm.</summary>
    public double SmallestWidth => Math.Min(_ax, Math.Min(_by, _cz));

    /// <summary>Checks nine numbers (vectors a, b, c) for reduced form and for room for the cutoff of its owner, the
    /// potential or another that messages name.</summary>
    /// <exception cref="PluginBridgeException">InvalidArgument: not in reduced form. Unsupported: too small, with the lengths.</exception>
    public static PeriodicBox Create(ReadOnlySpan<double> box, double cutoff, string owner = "the potential")
    {
        if (box.IsEmpty)
            return None;
        if (box.Length != 9)
            throw new PluginBridgeException(ErrorCode.InvalidArgument,
                $"Box vectors are nine numbers (a, b, c in nm); {box.Length} were given.");
        foreach (double number in box)
            if (!double.IsFinite(number))
                throw new PluginBridgeException(ErrorCode.InvalidArgument, "A box vector is not finite.");
        double slack = 1e-6 * Math.Max(box[0], Math.Max(box[4], box[8]));
        if (box[1] != 0 || box[2] != 0 || box[5] != 0 || !(box[0] > 0) || !(box[4] > 0) || !(box[8] > 0)
            || Math.Abs(box[3]) > box[0] / 2 + slack || Math.Abs(box[6]) > box[0] / 2 + slack
            || Math.Abs(box[7]) > box[4] / 2 + slack)
            throw new PluginBridgeException(ErrorCode.InvalidArgument,
                "The box vectors are not in reduced form: a = (ax, 0, 0), b = (bx, by, 0), c = (cx, cy, cz) with positive "
                + "diagonal, 2|bx| <= ax, 2|cx| <= ax, 2|cy| <= by.");
        var created = new PeriodicBox(box);
        double smallest = created.SmallestWidth;
        if (smallest < 2 * cutoff)
            throw new PluginBridgeException(ErrorCode.Unsupported, FormattableString.Invariant(
                $"The periodic box is too small: its width of {smallest:G6} nm is below twice the cutoff of {cutoff:G6} nm of {owner}."));
        return created;
    }

    /// <summary>Replaces a displacement by its image in the brick: the shortest one, if that is below half a width.</summary>
    public void MinimumImage(ref double x, ref double y, ref double z)
    {
        if (!IsPeriodic)
            return;
        double n = Math.Round(z / _cz);
        x -= n * _cx;
        y -= n * _cy;
        z -= n * _cz;
        n = Math.Round(y / _by);
        x -= n * _bx;
        y -= n * _by;
        x -= Math.Round(x / _ax) * _ax;
    }

    /// <summary>Coordinates of a point along the box vectors, in units of them.</summary>
    public (double A, double B, double C) Fractional(double x, double y, double z)
    {
        double c = z / _cz;
        double b = (y - c * _cy) / _by;
        return ((x - b * _bx - c * _cx) / _ax, b, c);
    }

    /// <summary>Distances between opposite faces of the box, nm.</summary>
    public (double A, double B, double C) Widths()
    {
        double volume = _ax * _by * _cz;
        // |b × c| and |c × a|
        double bc = Math.Sqrt(Square(_by * _cz) + Square(_bx * _cz) + Square(_bx * _cy - _by * _cx));
        double ca = Math.Sqrt(Square(_cz * _ax) + Square(_cy * _ax));
        return (volume / bc, volume / ca, _cz);
    }

    private static double Square(double x) => x * x;
}
