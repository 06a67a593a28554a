namespace PluginBridge.Core.Fragmentation;

/// <summary>Which cysteines (CYX) are bridged to which, within a chain or between chains.</summary>
internal sealed class DisulfideGraph
{
    private readonly Dictionary<int, int> _partners = [];

    /// <summary>Adds the bridge between two residues; adding it again changes nothing.</summary>
    public void Add(int residue, int partner)
    {
        _partners[residue] = partner;
        _partners[partner] = residue;
    }

    /// <summary>The residue at the other end of a residue's bridge, −1 without one.</summary>
    public int Partner(int residue) => _partners.GetValueOrDefault(residue, -1);
}
