namespace PluginBridge.Core.Potentials.ViSNet.Training;

/// <summary>Frames (geometries of molecules, any in any order) whose atoms lie one after the other.</summary>
public readonly ref struct FrameBatch
{
    /// <summary>Atoms of each frame.</summary>
    public required ReadOnlySpan<int> AtomCounts { get; init; }

    /// <summary>Total formal charge of each frame, e; empty: all neutral. It only shifts the energy.</summary>
    public ReadOnlySpan<int> Charges { get; init; }

    /// <summary>Atomic number of every atom.</summary>
    public required ReadOnlySpan<int> AtomicNumbers { get; init; }

    /// <summary>x, y, z of every atom, nm.</summary>
    public required ReadOnlySpan<double> Positions { get; init; }

    /// <summary>Number of frames.</summary>
    public int Frames => AtomCounts.Length;

    /// <summary>Checks that the arrays fit each other.</summary>
    /// <exception cref="PluginBridgeException">InvalidArgument, naming the array.</exception>
    internal void Check()
    {
        long atoms = 0;
        for (int f = 0; f < Frames; f++)
        {
            if (AtomCounts[f] < 1)
                throw new PluginBridgeException(ErrorCode.InvalidArgument, $"Frame {f} has {AtomCounts[f]} atoms.");
            atoms += AtomCounts[f];
        }
        CheckLength(AtomicNumbers.Length, atoms, "atomic numbers");
        CheckLength(Positions.Length, 3 * atoms, "positions");
        if (!Charges.IsEmpty)
            CheckLength(Charges.Length, Frames, "charges");
    }

    internal static void CheckLength(int actual, long expected, string name)
    {
        if (actual != expected)
            throw new PluginBridgeException(ErrorCode.InvalidArgument,
                $"The array of {name} has {actual} numbers; {expected} are needed.");
    }
}
