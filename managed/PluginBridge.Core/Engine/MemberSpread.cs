namespace PluginBridge.Core.Engine;

/// <summary>Mean of the members' energies and gradients and how far they lie apart, taken up member by member (Welford,
/// Technometrics 4, 419 (1962): no cancellation where all agree).</summary>
/// <param name="atoms">Atoms of the topology.</param>
internal sealed class MemberSpread(int atoms)
{
    private readonly double[] _gradient = new double[3 * atoms];
    private readonly double[] _squares = new double[atoms];
    private readonly double[] _strain = new double[9];
    private double _energySquares;
    private int _members;

    /// <summary>Mean energy, kJ/mol.</summary>
    public double Energy { get; private set; }

    /// <summary>Mean dE/dr, kJ/mol/nm.</summary>
    public ReadOnlySpan<double> Gradient => _gradient;

    /// <summary>Mean dE/dε, kJ/mol.</summary>
    public ReadOnlySpan<double> Strain => _strain;

    /// <summary>√(Σ_m (E_m − Ē)² / (n − 1)), kJ/mol.</summary>
    public double EnergySpread => Math.Sqrt(_energySquares / (_members - 1));

    /// <summary>Forgets all members.</summary>
    public void Clear()
    {
        _members = 0;
        Energy = _energySquares = 0;
        Array.Clear(_gradient);
        Array.Clear(_squares);
        Array.Clear(_strain);
    }

    /// <summary>Takes up a member.</summary>
    public void Add(double energy, GradientAccumulator member)
    {
        _members++;
        double difference = energy - Energy;
        Energy += difference / _members;
        _energySquares += difference * (energy - Energy);
        for (int i = 0; i < _gradient.Length; i++)
        {
            double value = member.Gradient[i], change = value - _gradient[i];
            _gradient[i] += change / _members;
            _squares[i / 3] += change * (value - _gradient[i]);
        }
        for (int i = 0; i < _strain.Length; i++)
            _strain[i] += (member.Strain[i] - _strain[i]) / _members;
    }

    /// <summary>√(Σ_m |F_m − F̄|² / (n − 1)) of an atom, kJ/mol/nm.</summary>
    public double ForceSpread(int atom) => Math.Sqrt(_squares[atom] / (_members - 1));
}
