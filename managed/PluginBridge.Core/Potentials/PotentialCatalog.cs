namespace PluginBridge.Core.Potentials;

/// <summary>Finds potentials by name: the built-in ones and model files.</summary>
public static class PotentialCatalog
{
    /// <summary>
    /// Folder of the library or executable, where shipped models are looked for. A NativeAOT shared library sets it,
    /// since <see cref="AppContext.BaseDirectory"/> is then the host program's folder.
    /// </summary>
    public static string? LibraryDirectory { get; set; }

    /// <summary>Loads a potential.</summary>
    /// <param name="nameOrPath">A built-in name, a model's name or a model file.</param>
    /// <param name="expectedHash">SHA-256 that the model file must have; null or empty: any.</param>
    public static IPotential Load(string nameOrPath, string? expectedHash = null) => throw new NotImplementedException();

    /// <summary>Loads a model file that lies in memory.</summary>
    /// <param name="data">The bytes of a model file; the potential keeps what it needs of them.</param>
    public static IPotential LoadMemory(ReadOnlyMemory<byte> data) => throw new NotImplementedException();

    /// <summary>Names that <see cref="Load"/> finds, built-in ones first.</summary>
    public static IReadOnlyList<string> List() => throw new NotImplementedException();
}
