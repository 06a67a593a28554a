using PluginBridge.Core.Chemistry;

namespace PluginBridge.Exports;

/// <summary><c>pb_host_terms</c> → <see cref="MolecularMechanicsTerms"/>, indices and numbers checked.</summary>
internal static unsafe class HostTermsReader
{
    internal static MolecularMechanicsTerms Read(in PbHostTerms host, int atomCount)
    {
        CmapGrid[] grids = ReadGrids(host);
        return new MolecularMechanicsTerms
        {
            AtomCount = atomCount,
            Bonds = ReadBonds(host, atomCount),
            Angles = ReadAngles(host, atomCount),
            Torsions = ReadTorsions(host, atomCount),
            RyckaertBellemansTorsions = ReadRyckaertBellemans(host, atomCount),
            CmapGrids = grids,
            CmapTorsions = ReadCmapTorsions(host, grids.Length, atomCount),
            Nonbonded = ReadNonbonded(host, atomCount),
            Exceptions = ReadExceptions(host, atomCount),
        };
    }

    internal static Bond[] ReadConstraints(in PbHostTerms host, int atomCount)
    {
        int count = CountedArray.Count(host.ConstraintCount, "constraint_count");
        ReadOnlySpan<int> a = CountedArray.ReadIndices(host.ConstraintAtoms, count, 2, atomCount, "constraint_atoms");
        var pairs = new Bond[count];
        for (int i = 0; i < count; i++)
            pairs[i] = new Bond(Math.Min(a[2 * i], a[2 * i + 1]), Math.Max(a[2 * i], a[2 * i + 1]));
        return pairs;
    }

    private static HarmonicBond[] ReadBonds(in PbHostTerms host, int atomCount)
    {
        int count = CountedArray.Count(host.BondCount, "host_terms.bond_count");
        ReadOnlySpan<int> a = CountedArray.ReadIndices(host.BondAtoms, count, 2, atomCount, "bond_atoms");
        ReadOnlySpan<double> p = CountedArray.ReadFinite(host.BondParameters, count, 2, "bond_parameters");
        var terms = new HarmonicBond[count];
        for (int i = 0; i < count; i++)
            terms[i] = new HarmonicBond(a[2 * i], a[2 * i + 1], p[2 * i], p[2 * i + 1]);
        return terms;
    }

    private static HarmonicAngle[] ReadAngles(in PbHostTerms host, int atomCount)
    {
        int count = CountedArray.Count(host.AngleCount, "angle_count");
        ReadOnlySpan<int> a = CountedArray.ReadIndices(host.AngleAtoms, count, 3, atomCount, "angle_atoms");
        ReadOnlySpan<double> p = CountedArray.ReadFinite(host.AngleParameters, count, 2, "angle_parameters");
        var terms = new HarmonicAngle[count];
        for (int i = 0; i < count; i++)
            terms[i] = new HarmonicAngle(a[3 * i], a[3 * i + 1], a[3 * i + 2], p[2 * i], p[2 * i + 1]);
        return terms;
    }

    private static PeriodicTorsion[] ReadTorsions(in PbHostTerms host, int atomCount)
    {
        int count = CountedArray.Count(host.TorsionCount, "torsion_count");
        ReadOnlySpan<int> a = CountedArray.ReadIndices(host.TorsionAtoms, count, 4, atomCount, "torsion_atoms");
        ReadOnlySpan<int> n = CountedArray.Read(host.TorsionPeriodicities, count, 1, "torsion_periodicities");
        ReadOnlySpan<double> p = CountedArray.ReadFinite(host.TorsionParameters, count, 2, "torsion_parameters");
        var terms = new PeriodicTorsion[count];
        for (int i = 0; i < count; i++)
            terms[i] = new PeriodicTorsion(a[4 * i], a[4 * i + 1], a[4 * i + 2], a[4 * i + 3], n[i], p[2 * i], p[2 * i + 1]);
        return terms;
    }

    private static RyckaertBellemansTorsion[] ReadRyckaertBellemans(in PbHostTerms host, int atomCount)
    {
        int count = CountedArray.Count(host.RbTorsionCount, "rb_torsion_count");
        ReadOnlySpan<int> a = CountedArray.ReadIndices(host.RbTorsionAtoms, count, 4, atomCount, "rb_torsion_atoms");
        ReadOnlySpan<double> c = CountedArray.ReadFinite(host.RbTorsionParameters, count, 6, "rb_torsion_parameters");
        var terms = new RyckaertBellemansTorsion[count];
        for (int i = 0; i < count; i++)
            terms[i] = new RyckaertBellemansTorsion(a[4 * i], a[4 * i + 1], a[4 * i + 2], a[4 * i + 3],
                c[6 * i], c[6 * i + 1], c[6 * i + 2], c[6 * i + 3], c[6 * i + 4], c[6 * i + 5]);
        return terms;
    }

    private static CmapGrid[] ReadGrids(in PbHostTerms host)
    {
        int count = CountedArray.Count(host.CmapCount, "cmap_count");
        ReadOnlySpan<int> sizes = CountedArray.Read(host.CmapSizes, count, 1, "cmap_sizes");
        var grids = new CmapGrid[count];
        double* next = host.CmapEnergies;
        for (int m = 0; m < count; m++)
        {
            if (sizes[m] is < 2 or > 1024)
                throw Guard.Invalid($"cmap_sizes[{m}] is {sizes[m]}.");
            int points = sizes[m] * sizes[m];
            grids[m] = new CmapGrid(sizes[m], CountedArray.ReadFinite(next, points, 1, "cmap_energies").ToArray());
            next += points;
        }
        return grids;
    }

    private static CmapTorsion[] ReadCmapTorsions(in PbHostTerms host, int mapCount, int atomCount)
    {
        int count = CountedArray.Count(host.CmapTorsionCount, "cmap_torsion_count");
        ReadOnlySpan<int> t = CountedArray.Read(host.CmapTorsions, count, 9, "cmap_torsions");
        var terms = new CmapTorsion[count];
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<int> row = t.Slice(9 * i, 9);
            for (int k = 0; k < 9; k++)
                if ((uint)row[k] >= (uint)(k == 0 ? mapCount : atomCount))
                    throw Guard.Invalid($"cmap_torsions[{i}][{k}] is {row[k]}, outside 0..{(k == 0 ? mapCount : atomCount) - 1}.");
            terms[i] = new CmapTorsion(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8]);
        }
        return terms;
    }

    private static NonbondedParameters[] ReadNonbonded(in PbHostTerms host, int atomCount)
    {
        if (host.Nonbonded == null)
            return [];
        ReadOnlySpan<double> p = CountedArray.ReadFinite(host.Nonbonded, atomCount, 3, "nonbonded");
        var parameters = new NonbondedParameters[atomCount];
        for (int i = 0; i < atomCount; i++)
            parameters[i] = new NonbondedParameters(p[3 * i], p[3 * i + 1], p[3 * i + 2]);
        return parameters;
    }

    private static NonbondedException[] ReadExceptions(in PbHostTerms host, int atomCount)
    {
        int count = CountedArray.Count(host.ExceptionCount, "exception_count");
        ReadOnlySpan<int> a = CountedArray.ReadIndices(host.ExceptionAtoms, count, 2, atomCount, "exception_atoms");
        ReadOnlySpan<double> p = CountedArray.ReadFinite(host.ExceptionParameters, count, 3, "exception_parameters");
        var exceptions = new NonbondedException[count];
        for (int i = 0; i < count; i++)
            exceptions[i] = new NonbondedException(a[2 * i], a[2 * i + 1], p[3 * i], p[3 * i + 1], p[3 * i + 2]);
        return exceptions;
    }
}
