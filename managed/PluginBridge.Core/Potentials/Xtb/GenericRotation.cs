namespace PluginBridge.Core.Potentials.Xtb;

/// <summary>
/// A fixed rotation about the centroid that puts no bond or plane of a molecule along an axis or plane of coordinates,
/// and the change of units to bohr. Centred, because libxtb's energy loses digits far from the origin (4e-4 kJ/mol at
/// 10 nm, 0.01 at 50 nm).
/// libxtb (6.5.1) leaves orbital pairs whose overlap vanishes out of its gradient, although the overlap's derivative need
/// not vanish. In a planar molecule that lies in a plane of coordinates these are whole blocks of pairs, and the gradient
/// is wrong by up to 10 kcal/mol/Å; two atoms that share a coordinate, as happens on the 0.001 Å grid of a PDB file,
/// are enough for 0.01 kcal/mol/Å. The energy is right. Turned by a generic rotation no overlap vanishes by symmetry.
/// </summary>
internal static class GenericRotation
{
    /// <summary>Rows of R, from the quaternion (1, √2, −√3, √5)/√11.</summary>
    private static readonly double[] _r = FromQuaternion(1.0, Math.Sqrt(2.0), -Math.Sqrt(3.0), Math.Sqrt(5.0));

    /// <summary>r' = R (r − centroid) in bohr.</summary>
    /// <param name="positions">[atoms][3] nm.</param>
    /// <param name="rotated">[atoms][3] bohr.</param>
    public static void Apply(ReadOnlySpan<double> positions, Span<double> rotated)
    {
        (double cx, double cy, double cz) = Centroid(positions);
        for (int i = 0; i < positions.Length; i += 3)
        {
            double x = (positions[i] - cx) / Units.NanometrePerBohr;
            double y = (positions[i + 1] - cy) / Units.NanometrePerBohr;
            double z = (positions[i + 2] - cz) / Units.NanometrePerBohr;
            for (int k = 0; k < 3; k++)
                rotated[i + k] = _r[3 * k] * x + _r[3 * k + 1] * y + _r[3 * k + 2] * z;
        }
    }

    /// <summary>dE/dr = Rᵀ dE/dr' in kJ/mol/nm.</summary>
    /// <param name="rotated">[atoms][3] hartree/bohr.</param>
    /// <param name="gradient">[atoms][3] kJ/mol/nm, overwritten.</param>
    public static void ApplyBack(ReadOnlySpan<double> rotated, Span<double> gradient)
    {
        const double unit = Units.KilojoulePerHartree / Units.NanometrePerBohr;
        for (int i = 0; i < rotated.Length; i += 3)
            for (int k = 0; k < 3; k++)
                gradient[i + k] = unit *
                    (_r[k] * rotated[i] + _r[3 + k] * rotated[i + 1] + _r[6 + k] * rotated[i + 2]);
    }

    /// <summary>Mean position, nm.</summary>
    public static (double X, double Y, double Z) Centroid(ReadOnlySpan<double> positions)
    {
        double x = 0, y = 0, z = 0;
        for (int i = 0; i < positions.Length; i += 3)
        {
            x += positions[i];
            y += positions[i + 1];
            z += positions[i + 2];
        }
        double atoms = positions.Length / 3;
        return (x / atoms, y / atoms, z / atoms);
    }

    private static double[] FromQuaternion(double w, double x, double y, double z)
    {
        double s = 2.0 / (w * w + x * x + y * y + z * z);
        return
        [
            1 - s * (y * y + z * z), s * (x * y - w * z), s * (x * z + w * y),
            s * (x * y + w * z), 1 - s * (x * x + z * z), s * (y * z - w * x),
            s * (x * z - w * y), s * (y * z + w * x), 1 - s * (x * x + y * y),
        ];
    }
}
