namespace PluginBridge.Core.Chemistry;

/// <summary>Element symbols and atomic numbers, hydrogen to xenon.</summary>
public static class Elements
{
    private static readonly string[] _symbols =
    [
        "X", "H", "He", "Li", "Be", "B", "C", "N", "O", "F", "Ne", "Na", "Mg", "Al", "Si", "P", "S", "Cl", "Ar",
        "K", "Ca", "Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "As", "Se", "Br", "Kr",
        "Rb", "Sr", "Y", "Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Ag", "Cd", "In", "Sn", "Sb", "Te", "I", "Xe",
    ];

    /// <summary>Symbol of an atomic number; <c>Z=77</c> beyond the table.</summary>
    public static string Symbol(int atomicNumber) =>
        atomicNumber > 0 && atomicNumber < _symbols.Length ? _symbols[atomicNumber] : $"Z={atomicNumber}";

    /// <summary>Atomic number of a symbol in any case, 0 where unknown.</summary>
    public static int AtomicNumber(ReadOnlySpan<char> symbol)
    {
        symbol = symbol.Trim();
        for (int z = 1; z < _symbols.Length; z++)
            if (symbol.Equals(_symbols[z], StringComparison.OrdinalIgnoreCase))
                return z;
        return 0;
    }
}
