namespace PluginBridge;

/// <summary>What went wrong; the values of <c>pb_status</c>.</summary>
public enum ErrorCode
{
    /// <summary>An argument is wrong in itself: length, option, NaN positions, overlapping atoms.</summary>
    InvalidArgument = 1,

    /// <summary>A file is missing, truncated or of another format.</summary>
    File = 2,

    /// <summary>A residue, atom or bond fits no known template, or a chain is broken.</summary>
    Topology = 3,

    /// <summary>Understood, but outside what the model or method covers.</summary>
    Unsupported = 4,

    /// <summary>The host's terms are not those of the force field that the model corrects.</summary>
    ForceFieldMismatch = 5,

    /// <summary>The calculation failed for this geometry.</summary>
    CalculationFailed = 6,

    /// <summary>libpluginbridge, or a library that it needs (libxtb), is absent.</summary>
    MissingLibrary = 7,

    /// <summary>A fault of the library.</summary>
    Internal = 99,
}

/// <summary>An error of PluginBridge: its message names the culprit and what to do.</summary>
public class PluginBridgeException : Exception
{
    /// <summary>An error of a kind.</summary>
    public PluginBridgeException(ErrorCode code, string message, Exception? inner = null)
        : base(message, inner) => Code = code;

    /// <summary>The kind of error.</summary>
    public ErrorCode Code { get; }
}

/// <summary>An argument is wrong in itself.</summary>
public sealed class InvalidArgumentException(string message) : PluginBridgeException(ErrorCode.InvalidArgument, message);

/// <summary>A model file is missing, truncated, of another format, or not the one that was asked for.</summary>
public sealed class ModelFileException(string message) : PluginBridgeException(ErrorCode.File, message);

/// <summary>A residue, atom or bond fits no known template, or a chain is broken.</summary>
public sealed class TopologyException(string message) : PluginBridgeException(ErrorCode.Topology, message);

/// <summary>Understood, but outside what the model or method covers.</summary>
public sealed class UnsupportedException(string message) : PluginBridgeException(ErrorCode.Unsupported, message);

/// <summary>The host's terms are not those of the force field that the model corrects.</summary>
public sealed class ForceFieldMismatchException(string message)
    : PluginBridgeException(ErrorCode.ForceFieldMismatch, message);

/// <summary>The calculation failed for this geometry.</summary>
public sealed class CalculationFailedException(string message)
    : PluginBridgeException(ErrorCode.CalculationFailed, message);

/// <summary>A library that is needed at run time is absent.</summary>
public sealed class MissingLibraryException(string message, Exception? inner = null)
    : PluginBridgeException(ErrorCode.MissingLibrary, message, inner);
