namespace PluginBridge.Core.Potentials;

/// <summary>
/// The zero correction <c>ff14sb</c>: Δ(f) = 0, so that the total energy is the plain force field's. For comparisons and
/// for checking a host's set-up.
/// </summary>
public sealed class ForceFieldOnlyPotential : IPotential
{
    /// <summary>Name in the catalog.</summary>
    public const string BuiltInName = "ff14sb";

    /// <inheritdoc/>
    public PotentialInfo Info { get; } = new()
    {
        Name = BuiltInName,
        Target = PotentialTarget.CorrectionToForceField,
        BaseForceField = Chemistry.AmberFf14sb.Name,
        ReferenceMethod = "AMBER ff14SB",
        Cutoff = 0,
    };

    /// <inheritdoc/>
    public bool SupportsBox => true;

    /// <summary>Every element that the force field's templates know.</summary>
    public bool SupportsElement(int atomicNumber) => true;

    /// <inheritdoc/>
    public IMoleculeEvaluator CreateEvaluator(IReadOnlyList<Molecule> molecules, EvaluationOptions options) => new Zero();

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private sealed class Zero : IMoleculeEvaluator
    {
        public void Evaluate(ReadOnlySpan<double> positions, ReadOnlySpan<double> box, Span<double> energies,
            Span<double> gradients, Span<double> strainGradients)
        {
            energies.Clear();
            gradients.Clear();
            strainGradients.Clear();
        }

        public void Dispose()
        {
        }
    }
}
