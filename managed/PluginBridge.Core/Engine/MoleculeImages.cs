using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Potentials;

namespace PluginBridge.Core.Engine;

/// <summary>
/// Makes molecules whole: each atom goes to the image next to the atom it is bonded to, along a spanning tree of the
/// bonds. On request, molecules are then placed in the images in which they touch, each at its closest contact.
/// </summary>
internal sealed class MoleculeImages
{
    /// <summary>A bond this long (nm) in positions that a user gives is a molecule torn apart by periodic wrapping, not a
    /// strained one.</summary>
    public const double TornBondLength = 1.0;

    /// <summary>The same for positions that follow from earlier ones: steps that a minimiser tries and takes back can throw
    /// atoms by nanometres, and have to see an energy there, not an error.</summary>
    public const double TornLaterBondLength = 20.0;

    private readonly Topology _topology;
    private readonly int[] _order;
    private readonly int[] _parents;
    private readonly Bond[] _ringBonds;
    private readonly int[][] _molecules;
    private readonly int[][] _contactAtoms;
    private readonly int[] _moleculeOf;

    /// <summary>Prepares the molecules (bonded components) that some atoms belong to.</summary>
    public MoleculeImages(Topology topology, IReadOnlyList<int> atoms)
    {
        _topology = topology;
        var order = new List<int>();
        var parents = new List<int>();
        var ringBonds = new List<Bond>();
        var molecules = new List<int[]>();
        var visited = new bool[topology.Atoms.Count];
        foreach (int start in atoms)
        {
            if (visited[start])
                continue;
            int first = order.Count;
            visited[start] = true;
            order.Add(start);
            parents.Add(-1);
            for (int k = first; k < order.Count; k++)
                foreach (int neighbor in topology.Neighbors(order[k]))
                {
                    if (!visited[neighbor])
                    {
                        visited[neighbor] = true;
                        order.Add(neighbor);
                        parents.Add(order[k]);
                    }
                    else if (neighbor != parents[k] && neighbor < order[k])
                        ringBonds.Add(new Bond(neighbor, order[k]));
                }

            molecules.Add([.. order.Skip(first)]);
        }

        var involved = atoms.ToHashSet();
        _order = [.. order];
        _parents = [.. parents];
        // A tree bond can appear here seen from its parent's side: only bonds off the tree close rings.
        var tree = Enumerable.Range(0, _order.Length).Where(k => _parents[k] >= 0)
            .Select(k => (Math.Min(_order[k], _parents[k]), Math.Max(_order[k], _parents[k]))).ToHashSet();
        _ringBonds = [.. ringBonds.Where(bond => !tree.Contains((bond.A, bond.B))).Distinct()];
        _molecules = [.. molecules];
        _moleculeOf = Enumerable.Repeat(-1, topology.Atoms.Count).ToArray();
        for (int m = 0; m < _molecules.Length; m++)
            foreach (int atom in _molecules[m])
                _moleculeOf[atom] = m;
        _contactAtoms = [.. molecules.Select(m =>
        {
            int[] heavy = [.. m.Where(a => involved.Contains(a) && topology.Atoms[a].AtomicNumber > 1)];
            return heavy.Length > 0 ? heavy : [.. m.Where(involved.Contains)];
        })];
    }

    /// <summary>Number of molecules.</summary>
    public int Count => _molecules.Length;

    /// <summary>Whether some atoms belong to more than one molecule.</summary>
    public bool Span(IEnumerable<int> atoms) => atoms.Select(a => _moleculeOf[a]).Distinct().Take(2).Count() > 1;

    /// <summary>Copies positions, molecules made whole.</summary>
    /// <param name="positions">x, y, z of every atom of the topology, nm, in any image.</param>
    /// <param name="box">The box or none.</param>
    /// <param name="join">Also place the molecules next to each other.</param>
    /// <param name="torn">A bond longer than this is torn, nm.</param>
    /// <param name="whole">Receives the positions of the molecules' atoms; others are left alone.</param>
    /// <exception cref="PluginBridgeException">A bond is torn, or a molecule is bonded to its own image.</exception>
    public void MakeWhole(ReadOnlySpan<double> positions, in PeriodicBox box, bool join, double torn, Span<double> whole)
    {
        for (int k = 0; k < _order.Length; k++)
        {
            int atom = _order[k], parent = _parents[k];
            double x = positions[3 * atom], y = positions[3 * atom + 1], z = positions[3 * atom + 2];
            if (parent >= 0)
            {
                double dx = x - whole[3 * parent], dy = y - whole[3 * parent + 1], dz = z - whole[3 * parent + 2];
                box.MinimumImage(ref dx, ref dy, ref dz);
                if (dx * dx + dy * dy + dz * dz > torn * torn)
                    ThrowTorn(parent, atom, Math.Sqrt(dx * dx + dy * dy + dz * dz), box.IsPeriodic);
                // Without a box the position stays as given, to the last bit.
                if (box.IsPeriodic)
                {
                    x = whole[3 * parent] + dx;
                    y = whole[3 * parent + 1] + dy;
                    z = whole[3 * parent + 2] + dz;
                }
            }

            whole[3 * atom] = x;
            whole[3 * atom + 1] = y;
            whole[3 * atom + 2] = z;
        }

        foreach (Bond bond in _ringBonds)
        {
            double dx = whole[3 * bond.A] - whole[3 * bond.B], dy = whole[3 * bond.A + 1] - whole[3 * bond.B + 1],
                dz = whole[3 * bond.A + 2] - whole[3 * bond.B + 2];
            if (dx * dx + dy * dy + dz * dz > torn * torn)
                ThrowTorn(bond.A, bond.B, Math.Sqrt(dx * dx + dy * dy + dz * dz), box.IsPeriodic);
        }

        if (join && box.IsPeriodic && _molecules.Length > 1)
            Join(box, whole);
    }

    /// <summary>Prim's tree over the molecules: the one closest to those placed so far is placed next.</summary>
    private void Join(in PeriodicBox box, Span<double> whole)
    {
        int count = _molecules.Length;
        Span<bool> placed = count <= 1024 ? stackalloc bool[count] : new bool[count];
        Span<double> distance = count <= 1024 ? stackalloc double[count] : new double[count];
        Span<double> shift = count <= 1024 ? stackalloc double[3 * count] : new double[3 * count];
        placed.Clear();
        distance.Fill(double.PositiveInfinity);
        int latest = 0;
        for (int step = 1; step < count; step++)
        {
            placed[latest] = true;
            for (int m = 0; m < count; m++)
                if (!placed[m])
                    Contact(box, whole, _contactAtoms[latest], _contactAtoms[m], ref distance[m], shift.Slice(3 * m, 3));
            latest = -1;
            for (int m = 0; m < count; m++)
                if (!placed[m] && (latest < 0 || distance[m] < distance[latest]))
                    latest = m;
            foreach (int atom in _molecules[latest])
                for (int axis = 0; axis < 3; axis++)
                    whole[3 * atom + axis] += shift[3 * latest + axis];
        }
    }

    private static void Contact(in PeriodicBox box, ReadOnlySpan<double> whole, int[] fixedAtoms, int[] movable,
        ref double distance, Span<double> shift)
    {
        foreach (int i in fixedAtoms)
            foreach (int j in movable)
            {
                double x = whole[3 * j] - whole[3 * i], y = whole[3 * j + 1] - whole[3 * i + 1],
                    z = whole[3 * j + 2] - whole[3 * i + 2];
                double dx = x, dy = y, dz = z;
                box.MinimumImage(ref dx, ref dy, ref dz);
                double square = dx * dx + dy * dy + dz * dz;
                if (square >= distance)
                    continue;
                distance = square;
                shift[0] = dx - x;
                shift[1] = dy - y;
                shift[2] = dz - z;
            }
    }

    private void ThrowTorn(int a, int b, double length, bool periodic) => throw new PluginBridgeException(
        ErrorCode.InvalidArgument, FormattableString.Invariant(
            $"The bond {_topology.Describe(a)} - {_topology.Describe(b)} is {length:G4} nm long. ") + (periodic
            ? "In this box the molecule is torn apart or bonded to its own periodic image."
            : "If the positions are wrapped into a periodic box, give the box vectors (pluginbridge energy: --periodic)."));
}
