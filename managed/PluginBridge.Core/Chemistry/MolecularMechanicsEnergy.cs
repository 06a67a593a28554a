namespace PluginBridge.Core.Chemistry;

/// <summary>A force-field energy by kind of term, kJ/mol.</summary>
/// <param name="Bonds">Harmonic bonds.</param>
/// <param name="Angles">Harmonic angles.</param>
/// <param name="Torsions">Periodic torsions, impropers included.</param>
/// <param name="RyckaertBellemans">Ryckaert-Bellemans torsions.</param>
/// <param name="Cmap">CMAP terms.</param>
/// <param name="Coulomb">Coulomb energy, exceptions included.</param>
/// <param name="LennardJones">Lennard-Jones energy, exceptions included.</param>
public readonly record struct MolecularMechanicsEnergy(double Bonds, double Angles, double Torsions, double RyckaertBellemans,
    double Cmap, double Coulomb, double LennardJones)
{
    /// <summary>Sum of all.</summary>
    public double Total => Bonds + Angles + Torsions + RyckaertBellemans + Cmap + Coulomb + LennardJones;
}
