namespace PluginBridge.Core.Engine;

/// <summary>What an evaluation computes; mirrors <c>pb_quantity</c> of the C ABI.</summary>
public enum EnergyQuantity
{
    /// <summary>Σ_f c_f Δ(f): what is added to a host that already computes the force field.</summary>
    Correction = 0,

    /// <summary>The correction plus E_base of the region in vacuo: the region's total energy.</summary>
    Total = 1,
}
