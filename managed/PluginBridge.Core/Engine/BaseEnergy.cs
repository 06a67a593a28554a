using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Fragmentation;

namespace PluginBridge.Core.Engine;

/// <summary>Evaluates the force-field part of an energy. One object a caller; allocates nothing.</summary>
internal sealed class BaseEnergy
{
    private readonly List<Part> _parts;
    private readonly int[] _atoms;
    private readonly CapHydrogen[] _caps;
    private readonly double[] _positions;
    private readonly double[] _forces;
    private readonly double[] _partForces;

    /// <summary>A signed part: terms and pairs in local indices.</summary>
    public readonly record struct Part(double Sign, VacuumForceField Terms, PairInteractions Pairs);

    /// <summary>Prepares buffers.</summary>
    public BaseEnergy(BaseTerms terms, List<Part> parts)
    {
        _parts = parts;
        HasPairs = parts.Any(part => part.Terms.HasNonbonded || part.Pairs.Count > 0);
        _atoms = [.. terms.Atoms];
        _caps = [.. terms.Caps];
        int coordinates = 3 * (_atoms.Length + _caps.Length);
        _positions = new double[coordinates];
        _forces = new double[coordinates];
        _partForces = new double[coordinates];
    }

    private BaseEnergy() => (_parts, _atoms, _caps, _positions, _forces, _partForces) = ([], [], [], [], [], []);

    /// <summary>No force-field part.</summary>
    public static BaseEnergy None { get; } = new();

    /// <summary>Whether there is anything to evaluate.</summary>
    public bool IsNeeded => _parts.Count > 0;

    /// <summary>Whether atoms of several molecules interact, whose images then matter.</summary>
    public bool HasPairs { get; }

    /// <summary>Energy, kJ/mol; gradients are added.</summary>
    /// <param name="whole">Positions of the topology's atoms, molecules whole (and joined, if it has pairs), nm.</param>
    /// <param name="accumulator">Receives gradients and strain gradient.</param>
    public double AddGradients(ReadOnlySpan<double> whole, GradientAccumulator accumulator)
    {
        if (!IsNeeded)
            return 0;
        for (int i = 0; i < _atoms.Length; i++)
            whole.Slice(3 * _atoms[i], 3).CopyTo(_positions.AsSpan(3 * i));
        for (int k = 0; k < _caps.Length; k++)
            CapGeometry.Place(whole.Slice(3 * _caps[k].Anchor, 3), whole.Slice(3 * _caps[k].Replaced, 3), _caps[k].BondLength,
                _positions.AsSpan(3 * (_atoms.Length + k), 3));

        double energy = 0;
        Array.Clear(_forces);
        foreach (Part part in _parts)
        {
            Array.Clear(_partForces);
            energy += part.Sign * (part.Terms.Evaluate(_positions, _partForces) + part.Pairs.AddForces(_positions, _partForces));
            for (int i = 0; i < _forces.Length; i++)
                _forces[i] += part.Sign * _partForces[i];
        }

        for (int i = 0; i < _atoms.Length; i++)
            accumulator.AddAtom(_atoms[i], -1, _forces.AsSpan(3 * i, 3), whole, whole.Slice(3 * _atoms[0], 3));
        for (int k = 0; k < _caps.Length; k++)
            accumulator.AddCap(_caps[k], -1, _forces.AsSpan(3 * (_atoms.Length + k), 3), whole, whole.Slice(3 * _atoms[0], 3));
        return energy;
    }
}
