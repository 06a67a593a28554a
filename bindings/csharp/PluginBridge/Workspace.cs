using PluginBridge.Interop;

namespace PluginBridge;

/// <summary>What an evaluation computes.</summary>
public enum EnergyQuantity
{
    /// <summary>Σ_f c_f Δ(f): what is added to a host that already computes the force field.</summary>
    Correction = pb_quantity.PB_QUANTITY_CORRECTION,

    /// <summary>The correction plus the force-field energy of the region in vacuo.</summary>
    Total = pb_quantity.PB_QUANTITY_TOTAL,
}

/// <summary>The buffers of one caller: not thread-safe; one a thread or simulation.</summary>
public sealed unsafe class Workspace : IDisposable
{
    private readonly WorkspaceHandle _handle;
    private readonly int _atomCount;

    internal Workspace(pb_workspace* workspace, int atomCount)
    {
        _handle = new WorkspaceHandle(workspace);
        _atomCount = atomCount;
    }

    /// <summary>Energy, forces and virial at given positions.</summary>
    /// <param name="positions">x, y, z of every atom, nm.</param>
    /// <param name="forces">−dE/dr, kJ/mol/nm, as long as positions; overwritten. Empty: not wanted.</param>
    /// <param name="virial">−dE/d(strain), nine numbers, kJ/mol, symmetric; overwritten. Empty: not wanted.</param>
    /// <param name="boxVectors">a, b, c, nine numbers, nm, reduced as in OpenMM; empty: not periodic.</param>
    /// <param name="quantity">Correction or total energy.</param>
    /// <returns>The energy, kJ/mol.</returns>
    /// <exception cref="CalculationFailedException">It failed for this geometry.</exception>
    public double Evaluate(ReadOnlySpan<double> positions, Span<double> forces = default, Span<double> virial = default,
        ReadOnlySpan<double> boxVectors = default, EnergyQuantity quantity = EnergyQuantity.Correction) =>
        Evaluate(positions, forces, virial, boxVectors, quantity, null);

    /// <summary>The same for an ensemble, with how far its members are apart.</summary>
    /// <param name="positions">As of Evaluate.</param>
    /// <param name="energySpread">Standard deviation of the members' energies, kJ/mol.</param>
    /// <param name="forceSpreads">√(Σ_m |F_m − F̄|² / (n − 1)) of each atom, kJ/mol/nm; overwritten.
    /// Empty: not wanted.</param>
    /// <param name="forceErrors">Expected error of each atom's force by the model's calibration, kJ/mol/nm; overwritten.
    /// Empty: not wanted.</param>
    /// <param name="forces">As of Evaluate.</param>
    /// <param name="virial">As of Evaluate.</param>
    /// <param name="boxVectors">As of Evaluate.</param>
    /// <param name="quantity">As of Evaluate.</param>
    /// <returns>The energy, kJ/mol.</returns>
    /// <exception cref="UnsupportedException">The model is no ensemble, or errors are wanted and it has no
    /// calibration.</exception>
    public double EvaluateWithUncertainty(ReadOnlySpan<double> positions, out double energySpread,
        Span<double> forceSpreads = default, Span<double> forceErrors = default, Span<double> forces = default,
        Span<double> virial = default, ReadOnlySpan<double> boxVectors = default,
        EnergyQuantity quantity = EnergyQuantity.Correction)
    {
        Ensure.Length(nameof(forceSpreads), forceSpreads.Length, forceSpreads.IsEmpty ? 0 : _atomCount);
        Ensure.Length(nameof(forceErrors), forceErrors.Length, forceErrors.IsEmpty ? 0 : _atomCount);
        fixed (double* spreads = forceSpreads, errors = forceErrors)
        {
            var uncertainty = new pb_uncertainty
            {
                struct_size = (nuint)sizeof(pb_uncertainty),
                force_spreads = spreads,
                force_errors = errors,
            };
            double energy = Evaluate(positions, forces, virial, boxVectors, quantity, &uncertainty);
            energySpread = uncertainty.energy_spread;
            return energy;
        }
    }

    /// <summary>Frees it.</summary>
    public void Dispose() => _handle.Dispose();

    private double Evaluate(ReadOnlySpan<double> positions, Span<double> forces, Span<double> virial,
        ReadOnlySpan<double> boxVectors, EnergyQuantity quantity, pb_uncertainty* uncertainty)
    {
        Ensure.Length(nameof(positions), positions.Length, 3L * _atomCount);
        Ensure.Length(nameof(forces), forces.Length, forces.IsEmpty ? 0 : 3L * _atomCount);
        Ensure.Length(nameof(virial), virial.Length, virial.IsEmpty ? 0 : 9);
        Ensure.Length(nameof(boxVectors), boxVectors.Length, boxVectors.IsEmpty ? 0 : 9);
        using var workspace = new Borrowed(_handle);
        double energy;
        fixed (double* r = positions, f = forces, w = virial, box = boxVectors)
        {
            var options = new pb_evaluation_options
            {
                struct_size = (nuint)sizeof(pb_evaluation_options),
                quantity = (int)quantity,
                box_vectors = box,
                uncertainty = uncertainty,
            };
            Ensure.Success(NativeMethods.pb_evaluate((pb_workspace*)workspace.Pointer, r, &options, &energy, f, w));
        }
        return energy;
    }
}
