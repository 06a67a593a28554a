using PluginBridge.Core.Potentials.Ensemble;

namespace PluginBridge.Core.Engine;

/// <summary>Where <see cref="Workspace.EvaluateWithUncertainty"/> puts what an ensemble knows of its own error.</summary>
/// <param name="forceSpreads">One an atom: √(Σ_m |F_m − F̄|² / (n − 1)) of the members' total forces on it, kJ/mol/nm.
/// Empty: not wanted.</param>
/// <param name="expectedForceErrors">One an atom: the calibrated estimate of |F̄ − F_reference|, kJ/mol/nm
/// (<see cref="ForceErrorCalibration"/>). Empty: not wanted.</param>
public ref struct Uncertainty(Span<double> forceSpreads, Span<double> expectedForceErrors)
{
    /// <summary>As given.</summary>
    public Span<double> ForceSpreads { get; } = forceSpreads;

    /// <summary>As given.</summary>
    public Span<double> ExpectedForceErrors { get; } = expectedForceErrors;

    /// <summary>√(Σ_m (E_m − Ē)² / (n − 1)) of the members' energies, kJ/mol; set by the evaluation.</summary>
    public double EnergySpread { get; internal set; }
}
