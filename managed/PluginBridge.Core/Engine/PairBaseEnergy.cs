using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Fragmentation;

namespace PluginBridge.Core.Engine;

/// <summary>
/// E_base of cells for absolute potentials: Σ κ E_base(f) is the Coulomb and Lennard-Jones energy of the cell's own pairs,
/// without cutoff, as no bonded term reaches across. Where the region ends caps take part as in
/// <see cref="BorderCapTerms"/>. One object a caller; allocates when a cell is first met.
/// </summary>
/// <param name="topology">The topology.</param>
/// <param name="terms">Terms of its atoms: the host's or the core's.</param>
/// <param name="caps">Border caps.</param>
/// <param name="cover">The windows.</param>
internal sealed class PairBaseEnergy(Topology topology, MolecularMechanicsTerms terms, IReadOnlyList<CapHydrogen> caps, AtomSetCover cover)
{
    private readonly Dictionary<PairCell, Cell> _cells = [];
    private readonly Dictionary<(int, int), NonbondedException> _exceptions = terms.Exceptions
        .GroupBy(e => (Math.Min(e.A, e.B), Math.Max(e.A, e.B))).ToDictionary(group => group.Key, group => group.Last());

    /// <summary>A cell in local indices: atoms, then caps.</summary>
    private sealed record Cell(int[] Atoms, CapHydrogen[] Caps, bool[] Moved, PairInteractions Pairs, double[] Positions, double[] Forces);

    /// <summary>−Σ_cells w Σ u_pq, kJ/mol; gradients are added.</summary>
    /// <param name="contacts">Cells and weights.</param>
    /// <param name="whole">Positions, molecules whole, nm.</param>
    /// <param name="accumulator">Receives gradients and strain gradient.</param>
    public double AddGradients(PairContacts contacts, ReadOnlySpan<double> whole, GradientAccumulator accumulator)
    {
        double sum = 0;
        for (int k = 0; k < contacts.Listed.Length; k++)
        {
            double weight = contacts.Weights[k];
            if (weight == 0)
                continue;
            PairCell key = contacts.Listed[k].Cell;
            if (!_cells.TryGetValue(key, out Cell? cell))
                _cells[key] = cell = Create(key);
            ReadOnlySpan<double> shift = contacts.Shifts.AsSpan(3 * k, 3);
            Gather(cell, whole, shift);
            Array.Clear(cell.Forces);
            double energy = cell.Pairs.AddForces(cell.Positions, cell.Forces);
            sum -= weight * energy;
            Scatter(cell, weight, whole, shift, accumulator);
            contacts.AddWeightGradient(k, -energy, whole, accumulator);
        }

        return sum;
    }

    private static void Gather(Cell cell, ReadOnlySpan<double> whole, ReadOnlySpan<double> shift)
    {
        int atoms = cell.Atoms.Length;
        for (int a = 0; a < atoms; a++)
            whole.Slice(3 * cell.Atoms[a], 3).CopyTo(cell.Positions.AsSpan(3 * a));
        for (int c = 0; c < cell.Caps.Length; c++)
            CapGeometry.Place(whole.Slice(3 * cell.Caps[c].Anchor, 3), whole.Slice(3 * cell.Caps[c].Replaced, 3),
                cell.Caps[c].BondLength, cell.Positions.AsSpan(3 * (atoms + c), 3));
        for (int s = 0; s < cell.Moved.Length; s++)
            for (int i = 0; i < 3 && cell.Moved[s]; i++)
                cell.Positions[3 * s + i] += shift[i];
    }

    private static void Scatter(Cell cell, double weight, ReadOnlySpan<double> whole, ReadOnlySpan<double> shift, GradientAccumulator accumulator)
    {
        ReadOnlySpan<double> origin = whole.Slice(3 * cell.Atoms[0], 3);
        int atoms = cell.Atoms.Length;
        for (int s = 0; s < cell.Moved.Length; s++)
        {
            ReadOnlySpan<double> force = cell.Forces.AsSpan(3 * s, 3);
            if (s < atoms)
                accumulator.AddAtom(cell.Atoms[s], weight, force, whole, origin);
            else
                accumulator.AddCap(cell.Caps[s - atoms], weight, force, whole, origin);
            if (cell.Moved[s])
                accumulator.AddImageStrain(weight, force, shift);
        }
    }

    private Cell Create(PairCell cell)
    {
        var pairs = cell.Pairs.ToHashSet();
        int[] atoms = [.. cell.Pairs.SelectMany(pair => new[] { pair.P, pair.Q }).Distinct().Order()];
        var local = Enumerable.Range(0, atoms.Length).ToDictionary(k => atoms[k]);
        CapHydrogen[] own = [.. caps.Where(cap => local.ContainsKey(cap.Anchor))];
        var interactions = cell.Pairs.Select(pair => Interaction(local, pair.P, pair.Q)).ToList();
        for (int c = 0; c < own.Length; c++)
        {
            NonbondedParameters hydrogen = BorderCapTerms.Hydrogen(topology, cover, own[c].Anchor);
            foreach (int q in atoms)
                if (pairs.Contains((own[c].Anchor, q)) || pairs.Contains((q, own[c].Anchor)))
                    interactions.Add(PairInteractions.Combine(atoms.Length + c, local[q], hydrogen, terms.Nonbonded[q]));
            for (int other = 0; other < c; other++)
                if (pairs.Contains((own[c].Anchor, own[other].Anchor)) || pairs.Contains((own[other].Anchor, own[c].Anchor)))
                    interactions.Add(PairInteractions.Combine(atoms.Length + c, atoms.Length + other, hydrogen,
                        BorderCapTerms.Hydrogen(topology, cover, own[other].Anchor)));
        }

        bool[] moved = [.. atoms.Concat(own.Select(cap => cap.Anchor)).Select(cell.SecondAtoms.Contains)];
        return new Cell(atoms, own, moved, new PairInteractions(interactions), new double[3 * moved.Length], new double[3 * moved.Length]);
    }

    private NonbondedException Interaction(Dictionary<int, int> local, int p, int q) =>
        _exceptions.TryGetValue((Math.Min(p, q), Math.Max(p, q)), out NonbondedException e)
            ? e with { A = local[e.A], B = local[e.B] }
            : PairInteractions.Combine(local[p], local[q], terms.Nonbonded[p], terms.Nonbonded[q]);
}
