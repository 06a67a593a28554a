namespace PluginBridge.Core.Chemistry;

/// <summary>
/// A dihedral angle φ and its gradients, after Blondel and Karplus, J. Comput. Chem. 17, 1132 (1996): no division by
/// sin φ. IUPAC sign, φ = 0 is cis.
/// </summary>
internal readonly ref struct Dihedral
{
    private readonly Vec3 _a, _b;
    private readonly double _axis, _fg, _hg;

    /// <summary>Angle of atoms i-j-k-l.</summary>
    public Dihedral(ReadOnlySpan<double> positions, int i, int j, int k, int l)
    {
        Vec3 rj = new(positions, j), rk = new(positions, k);
        Vec3 f = new Vec3(positions, i) - rj, g = rj - rk, h = new Vec3(positions, l) - rk;
        Vec3 a = Vec3.Cross(f, g), b = Vec3.Cross(h, g);
        _axis = Math.Sqrt(g.Squared);
        Phi = Math.Atan2(Vec3.Dot(Vec3.Cross(b, a), g) / _axis, Vec3.Dot(a, b));
        _a = a / a.Squared;
        _b = b / b.Squared;
        _fg = Vec3.Dot(f, g) / _axis;
        _hg = Vec3.Dot(h, g) / _axis;
    }

    /// <summary>φ in −π..π.</summary>
    public double Phi { get; }

    /// <summary>Adds −dE/dφ ∂φ/∂r to the forces of its atoms.</summary>
    public void AddForces(double slope, Span<double> forces, int i, int j, int k, int l)
    {
        if (forces.IsEmpty)
            return;
        // ∂φ/∂r_i = −|G| A/A², ∂φ/∂r_l = |G| B/B², and the shift of the two along the axis for j and k.
        Vec3 di = -_axis * _a, dl = _axis * _b, shift = _fg * _a - _hg * _b;
        (-slope * di).AddTo(forces, i);
        (-slope * (shift - di)).AddTo(forces, j);
        (slope * (shift + dl)).AddTo(forces, k);
        (-slope * dl).AddTo(forces, l);
    }
}
