namespace PluginBridge.Core.Fragmentation;

/// <summary>How a region is divided into fragments.</summary>
public enum FragmentScheme
{
    /// <summary>One fragment: the region as it is.</summary>
    Whole = 0,

    /// <summary>AI²BMD's dipeptides D_i minus the ACE-NME pieces K_i that neighbours share.</summary>
    Dipeptide = 1,

    /// <summary>Windows of two residues minus single ones.</summary>
    Window2 = 2,

    /// <summary>Windows of three residues minus windows of two.</summary>
    Window3 = 3,

    /// <summary><see cref="Window2"/>, and pairs of units in contact, see <see cref="PairCell"/>.</summary>
    Window2Pairs = 4,

    /// <summary><see cref="Window3"/>, and pairs of units in contact, see <see cref="PairCell"/>.</summary>
    Window3Pairs = 5,
}

/// <summary>
/// A hydrogen that closes a cut bond a→b: r_H = r_a + d·(r_b − r_a)/|r_b − r_a|.
/// </summary>
/// <param name="Anchor">Atom a, in the fragment.</param>
/// <param name="Replaced">Atom b, outside the fragment.</param>
/// <param name="BondLength">d in nm.</param>
/// <param name="IsBorder">True where the cut is the region's own border, so that no other fragment cancels this cap.</param>
public readonly record struct CapHydrogen(int Anchor, int Replaced, double BondLength, bool IsBorder);

/// <summary>A piece of the region with its coefficient in the signed sum Σ_f c_f Δ(f). Immutable.</summary>
public sealed record Fragment
{
    /// <summary>c_f.</summary>
    public required double Coefficient { get; init; }

    /// <summary>Real atoms, ascending indices into the topology.</summary>
    public required IReadOnlyList<int> Atoms { get; init; }

    /// <summary>Cap hydrogens; they follow the real atoms in the fragment's positions.</summary>
    public required IReadOnlyList<CapHydrogen> Caps { get; init; }

    /// <summary>Total formal charge, e.</summary>
    public required int Charge { get; init; }

    /// <summary>Number of unpaired electrons.</summary>
    public int UnpairedElectrons { get; init; }

    /// <summary>Indices of the residues that it has atoms of, ascending; empty without residues.</summary>
    public required IReadOnlyList<int> Residues { get; init; }

    /// <summary>Short name for lists and messages, e.g. <c>D 2</c>, <c>K 2-3</c>, <c>W3 4-6</c>, <c>whole</c>.</summary>
    public required string Label { get; init; }
}
