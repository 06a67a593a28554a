namespace PluginBridge.Core.Potentials.Ensemble;

/// <summary>What to expect of the error of an atom's force, given how far the members of an ensemble are apart:
/// ⟨|F − F_reference|⟩ = √(floor² + (scale · spread)²).</summary>
/// <remarks>The floor is the error that all members share and no spread shows; the scale corrects a spread that is too
/// narrow or too wide. Both are fitted on frames that no member was trained on.</remarks>
/// <param name="Floor">Expected error where the members agree, kJ/mol/nm.</param>
/// <param name="Scale">Expected error per spread where they are far apart.</param>
public sealed record ForceErrorCalibration(double Floor, double Scale)
{
    /// <summary>Expected length of the error of an atom's force, kJ/mol/nm.</summary>
    /// <param name="spread">The atom's force spread, kJ/mol/nm.</param>
    public double Expected(double spread) => Math.Sqrt(Floor * Floor + Scale * spread * (Scale * spread));
}
