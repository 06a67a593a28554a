using PluginBridge.Core.Potentials.ViSNet;

namespace PluginBridge.Core.Potentials;

/// <summary>All pairs of atoms of one molecule within a cutoff, each pair once, with displacement vectors in double
/// precision (so that large coordinates lose nothing). Linear in the number of atoms; reused without allocation.</summary>
/// <remarks>Pairs are sorted by first atom, then by second, whatever the search method: results do not depend on it.</remarks>
internal sealed unsafe class NeighborList : IDisposable
{
    /// <summary>Atoms closer than this overlap, nm: they are in one place, as far as a file tells. No more than that, since
    /// a minimiser's trial steps move hydrogens along their bonds, through the atoms they are bonded to, and have to see a
    /// large energy there, not an error.</summary>
    public const double OverlapDistance = 1e-5;

    /// <summary>Up to this many atoms all pairs are looked at; above, cells are used.</summary>
    private const int AllPairsLimit = 192;

    private readonly NativeBuffer<int> _second = new();
    private readonly NativeBuffer<int> _start = new();
    private readonly NativeBuffer<double> _displacement = new();
    private readonly NeighborCells _cells = new();
    private int _count;

    /// <summary>Number of pairs.</summary>
    public int Count => _count;

    /// <summary>Pairs of first atom i are Start[i] … Start[i+1]−1.</summary>
    public int* Start => _start.Pointer;

    /// <summary>Second atom of each pair, larger than the first.</summary>
    public int* Second => _second.Pointer;

    /// <summary>r_second − r_first of each pair, nm, three numbers each.</summary>
    public double* Displacement => _displacement.Pointer;

    /// <summary>Finds the pairs with distance below the cutoff.</summary>
    /// <param name="positions">x, y, z of every atom, nm.</param>
    /// <param name="atoms">Number of atoms.</param>
    /// <param name="box">Box, or <see cref="PeriodicBox.None"/>; its heights are at least twice the cutoff.</param>
    /// <param name="cutoff">Cutoff, nm.</param>
    /// <param name="molecule">Index of the molecule, for messages.</param>
    /// <exception cref="PluginBridgeException">InvalidArgument: a position is NaN or infinite. Calculation: two atoms overlap.</exception>
    public void Build(double* positions, int atoms, in PeriodicBox box, double cutoff, int molecule)
    {
        for (int i = 0; i < 3 * atoms; i++)
            if (!double.IsFinite(positions[i]))
                throw new PluginBridgeException(ErrorCode.InvalidArgument,
                    $"The position of atom {i / 3} of molecule {molecule} is not finite ({"xyz"[i % 3]} = {positions[i]}).")
                { Molecule = molecule };

        _start.Ensure(atoms + 1);
        _count = 0;
        bool useCells = atoms > AllPairsLimit && _cells.Build(positions, atoms, box, cutoff);
        double cutoff2 = cutoff * cutoff;
        for (int i = 0; i < atoms; i++)
        {
            _start.Pointer[i] = _count;
            int candidates = useCells ? _cells.Candidates(i, atoms) : atoms - i - 1;
            Reserve(_count + candidates);
            int* list = useCells ? _cells.CandidateList : null;
            double* a = positions + 3 * i;
            for (int c = 0; c < candidates; c++)
            {
                int j = list == null ? i + 1 + c : list[c];
                double* b = positions + 3 * j;
                double x = b[0] - a[0], y = b[1] - a[1], z = b[2] - a[2];
                box.MinimumImage(ref x, ref y, ref z);
                double r2 = x * x + y * y + z * z;
                if (r2 < cutoff2)
                    Add(i, j, x, y, z, r2, molecule);
            }
            if (useCells)
                SortBySecond(_start.Pointer[i]);
        }
        _start.Pointer[atoms] = _count;
    }

    public void Dispose()
    {
        _second.Dispose();
        _start.Dispose();
        _displacement.Dispose();
        _cells.Dispose();
    }

    private void Reserve(int count)
    {
        _second.Grow(count, _count);
        _displacement.Grow(3L * count, 3L * _count);
    }

    private void Add(int i, int j, double x, double y, double z, double r2, int molecule)
    {
        if (r2 < OverlapDistance * OverlapDistance)
            throw new PluginBridgeException(ErrorCode.Calculation, System.FormattableString.Invariant(
                $"Atoms {i} and {j} of molecule {molecule} overlap: they are {Math.Sqrt(r2):G4} nm apart. Minimise the structure or check units (nm)."))
            { Molecule = molecule, OverlappingAtoms = (i, j) };
        _second.Pointer[_count] = j;
        double* d = _displacement.Pointer + 3L * _count++;
        d[0] = x;
        d[1] = y;
        d[2] = z;
    }

    /// <summary>Insertion sort of the pairs from <paramref name="first"/> on: a few dozen, nearly random.</summary>
    private void SortBySecond(int first)
    {
        int* second = _second.Pointer;
        double* d = _displacement.Pointer;
        for (int p = first + 1; p < _count; p++)
        {
            int j = second[p];
            double x = d[3 * p], y = d[3 * p + 1], z = d[3 * p + 2];
            int q = p - 1;
            for (; q >= first && second[q] > j; q--)
            {
                second[q + 1] = second[q];
                d[3 * q + 3] = d[3 * q];
                d[3 * q + 4] = d[3 * q + 1];
                d[3 * q + 5] = d[3 * q + 2];
            }
            second[q + 1] = j;
            d[3 * q + 3] = x;
            d[3 * q + 4] = y;
            d[3 * q + 5] = z;
        }
    }
}
