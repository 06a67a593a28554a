using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Potentials;
using PluginBridge.Core.Potentials.Ensemble;

namespace PluginBridge.Core.Engine;

/// <summary>The buffers of one caller of a <see cref="FragmentedSystem"/>: not thread-safe, no allocation per call but where
/// pairs come into reach or leave it.</summary>
/// <remarks>
/// Data goes one way: positions → molecules made whole → fragments with caps → potential → chain rule → forces; beside it
/// the force-field part, and the pairs in contact.
/// </remarks>
public sealed class Workspace : IDisposable
{
    private readonly FragmentedSystem _system;
    private readonly FragmentBatch _batch;
    private readonly PairBatch? _pairs;
    private readonly BaseEnergy?[] _base;
    private readonly MoleculeImages _images;
    private readonly GradientAccumulator _accumulator;
    private readonly double[] _whole;
    private MemberSpread? _spread;

    internal Workspace(FragmentedSystem system, EvaluationOptions options)
    {
        _system = system;
        _batch = new FragmentBatch(system.Potential, system.Topology, system.Fragments, options);
        _pairs = system.Pairs is null ? null : new PairBatch(system, system.Pairs, options);
        _base = [system.CreateBaseEnergy(EnergyQuantity.Correction), system.CreateBaseEnergy(EnergyQuantity.Total)];
        _images = system.Images;
        _accumulator = new GradientAccumulator(system.Topology.Atoms.Count);
        _whole = new double[3 * system.Topology.Atoms.Count];
    }

    /// <summary>Energy, forces and virial at given positions.</summary>
    /// <param name="positions">x, y, z of every atom of the topology, nm.</param>
    /// <param name="boxVectors">Box vectors a, b, c (nine numbers, nm, OpenMM's reduced form); empty: not periodic.
    /// Atoms may lie in any periodic image.</param>
    /// <param name="quantity">Correction or total energy.</param>
    /// <param name="forces">−dE/dr, kJ/mol/nm, as long as positions; overwritten, zero for atoms that take no part.
    /// Empty: not wanted.</param>
    /// <param name="virial">−dE/dε (strain), nine numbers, kJ/mol, symmetric; overwritten. Empty: not wanted.</param>
    /// <param name="continued">The positions follow from earlier ones, as the steps of a simulation or a minimiser do: a long
    /// bond is then no sign of a molecule torn by wrapping, see <see cref="MoleculeImages.TornLaterBondLength"/>.</param>
    /// <returns>The energy, kJ/mol.</returns>
    /// <exception cref="PluginBridgeException">Wrong lengths, positions that are not numbers, a torn molecule, a box that
    /// is not in reduced form or too small, a fragment whose calculation failed, no force field for the quantity.</exception>
    public double Evaluate(ReadOnlySpan<double> positions, ReadOnlySpan<double> boxVectors, EnergyQuantity quantity,
        Span<double> forces, Span<double> virial, bool continued = false)
    {
        CheckArguments(positions, forces, virial, quantity);
        return Evaluate(positions, boxVectors, quantity, forces, virial, continued, null);
    }

    /// <summary>Evaluates an ensemble, with what its members tell of its error. Each is evaluated once; energy and forces are
    /// those of Evaluate up to rounding.</summary>
    /// <param name="positions">As of Evaluate.</param>
    /// <param name="boxVectors">As of Evaluate.</param>
    /// <param name="quantity">As of Evaluate; spreads and errors do not depend on it.</param>
    /// <param name="forces">As of Evaluate.</param>
    /// <param name="virial">As of Evaluate.</param>
    /// <param name="uncertainty">Spreads and expected errors of the region's energy and forces, over all fragments; zero
    /// for atoms that take no part.</param>
    /// <param name="continued">As of Evaluate.</param>
    /// <returns>The energy, kJ/mol.</returns>
    /// <exception cref="PluginBridgeException">As of Evaluate; Unsupported: the potential is no ensemble, or calibrated errors
    /// are wanted and it has no calibration.</exception>
    public double EvaluateWithUncertainty(ReadOnlySpan<double> positions, ReadOnlySpan<double> boxVectors, EnergyQuantity quantity,
        Span<double> forces, Span<double> virial, ref Uncertainty uncertainty, bool continued = false)
    {
        CheckArguments(positions, forces, virial, quantity);
        ForceErrorCalibration? calibration = CheckUncertainty(uncertainty);
        _spread ??= new MemberSpread(_system.Topology.Atoms.Count);
        bool wantsForceSpread = !uncertainty.ForceSpreads.IsEmpty || !uncertainty.ExpectedForceErrors.IsEmpty;
        double energy = Evaluate(positions, boxVectors, quantity, forces, virial, continued, _spread, wantsForceSpread);
        uncertainty.EnergySpread = _spread.EnergySpread;
        for (int atom = 0; atom < uncertainty.ForceSpreads.Length; atom++)
            uncertainty.ForceSpreads[atom] = _spread.ForceSpread(atom);
        for (int atom = 0; atom < uncertainty.ExpectedForceErrors.Length; atom++)
            uncertainty.ExpectedForceErrors[atom] = _batch.TakesPart(atom) ? calibration!.Expected(_spread.ForceSpread(atom)) : 0;
        return energy;
    }

    /// <summary>Pairs of units that had a weight at the last evaluation.</summary>
    internal int PairCount => PairWeights.Count(weight => weight > 0);

    /// <summary>Weights of the pairs of units near contact at the last evaluation.</summary>
    internal IReadOnlyList<double> PairWeights => _pairs?.Weights ?? [];

    /// <summary>Frees the evaluator's buffers.</summary>
    public void Dispose()
    {
        _batch.Dispose();
        _pairs?.Dispose();
    }

    private double Evaluate(ReadOnlySpan<double> positions, ReadOnlySpan<double> boxVectors, EnergyQuantity quantity,
        Span<double> forces, Span<double> virial, bool continued, MemberSpread? spread, bool wantsForceSpread = false)
    {
        bool passBox = !boxVectors.IsEmpty && _system.UsesBox;
        PeriodicBox box = PeriodicBox.Create(boxVectors, passBox ? _system.Potential.Info.Cutoff : 0);
        BaseEnergy baseEnergy = _base[(int)quantity] ?? throw _system.NoForceField(quantity);
        GradientAccumulator? gradients = !forces.IsEmpty || !virial.IsEmpty || wantsForceSpread ? _accumulator : null;

        _images.MakeWhole(positions, box, join: baseEnergy.HasPairs || (!passBox && _system.FragmentsSpanMolecules),
            continued ? MoleculeImages.TornLaterBondLength : MoleculeImages.TornBondLength, _whole);
        if (_pairs is not null)
            _pairs.Update(_whole, PeriodicBox.Create(boxVectors, _system.PairRadii.Outer + PairContacts.Skin, "pairs of units"), boxVectors);
        _accumulator.Clear();
        ReadOnlySpan<double> passed = passBox ? boxVectors : [];
        double energy = spread is null
            ? _batch.AddGradients(_whole, passed, gradients) + (_pairs?.AddGradients(_whole, gradients) ?? 0)
            : AddMeanGradients(spread, passed, gradients);
        energy += baseEnergy.AddGradients(_whole, _accumulator);
        energy += _pairs?.AddBaseGradients(_whole, _accumulator) ?? 0;
        if (!double.IsFinite(energy))
            throw new PluginBridgeException(ErrorCode.Calculation, "The energy is not finite: atoms overlap.");

        for (int i = 0; i < forces.Length; i++)
            forces[i] = -_accumulator.Gradient[i];
        for (int i = 0; i < virial.Length; i++)
            virial[i] = -0.5 * (_accumulator.Strain[i] + _accumulator.Strain[3 * (i % 3) + i / 3]);
        return energy;
    }

    /// <summary>Evaluates the members one by one; leaves their mean in the accumulator.</summary>
    private double AddMeanGradients(MemberSpread spread, ReadOnlySpan<double> box, GradientAccumulator? gradients)
    {
        spread.Clear();
        for (int member = 0; member < Ensemble!.MemberCount; member++)
        {
            _accumulator.Clear();
            double energy = _batch.AddGradients(_whole, box, gradients, member);
            spread.Add(energy + (_pairs?.AddGradients(_whole, gradients, member) ?? 0), _accumulator);
        }
        _accumulator.Set(spread.Gradient, spread.Strain);
        return spread.Energy;
    }

    private EnsemblePotential? Ensemble => _system.Potential as EnsemblePotential;

    private ForceErrorCalibration? CheckUncertainty(in Uncertainty uncertainty)
    {
        string name = _system.Potential.Info.Name;
        if (Ensemble is not { } ensemble)
            throw new PluginBridgeException(ErrorCode.Unsupported,
                $"The model '{name}' is no ensemble: it cannot tell how sure it is. Ask a model that is one.");
        int atoms = _system.Topology.Atoms.Count;
        if (!uncertainty.ForceSpreads.IsEmpty && uncertainty.ForceSpreads.Length != atoms)
            throw new PluginBridgeException(ErrorCode.InvalidArgument,
                $"Force spreads need room for {atoms} numbers; there is room for {uncertainty.ForceSpreads.Length}.");
        if (uncertainty.ExpectedForceErrors.IsEmpty)
            return null;
        if (uncertainty.ExpectedForceErrors.Length != atoms)
            throw new PluginBridgeException(ErrorCode.InvalidArgument,
                $"Expected force errors need room for {atoms} numbers; there is room for {uncertainty.ExpectedForceErrors.Length}.");
        return ensemble.Calibration ?? throw new PluginBridgeException(ErrorCode.Unsupported,
            $"The ensemble '{name}' has no calibration: it has spreads, but no expected errors.");
    }

    private void CheckArguments(ReadOnlySpan<double> positions, ReadOnlySpan<double> forces, ReadOnlySpan<double> virial, EnergyQuantity quantity)
    {
        int atoms = _system.Topology.Atoms.Count;
        if (positions.Length != 3 * atoms)
            throw new PluginBridgeException(ErrorCode.InvalidArgument, $"{atoms} atoms have {3 * atoms} coordinates; {positions.Length} were given.");
        if (!forces.IsEmpty && forces.Length != positions.Length)
            throw new PluginBridgeException(ErrorCode.InvalidArgument, $"Forces need room for {positions.Length} numbers; there is room for {forces.Length}.");
        if (!virial.IsEmpty && virial.Length != 9)
            throw new PluginBridgeException(ErrorCode.InvalidArgument, $"The virial needs room for 9 numbers; there is room for {virial.Length}.");
        if (quantity is not (EnergyQuantity.Correction or EnergyQuantity.Total))
            throw new PluginBridgeException(ErrorCode.InvalidArgument, $"There is no energy quantity {(int)quantity}.");
        for (int i = 0; i < positions.Length; i++)
            if (!double.IsFinite(positions[i]))
                throw new PluginBridgeException(ErrorCode.InvalidArgument,
                    $"The {"xyz"[i % 3]} coordinate of {_system.Topology.Describe(i / 3)} is {(double.IsNaN(positions[i]) ? "not a number" : "infinite")}.");
    }
}
