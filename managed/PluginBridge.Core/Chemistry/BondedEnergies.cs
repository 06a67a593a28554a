namespace PluginBridge.Core.Chemistry;

/// <summary>Energies of bonded terms in kJ/mol; forces (kJ/mol/nm) are added to spans that may be empty.</summary>
internal static class BondedEnergies
{
    /// <summary>½k(r−r₀)².</summary>
    public static double Bonds(HarmonicBond[] bonds, ReadOnlySpan<double> positions, Span<double> forces)
    {
        double energy = 0;
        foreach (HarmonicBond t in bonds)
        {
            Vec3 d = new Vec3(positions, t.B) - new Vec3(positions, t.A);
            double r = Math.Sqrt(d.Squared), stretch = r - t.Length;
            energy += 0.5 * t.Constant * stretch * stretch;
            if (forces.IsEmpty)
                continue;
            Vec3 f = t.Constant * stretch / r * d;
            f.AddTo(forces, t.A);
            (-1.0 * f).AddTo(forces, t.B);
        }

        return energy;
    }

    /// <summary>½k(θ−θ₀)².</summary>
    public static double Angles(HarmonicAngle[] angles, ReadOnlySpan<double> positions, Span<double> forces)
    {
        // A straight angle has no plane to bend in; the floor keeps its force finite, as in OpenMM.
        const double Floor = 1e-6;
        double energy = 0;
        foreach (HarmonicAngle t in angles)
        {
            Vec3 apex = new(positions, t.B);
            Vec3 u = new Vec3(positions, t.A) - apex, v = new Vec3(positions, t.C) - apex;
            Vec3 normal = Vec3.Cross(u, v);
            double area = Math.Sqrt(normal.Squared);
            double bend = Math.Atan2(area, Vec3.Dot(u, v)) - t.Angle;
            energy += 0.5 * t.Constant * bend * bend;
            if (forces.IsEmpty)
                continue;
            double slope = t.Constant * bend / Math.Max(area, Floor);
            Vec3 fa = -slope / u.Squared * Vec3.Cross(u, normal), fc = slope / v.Squared * Vec3.Cross(v, normal);
            fa.AddTo(forces, t.A);
            fc.AddTo(forces, t.C);
            (-1.0 * (fa + fc)).AddTo(forces, t.B);
        }

        return energy;
    }

    /// <summary>k(1+cos(nφ−φ₀)).</summary>
    public static double Torsions(PeriodicTorsion[] torsions, ReadOnlySpan<double> positions, Span<double> forces)
    {
        double energy = 0;
        foreach (PeriodicTorsion t in torsions)
        {
            var dihedral = new Dihedral(positions, t.A, t.B, t.C, t.D);
            (double sin, double cos) = Math.SinCos(t.Periodicity * dihedral.Phi - t.Phase);
            energy += t.Constant * (1 + cos);
            dihedral.AddForces(-t.Constant * t.Periodicity * sin, forces, t.A, t.B, t.C, t.D);
        }

        return energy;
    }

    /// <summary>Σ c_n cosⁿψ with ψ = φ−π.</summary>
    public static double RyckaertBellemans(RyckaertBellemansTorsion[] torsions, ReadOnlySpan<double> positions, Span<double> forces)
    {
        double energy = 0;
        foreach (RyckaertBellemansTorsion t in torsions)
        {
            var dihedral = new Dihedral(positions, t.A, t.B, t.C, t.D);
            (double sin, double cos) = Math.SinCos(dihedral.Phi);
            double x = -cos; // cos ψ, and d(cos ψ)/dφ = sin φ
            energy += t.C0 + x * (t.C1 + x * (t.C2 + x * (t.C3 + x * (t.C4 + x * t.C5))));
            double slope = t.C1 + x * (2 * t.C2 + x * (3 * t.C3 + x * (4 * t.C4 + x * 5 * t.C5)));
            dihedral.AddForces(slope * sin, forces, t.A, t.B, t.C, t.D);
        }

        return energy;
    }

    /// <summary>Energy maps over two dihedrals.</summary>
    public static double Cmaps(CmapTorsion[] torsions, CmapSurface[] surfaces, ReadOnlySpan<double> positions, Span<double> forces)
    {
        double energy = 0;
        foreach (CmapTorsion t in torsions)
        {
            var first = new Dihedral(positions, t.A1, t.A2, t.A3, t.A4);
            var second = new Dihedral(positions, t.B1, t.B2, t.B3, t.B4);
            energy += surfaces[t.Map].Evaluate(first.Phi, second.Phi, out double slope1, out double slope2);
            first.AddForces(slope1, forces, t.A1, t.A2, t.A3, t.A4);
            second.AddForces(slope2, forces, t.B1, t.B2, t.B3, t.B4);
        }

        return energy;
    }
}
