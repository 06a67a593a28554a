namespace PluginBridge.Core.Chemistry;

/// <summary>
/// Energy and forces of force-field terms in vacuo, without cutoff. Evaluations allocate nothing; one object a caller, it
/// is not thread-safe.
/// </summary>
public sealed class VacuumForceField
{
    private readonly MolecularMechanicsTerms _terms;
    private readonly HarmonicBond[] _bonds;
    private readonly HarmonicAngle[] _angles;
    private readonly PeriodicTorsion[] _torsions;
    private readonly RyckaertBellemansTorsion[] _ryckaertBellemans;
    private readonly CmapTorsion[] _cmaps;
    private readonly CmapSurface[] _surfaces;
    private readonly VacuumNonbonded? _nonbonded;
    private readonly Func<int, string> _describe;

    /// <summary>Prepares an evaluation of terms.</summary>
    /// <param name="terms">The terms.</param>
    /// <param name="describe">How messages name an atom; by index where null.</param>
    /// <exception cref="PluginBridgeException">An index or the number of parameters does not fit the number of atoms.</exception>
    public VacuumForceField(MolecularMechanicsTerms terms, Func<int, string>? describe = null)
    {
        _terms = terms;
        _describe = describe ?? (atom => $"atom {atom}");
        CheckIndices(terms);
        _bonds = [.. terms.Bonds];
        _angles = [.. terms.Angles];
        _torsions = [.. terms.Torsions];
        _ryckaertBellemans = [.. terms.RyckaertBellemansTorsions];
        _cmaps = [.. terms.CmapTorsions];
        _surfaces = [.. terms.CmapGrids.Select(grid => new CmapSurface(grid))];
        _nonbonded = terms.Nonbonded.Count > 0 ? new VacuumNonbonded(terms) : null;
    }

    /// <summary>Number of atoms.</summary>
    public int AtomCount => _terms.AtomCount;

    /// <summary>Whether there are charges and Lennard-Jones parameters.</summary>
    public bool HasNonbonded => _nonbonded is not null;

    /// <summary>Energy in kJ/mol; forces are <b>added</b> to <paramref name="forces"/>.</summary>
    /// <param name="positions">x, y, z of every atom, nm.</param>
    /// <param name="forces">−dE/dr in kJ/mol/nm, as long as the positions; empty: not wanted.</param>
    /// <exception cref="PluginBridgeException">Atoms coincide, or a position is not a number; the message names them.</exception>
    public double Evaluate(ReadOnlySpan<double> positions, Span<double> forces) => Evaluate(positions, forces, out _);

    /// <summary>Energy with its parts by kind of term.</summary>
    /// <inheritdoc cref="Evaluate(ReadOnlySpan{double}, Span{double})"/>
    public double Evaluate(ReadOnlySpan<double> positions, Span<double> forces, out MolecularMechanicsEnergy parts)
    {
        if (positions.Length != 3 * AtomCount || (forces.Length != 0 && forces.Length != positions.Length))
            throw new PluginBridgeException(ErrorCode.InvalidArgument,
                $"{AtomCount} atoms have {3 * AtomCount} coordinates, not {positions.Length}; forces are as many or none, not {forces.Length}.");
        (double coulomb, double lennardJones) = _nonbonded?.Evaluate(positions, forces) ?? default;
        parts = new MolecularMechanicsEnergy(
            BondedEnergies.Bonds(_bonds, positions, forces),
            BondedEnergies.Angles(_angles, positions, forces),
            BondedEnergies.Torsions(_torsions, positions, forces),
            BondedEnergies.RyckaertBellemans(_ryckaertBellemans, positions, forces),
            BondedEnergies.Cmaps(_cmaps, _surfaces, positions, forces),
            coulomb, lennardJones);
        double energy = parts.Total;
        if (!double.IsFinite(energy) || !AllFinite(forces))
            throw new PluginBridgeException(ErrorCode.Calculation, ExplainInfinity(positions));
        return energy;
    }

    private static bool AllFinite(ReadOnlySpan<double> values)
    {
        foreach (double value in values)
            if (!double.IsFinite(value))
                return false;
        return true;
    }

    private string ExplainInfinity(ReadOnlySpan<double> positions)
    {
        for (int i = 0; i < positions.Length; i++)
            if (!double.IsFinite(positions[i]))
                return $"The {"xyz"[i % 3]} coordinate of {_describe(i / 3)} is not a finite number.";
        (int a, int b, double shortest) = (0, 0, double.PositiveInfinity);
        for (int i = 0; i < AtomCount; i++)
            for (int j = i + 1; j < AtomCount; j++)
            {
                double distance = Math.Sqrt((new Vec3(positions, i) - new Vec3(positions, j)).Squared);
                if (distance < shortest)
                    (a, b, shortest) = (i, j, distance);
            }

        return shortest < 0.01
            ? $"{_describe(a)} and {_describe(b)} overlap: they are {shortest:0.######} nm apart, and the force-field energy is not finite."
            : "The force-field energy or a force is not finite: atoms of a torsion lie on one line, or a parameter is not a number.";
    }

    private void CheckIndices(MolecularMechanicsTerms terms)
    {
        if (terms.Nonbonded.Count > 0 && terms.Nonbonded.Count != terms.AtomCount)
            throw new PluginBridgeException(ErrorCode.InvalidArgument,
                $"There are {terms.Nonbonded.Count} non-bonded parameters for {terms.AtomCount} atoms.");
        foreach (HarmonicBond t in terms.Bonds)
            Check("bond", t.A, t.B);
        foreach (HarmonicAngle t in terms.Angles)
            Check("angle", t.A, t.B, t.C);
        foreach (PeriodicTorsion t in terms.Torsions)
            Check("torsion", t.A, t.B, t.C, t.D);
        foreach (RyckaertBellemansTorsion t in terms.RyckaertBellemansTorsions)
            Check("Ryckaert-Bellemans torsion", t.A, t.B, t.C, t.D);
        foreach (NonbondedException t in terms.Exceptions)
            Check("exception", t.A, t.B);
        foreach (CmapTorsion t in terms.CmapTorsions)
        {
            Check("CMAP term", t.A1, t.A2, t.A3, t.A4);
            Check("CMAP term", t.B1, t.B2, t.B3, t.B4);
            if (t.Map < 0 || t.Map >= terms.CmapGrids.Count)
                throw new PluginBridgeException(ErrorCode.InvalidArgument, $"A CMAP term refers to grid {t.Map} of {terms.CmapGrids.Count}.");
        }

        void Check(string kind, params ReadOnlySpan<int> atoms)
        {
            foreach (int atom in atoms)
                if (atom < 0 || atom >= terms.AtomCount)
                    throw new PluginBridgeException(ErrorCode.InvalidArgument, $"Atom {atom} of a {kind} is outside 0..{terms.AtomCount - 1}.");
            for (int i = 0; i < atoms.Length; i++)
                if (atoms[(i + 1)..].Contains(atoms[i]))
                    throw new PluginBridgeException(ErrorCode.InvalidArgument, $"One {kind} has {_describe(atoms[i])} twice.");
        }
    }
}
