using System.Globalization;
using System.Numerics;

namespace PluginBridge.Core.Chemistry;

/// <summary>
/// Checks that a host runs a protein on the force field that a model corrects. What gives the same energy is the same:
/// terms in any order and direction, torsions split or merged, zero constants, impropers up to the order of their outer
/// atoms, bonds (and angles) that constraints replace.
/// </summary>
public static class ForceFieldComparison
{
    /// <summary>Two numbers agree within this fraction: topology files carry eight digits and their own value of π.</summary>
    public const double RelativeTolerance = 1e-5;

    /// <summary>Compares a host's terms with ff14SB for the assigned residues of a topology.</summary>
    /// <param name="host">The host's terms, for the topology's atoms; those that reach other atoms (solvent) are left out.</param>
    /// <param name="topology">The atoms.</param>
    /// <param name="assignment">Residue forms of all residues or of some.</param>
    /// <param name="constrained">Pairs of atoms whose distance the host constrains; null for none.</param>
    /// <returns>The terms that constraints replace, bonds and angles, for the topology's atoms.</returns>
    /// <exception cref="PluginBridgeException"><see cref="ErrorCode.ForceField"/>: the first atom or term that differs.</exception>
    public static MolecularMechanicsTerms RequireFf14sb(MolecularMechanicsTerms host, Topology topology,
        TemplateAssignment assignment, IEnumerable<Bond>? constrained = null)
    {
        if (host.AtomCount != topology.Atoms.Count)
            throw new PluginBridgeException(ErrorCode.InvalidArgument,
                $"The host's terms are for {host.AtomCount} atoms, the topology has {topology.Atoms.Count}.");
        MolecularMechanicsTerms expected = AmberFf14sb.CreateTerms(topology, assignment);
        int[] atoms = [.. Enumerable.Range(0, topology.Atoms.Count).Where(assignment.IsAssigned)];
        if (atoms.Length == topology.Atoms.Count)
            return Require(host, expected, topology.Describe, constrained);

        var place = new Dictionary<int, int>(atoms.Length);
        for (int i = 0; i < atoms.Length; i++)
            place.Add(atoms[i], i);
        MolecularMechanicsTerms replaced = Require(host.Subset(atoms), expected.Subset(atoms), i => topology.Describe(atoms[i]), constrained?
            .Where(b => place.ContainsKey(b.A) && place.ContainsKey(b.B)).Select(b => new Bond(place[b.A], place[b.B])));
        return new MolecularMechanicsTerms
        {
            AtomCount = topology.Atoms.Count,
            Bonds = [.. replaced.Bonds.Select(b => b with { A = atoms[b.A], B = atoms[b.B] })],
            Angles = [.. replaced.Angles.Select(a => a with { A = atoms[a.A], B = atoms[a.B], C = atoms[a.C] })],
        };
    }

    /// <summary>Compares a host's terms with those expected of the same atoms.</summary>
    /// <param name="host">The host's terms.</param>
    /// <param name="expected">ff14SB's, all bonds included.</param>
    /// <param name="describe">How messages name an atom.</param>
    /// <param name="constrained">Pairs of atoms whose distance the host constrains; null for none.</param>
    /// <returns>The expected terms that constraints replace, bonds and angles.</returns>
    /// <exception cref="PluginBridgeException"><see cref="ErrorCode.ForceField"/>: the first atom or term that differs.</exception>
    public static MolecularMechanicsTerms Require(MolecularMechanicsTerms host, MolecularMechanicsTerms expected, Func<int, string> describe,
        IEnumerable<Bond>? constrained = null)
    {
        if (host.AtomCount != expected.AtomCount)
            throw new PluginBridgeException(ErrorCode.InvalidArgument,
                $"The host's terms are for {host.AtomCount} atoms, the topology has {expected.AtomCount}.");
        return new Comparison(host, expected, describe, constrained ?? []).Run();
    }

    private sealed class Comparison(MolecularMechanicsTerms host, MolecularMechanicsTerms expected, Func<int, string> describe,
        IEnumerable<Bond> constrained)
    {
        private readonly HashSet<(int, int)> _constrained = [.. constrained.Select(b => Pair(b.A, b.B))];
        private readonly HashSet<(int, int)> _bonded = [.. expected.Bonds.Select(b => Pair(b.A, b.B))];
        private readonly List<HarmonicBond> _replacedBonds = [];
        private readonly List<HarmonicAngle> _replacedAngles = [];

        public MolecularMechanicsTerms Run()
        {
            CompareAtoms();
            foreach (CmapTorsion t in host.CmapTorsions)
                throw Differs($"the host has a CMAP term on {Names(t.A1, t.A2, t.A3, t.A4)}, and ff14SB has none");
            foreach (RyckaertBellemansTorsion t in host.RyckaertBellemansTorsions)
                throw Differs($"the host has a Ryckaert-Bellemans torsion on {Names(t.A, t.B, t.C, t.D)}, and ff14SB has none");
            CompareBonds();
            CompareAngles();
            CompareTorsions();
            CompareExceptions();
            return new MolecularMechanicsTerms { AtomCount = expected.AtomCount, Bonds = _replacedBonds, Angles = _replacedAngles };
        }

        private void CompareAtoms()
        {
            if (host.Nonbonded.Count != host.AtomCount)
                throw Differs("the host has no charges and Lennard-Jones parameters for these atoms");
            for (int i = 0; i < host.AtomCount; i++)
            {
                (NonbondedParameters h, NonbondedParameters e) = (host.Nonbonded[i], expected.Nonbonded[i]);
                if (!Same(h.Charge, e.Charge, 1e-6))
                    throw Differs($"the charge of {describe(i)} is {Text(h.Charge)} e instead of {Text(e.Charge)} e");
                if (!Same(h.Epsilon, e.Epsilon, 1e-9) || (e.Epsilon > 1e-9 && !Same(h.Sigma, e.Sigma, 0)))
                    throw Differs($"the Lennard-Jones parameters of {describe(i)} are σ = {Text(h.Sigma)} nm, ε = {Text(h.Epsilon)} kJ/mol "
                        + $"instead of σ = {Text(e.Sigma)} nm, ε = {Text(e.Epsilon)} kJ/mol");
            }
        }

        private void CompareBonds()
        {
            ILookup<(int, int), HarmonicBond> theirs = host.Bonds.Where(b => b.Constant != 0).ToLookup(b => Pair(b.A, b.B));
            ILookup<(int, int), HarmonicBond> ours = expected.Bonds.ToLookup(b => Pair(b.A, b.B));
            foreach ((int A, int B) key in Keys(ours, theirs))
            {
                (HarmonicBond[] e, HarmonicBond[] h) = ([.. ours[key]], [.. theirs[key]]);
                string name = $"the bond {Names(key.A, key.B)}";
                if (h.Length == 0 && Constrained(key.A, key.B))
                {
                    _replacedBonds.AddRange(e);
                    continue;
                }
                CompareCounts(name, h.Length, e.Length);
                if (!Same(h[0].Length, e[0].Length, 0) || !Same(h[0].Constant, e[0].Constant, 0))
                    throw Differs($"{name} has r₀ = {Text(h[0].Length)} nm, k = {Text(h[0].Constant)} kJ/mol/nm² "
                        + $"instead of {Text(e[0].Length)}, {Text(e[0].Constant)}");
            }
        }

        private void CompareAngles()
        {
            ILookup<(int, int, int), HarmonicAngle> theirs = host.Angles.Where(a => a.Constant != 0).ToLookup(Key);
            ILookup<(int, int, int), HarmonicAngle> ours = expected.Angles.ToLookup(Key);
            foreach ((int A, int B, int C) key in Keys(ours, theirs))
            {
                (HarmonicAngle[] e, HarmonicAngle[] h) = ([.. ours[key]], [.. theirs[key]]);
                string name = $"the angle {Names(key.A, key.B, key.C)}";
                // A constraint between its ends, and along both its bonds, holds an angle.
                if (h.Length == 0 && Constrained(key.A, key.C) && Constrained(key.A, key.B) && Constrained(key.B, key.C))
                {
                    _replacedAngles.AddRange(e);
                    continue;
                }
                CompareCounts(name, h.Length, e.Length);
                if (!Same(h[0].Angle, e[0].Angle, 0) || !Same(h[0].Constant, e[0].Constant, 0))
                    throw Differs($"{name} has θ₀ = {Text(h[0].Angle)} rad, k = {Text(h[0].Constant)} kJ/mol/rad² "
                        + $"instead of {Text(e[0].Angle)}, {Text(e[0].Constant)}");
            }

            static (int, int, int) Key(HarmonicAngle a) => (Math.Min(a.A, a.C), a.B, Math.Max(a.A, a.C));
        }

        /// <summary>Σ k cos(nφ−φ₀) over the terms of the same atoms and n is one cosine: amplitudes Σ k e^(iφ₀) tell all.</summary>
        private void CompareTorsions()
        {
            Dictionary<TorsionKey, Complex> theirs = Amplitudes(host.Torsions), ours = Amplitudes(expected.Torsions);
            foreach (TorsionKey key in ours.Keys.Union(theirs.Keys).Order())
            {
                Complex h = theirs.GetValueOrDefault(key), e = ours.GetValueOrDefault(key);
                if ((h - e).Magnitude <= RelativeTolerance * Math.Max(h.Magnitude, e.Magnitude) + 1e-6)
                    continue;
                string kind = key.Improper ? "improper" : "torsion";
                throw Differs($"the {kind} {Names(key.A, key.B, key.C, key.D)} of periodicity {key.Periodicity} has "
                    + $"{Amplitude(h)} instead of {Amplitude(e)}");
            }

            static string Amplitude(Complex a) =>
                a.Magnitude < 1e-6 ? "no term" : $"k = {Text(a.Magnitude)} kJ/mol, φ₀ = {Text(a.Phase)} rad";
        }

        private Dictionary<TorsionKey, Complex> Amplitudes(IReadOnlyList<PeriodicTorsion> torsions)
        {
            var amplitudes = new Dictionary<TorsionKey, Complex>();
            foreach (PeriodicTorsion t in torsions)
            {
                if (t.Constant == 0 || t.Periodicity == 0)
                    continue;
                TorsionKey key = Key(t);
                amplitudes[key] = amplitudes.GetValueOrDefault(key) + Complex.FromPolarCoordinates(1, t.Phase) * t.Constant;
            }

            return amplitudes;
        }

        private TorsionKey Key(PeriodicTorsion t)
        {
            bool chain = Bonded(t.A, t.B) && Bonded(t.B, t.C) && Bonded(t.C, t.D);
            // Only where the centre of an improper is one of the two inner atoms, as in AMBER, is the angle the same.
            foreach ((int center, int other) in ((int, int)[])[(t.C, t.B), (t.B, t.C)])
            {
                if (chain || !Bonded(center, t.A) || !Bonded(center, t.D) || !Bonded(center, other))
                    continue;
                int[] outer = [t.A, t.D, other];
                Array.Sort(outer);
                return new TorsionKey(true, outer[0], outer[1], center, outer[2], t.Periodicity);
            }

            return t.B < t.C || (t.B == t.C && t.A < t.D)
                ? new TorsionKey(!chain, t.A, t.B, t.C, t.D, t.Periodicity)
                : new TorsionKey(!chain, t.D, t.C, t.B, t.A, t.Periodicity);
        }

        private void CompareExceptions()
        {
            Dictionary<(int, int), NonbondedException> theirs = ByPair(host), ours = ByPair(expected);
            foreach ((int A, int B) key in ours.Keys.Union(theirs.Keys).Order())
            {
                NonbondedException h = Interaction(theirs, host, key), e = Interaction(ours, expected, key);
                if (Same(h.ChargeProduct, e.ChargeProduct, 1e-7) && Same(h.Epsilon, e.Epsilon, 1e-9)
                    && (e.Epsilon <= 1e-9 || Same(h.Sigma, e.Sigma, 0)))
                    continue;
                string kind = !ours.ContainsKey(key) ? "the pair" : e is { ChargeProduct: 0, Epsilon: 0 } ? "the excluded pair" : "the 1-4 pair";
                throw Differs($"{kind} {Names(key.A, key.B)} interacts with {Text(h.ChargeProduct)} e², σ = {Text(h.Sigma)} nm, "
                    + $"ε = {Text(h.Epsilon)} kJ/mol instead of {Text(e.ChargeProduct)}, {Text(e.Sigma)}, {Text(e.Epsilon)} "
                    + "(ff14SB scales 1-4 pairs by 1/1.2 and 1/2)");
            }
        }

        private static Dictionary<(int, int), NonbondedException> ByPair(MolecularMechanicsTerms terms)
        {
            var pairs = new Dictionary<(int, int), NonbondedException>();
            foreach (NonbondedException e in terms.Exceptions)
                pairs[Pair(e.A, e.B)] = e;
            return pairs;
        }

        /// <summary>A pair without exception follows the combination rule.</summary>
        private static NonbondedException Interaction(Dictionary<(int, int), NonbondedException> exceptions,
            MolecularMechanicsTerms terms, (int A, int B) pair)
        {
            if (exceptions.TryGetValue(pair, out NonbondedException exception))
                return exception;
            (NonbondedParameters p, NonbondedParameters q) = (terms.Nonbonded[pair.A], terms.Nonbonded[pair.B]);
            return new NonbondedException(pair.A, pair.B, p.Charge * q.Charge, (p.Sigma + q.Sigma) / 2, Math.Sqrt(p.Epsilon * q.Epsilon));
        }

        private static void CompareCounts(string name, int hosts, int expected)
        {
            if (hosts != expected)
                throw Differs(hosts == 0 ? $"{name} has no term in the host, and no constraint"
                    : expected == 0 ? $"{name} has a term that ff14SB has not"
                    : $"{name} has {hosts} terms instead of {expected}");
        }

        private bool Constrained(int a, int b) => _constrained.Contains(Pair(a, b));

        private bool Bonded(int a, int b) => _bonded.Contains(Pair(a, b));

        private string Names(params ReadOnlySpan<int> atoms)
        {
            var names = new List<string>();
            foreach (int atom in atoms)
                names.Add(describe(atom));
            return string.Join(" - ", names);
        }

        private static IEnumerable<TKey> Keys<TKey, TTerm>(ILookup<TKey, TTerm> a, ILookup<TKey, TTerm> b) =>
            a.Select(g => g.Key).Union(b.Select(g => g.Key)).Order();
    }

    private readonly record struct TorsionKey(bool Improper, int A, int B, int C, int D, int Periodicity) : IComparable<TorsionKey>
    {
        public int CompareTo(TorsionKey other) =>
            (Improper, A, B, C, D, Periodicity).CompareTo((other.Improper, other.A, other.B, other.C, other.D, other.Periodicity));
    }

    private static (int, int) Pair(int a, int b) => (Math.Min(a, b), Math.Max(a, b));

    private static bool Same(double a, double b, double floor) =>
        Math.Abs(a - b) <= RelativeTolerance * Math.Max(Math.Abs(a), Math.Abs(b)) + floor;

    private static string Text(double value) => value.ToString("0.######", CultureInfo.InvariantCulture);

    private static PluginBridgeException Differs(string what) => new(ErrorCode.ForceField,
        $"The host's force field is not ff14SB: {what}. The model corrects ff14SB (E_QM − E_MM): run the host on it "
        + "(OpenMM: amber14/protein.ff14SB.xml), or hand over the region alone on the host's force field (in OpenMM the option "
        + "regionSystem; createRegionSystem makes it).");
}
