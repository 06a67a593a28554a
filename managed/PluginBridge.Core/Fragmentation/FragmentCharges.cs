using PluginBridge.Core.Chemistry;

namespace PluginBridge.Core.Fragmentation;

/// <summary>
/// Charge of a fragment: the sum of its atoms' formal charges. Caps are neutral, and no scheme cuts through a charged
/// group (the pieces of neighbours hold backbone and CB only, charged termini are never such pieces).
/// </summary>
internal static class FragmentCharges
{
    /// <summary>Σ formal charges, e.</summary>
    public static int Sum(TemplateAssignment assignment, IEnumerable<int> atoms) => atoms.Sum(assignment.FormalCharge);
}
