namespace PluginBridge.Core.Chemistry;

/// <summary>A vector in space.</summary>
internal readonly record struct Vec3(double X, double Y, double Z)
{
    public Vec3(ReadOnlySpan<double> values, int atom)
        : this(values[3 * atom], values[3 * atom + 1], values[3 * atom + 2])
    {
    }

    public double Squared => X * X + Y * Y + Z * Z;

    public static Vec3 operator +(Vec3 a, Vec3 b) => new(a.X + b.X, a.Y + b.Y, a.Z + b.Z);

    public static Vec3 operator -(Vec3 a, Vec3 b) => new(a.X - b.X, a.Y - b.Y, a.Z - b.Z);

    public static Vec3 operator *(double s, Vec3 a) => new(s * a.X, s * a.Y, s * a.Z);

    public static Vec3 operator /(Vec3 a, double s) => new(a.X / s, a.Y / s, a.Z / s);

    public static double Dot(Vec3 a, Vec3 b) => a.X * b.X + a.Y * b.Y + a.Z * b.Z;

    public static Vec3 Cross(Vec3 a, Vec3 b) => new(a.Y * b.Z - a.Z * b.Y, a.Z * b.X - a.X * b.Z, a.X * b.Y - a.Y * b.X);

    public void AddTo(Span<double> values, int atom)
    {
        values[3 * atom] += X;
        values[3 * atom + 1] += Y;
        values[3 * atom + 2] += Z;
    }
}
