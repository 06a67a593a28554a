namespace PluginBridge.Core;

/// <summary>Conversion factors to the core's units (nm, kJ/mol, elementary charge). CODATA 2018.</summary>
public static class Units
{
    /// <summary>kJ/mol in one kcal/mol (thermochemical calorie).</summary>
    public const double KilojoulePerKilocalorie = 4.184;

    /// <summary>kJ/mol in one hartree.</summary>
    public const double KilojoulePerHartree = 2625.4996394798254;

    /// <summary>kJ/mol in one electronvolt.</summary>
    public const double KilojoulePerElectronvolt = 96.48533212331001;

    /// <summary>nm in one bohr.</summary>
    public const double NanometrePerBohr = 0.0529177210903;

    /// <summary>nm in one ångström.</summary>
    public const double NanometrePerAngstrom = 0.1;

    /// <summary>1/(4πε₀) in kJ/mol·nm/e², the value OpenMM uses.</summary>
    public const double CoulombConstant = 138.93545764438198;
}
