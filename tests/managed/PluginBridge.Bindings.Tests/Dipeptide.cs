using PluginBridge.Core.Tests;

namespace PluginBridge.Bindings.Tests;

/// <summary>ACE-GLY-NME as both sides want it.</summary>
internal static class Dipeptide
{
    private static readonly string[] _names = ["CH3", "C", "O", "N", "H", "CA", "C", "O", "N", "H", "C", "H1", "H2", "H3",
        "HA2", "HA3", "H1", "H2", "H3"];

    private static readonly int[] _residues = [0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 0, 0, 0, 1, 1, 2, 2, 2];

    private static readonly (int, int)[] _bonds = [(0, 1), (1, 2), (1, 3), (3, 4), (3, 5), (5, 6), (6, 7), (6, 8), (8, 9),
        (8, 10), (0, 11), (0, 12), (0, 13), (5, 14), (5, 15), (10, 16), (10, 17), (10, 18)];

    private static readonly string[] _residueNames = ["ACE", "GLY", "NME"];

    /// <summary>x, y, z of every atom, nm.</summary>
    public static double[] Positions => XtbTestMolecules.DistortedGlycine().Positions;

    /// <summary>For the binding.</summary>
    public static SystemSpecification Specification => new()
    {
        AtomicNumbers = XtbTestMolecules.DistortedGlycine().Molecule.AtomicNumbers,
        Bonds = _bonds,
        Residues = [.. _residueNames.Select((name, i) => new Residue(name, $"{i + 1}", "A"))],
        AtomResidues = _residues,
        AtomNames = _names,
    };

    /// <summary>For the core.</summary>
    public static Core.Chemistry.Topology Topology
    {
        get
        {
            IReadOnlyList<int> numbers = XtbTestMolecules.DistortedGlycine().Molecule.AtomicNumbers;
            return new(
                [.. _names.Select((name, i) => new Core.Chemistry.Atom(i, name, numbers[i], _residues[i]))],
                [.. _residueNames.Select((name, r) => new Core.Chemistry.Residue(r, name, $"{r + 1}", "A",
                    [.. Enumerable.Range(0, _names.Length).Where(i => _residues[i] == r)]))],
                _bonds.Select(b => new Core.Chemistry.Bond(b.Item1, b.Item2)));
        }
    }
}
