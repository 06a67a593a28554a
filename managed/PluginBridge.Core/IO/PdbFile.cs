using PluginBridge.Core.Chemistry;

namespace PluginBridge.Core.IO;

/// <summary>A protein structure as read from a PDB file. Immutable.</summary>
public sealed record PdbFile
{
    /// <summary>File name, for messages.</summary>
    public required string Name { get; init; }

    /// <summary>Atoms, residues and bonds; atoms in the file's order.</summary>
    public required Topology Topology { get; init; }

    /// <summary>x, y, z of every atom, nm.</summary>
    public required double[] Positions { get; init; }

    /// <summary>Box vectors a, b, c in nm, nine numbers in OpenMM's reduced triclinic form; empty without CRYST1.</summary>
    public double[] BoxVectors { get; init; } = [];

    /// <summary>What a reader had to decide: alternate locations, models, residues left out.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}
