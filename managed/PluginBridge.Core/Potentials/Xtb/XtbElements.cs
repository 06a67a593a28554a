namespace PluginBridge.Core.Potentials.Xtb;

/// <summary>Valence electrons and basis functions of GFN2-xTB's elements, Z = 1 to 86 (J. Chem. Theory Comput. 15, 1652
/// (2019)). libxtb crashes for other elements and for more unpaired electrons than there are orbitals.</summary>
internal static class XtbElements
{
    /// <summary>Heaviest element.</summary>
    public const int Heaviest = 86;

    /// <summary>Valence electrons; the 4f shell of lanthanides is core.</summary>
    private static ReadOnlySpan<byte> ElectronCounts =>
    [
        0, 1, 2,
        1, 2, 3, 4, 5, 6, 7, 8,
        1, 2, 3, 4, 5, 6, 7, 8,
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 2, 3, 4, 5, 6, 7, 8,
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 2, 3, 4, 5, 6, 7, 8,
        1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11, 2, 3, 4, 5, 6, 7, 8,
    ];

    /// <summary>Whether GFN2-xTB has parameters.</summary>
    public static bool Contains(int atomicNumber) => atomicNumber is >= 1 and <= Heaviest;

    /// <summary>Valence electrons of the neutral atom.</summary>
    public static int Electrons(int atomicNumber) => ElectronCounts[atomicNumber];

    /// <summary>Basis functions: s for hydrogen, sp or spd for others.</summary>
    public static int Orbitals(int atomicNumber) => atomicNumber switch
    {
        1 => 1,
        <= 9 or 11 or 19 or 30 or 37 or 48 or 55 or (>= 80 and <= 84) => 4,
        _ => 9,
    };
}
