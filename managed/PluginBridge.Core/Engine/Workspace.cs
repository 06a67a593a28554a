namespace PluginBridge.Core.Engine;

/// <summary>The buffers of one caller of a <see cref="FragmentedSystem"/>: not thread-safe, no allocation per call.</summary>
public sealed class Workspace : IDisposable
{
    internal Workspace()
    {
    }

    /// <summary>Energy, forces and virial at given positions.</summary>
    /// <param name="positions">x, y, z of every atom of the topology, nm.</param>
    /// <param name="boxVectors">Box vectors a, b, c (nine numbers, nm, OpenMM's reduced form); empty: not periodic.
    /// Atoms may lie in any periodic image.</param>
    /// <param name="quantity">Correction or total energy.</param>
    /// <param name="forces">−dE/dr, kJ/mol/nm, as long as positions; overwritten, zero for atoms that take no part.
    /// Empty: not wanted.</param>
    /// <param name="virial">−dE/dε (strain), nine numbers, kJ/mol, symmetric; overwritten. Empty: not wanted.</param>
    /// <returns>The energy, kJ/mol.</returns>
    public double Evaluate(ReadOnlySpan<double> positions, ReadOnlySpan<double> boxVectors, EnergyQuantity quantity,
        Span<double> forces, Span<double> virial) => throw new NotImplementedException();

    /// <summary>Frees the evaluator's buffers.</summary>
    public void Dispose()
    {
    }
}
