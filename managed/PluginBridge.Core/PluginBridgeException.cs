namespace PluginBridge.Core;

/// <summary>What went wrong, as a caller in any language can act on it; mirrors <c>pb_status</c> of the C ABI.</summary>
public enum ErrorCode
{
    /// <summary>An argument is wrong in itself (array length, option, NaN positions).</summary>
    InvalidArgument = 1,

    /// <summary>A file is missing, truncated or of another format.</summary>
    File = 2,

    /// <summary>A residue, atom or bond of the topology does not fit any known template, or a chain is broken.</summary>
    Topology = 3,

    /// <summary>The chemistry is understood but outside what the model or method covers (element, charge, target).</summary>
    Unsupported = 4,

    /// <summary>The host's terms are not those of the force field that the model corrects.</summary>
    ForceField = 5,

    /// <summary>A calculation failed for this geometry (SCF not converged, overlapping atoms).</summary>
    Calculation = 6,

    /// <summary>A library needed at run time (libxtb) is absent.</summary>
    MissingLibrary = 7,

    /// <summary>A fault of ours.</summary>
    Internal = 99,
}

/// <summary>The one exception of the core: its message names the culprit (file, residue, atom, option) and what to do.</summary>
public sealed class PluginBridgeException : Exception
{
    /// <summary>Creates an error of a kind with a message for the user.</summary>
    public PluginBridgeException(ErrorCode code, string message, Exception? inner = null)
        : base(message, inner) => Code = code;

    /// <summary>The kind of error.</summary>
    public ErrorCode Code { get; }

    /// <summary>Index of the molecule of a batch that a calculation failed for; null where no single one is to blame.</summary>
    public int? Molecule { get; init; }

    /// <summary>The two atoms of <see cref="Molecule"/> that lie on top of each other, if that is what failed.</summary>
    public (int First, int Second)? OverlappingAtoms { get; init; }
}
