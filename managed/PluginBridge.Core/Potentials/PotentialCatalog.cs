using PluginBridge.Core.Potentials.Ensemble;
using PluginBridge.Core.Potentials.ViSNet;
using PluginBridge.Core.Potentials.Xtb;

namespace PluginBridge.Core.Potentials;

/// <summary>Finds potentials by name: the built-in ones and model files.</summary>
/// <remarks>
/// A model <c>name</c> is the file <c>name/name.safetensors</c> (a network) or, if there is none, <c>name/name.json</c> (an
/// ensemble of networks) in one of these folders, the first that has it: those of the environment variable
/// PLUGINBRIDGE_MODELS (separated by colons), then <c>models</c> and <c>share/pluginbridge/models</c> in the folder of the
/// library or executable and in those above it.
/// </remarks>
public static class PotentialCatalog
{
    /// <summary>Environment variable with folders of models.</summary>
    public const string PathVariable = "PLUGINBRIDGE_MODELS";

    private static readonly string[] _extensions = [".safetensors", EnsembleFile.Extension];
    private const int LevelsUp = 8;

    /// <summary>
    /// Folder of the library or executable, where shipped models are looked for. A NativeAOT shared library sets it,
    /// since <see cref="AppContext.BaseDirectory"/> is then the host program's folder.
    /// </summary>
    public static string? LibraryDirectory { get; set; }

    /// <summary>Loads a potential.</summary>
    /// <param name="nameOrPath">A built-in name (<c>gfn2-xtb</c>, <c>ff14sb</c>), a model's name or a model file.</param>
    /// <param name="expectedHash">SHA-256 that the model file must have; null or empty: any.</param>
    /// <exception cref="PluginBridgeException">There is no such model, the file is no model or has another hash, libxtb
    /// is absent.</exception>
    public static IPotential Load(string nameOrPath, string? expectedHash = null)
    {
        if (string.IsNullOrWhiteSpace(nameOrPath))
            throw new PluginBridgeException(ErrorCode.InvalidArgument, $"No model was named. {Available()}");
        IPotential potential = nameOrPath switch
        {
            Gfn2XtbPotential.BuiltInName => new Gfn2XtbPotential(),
            ForceFieldOnlyPotential.BuiltInName => new ForceFieldOnlyPotential(),
            _ => LoadFile(FindFile(nameOrPath)),
        };
        if (string.IsNullOrEmpty(expectedHash) || potential.Info.Hash.Equals(expectedHash, StringComparison.OrdinalIgnoreCase))
            return potential;
        string hash = potential.Info.Hash;
        potential.Dispose();
        throw new PluginBridgeException(ErrorCode.File, hash.Length == 0
            ? $"{nameOrPath} is built in and has no file; the hash {expectedHash} was expected. Leave the hash out."
            : $"{FindFile(nameOrPath)} has the hash {hash}, but {expectedHash} was expected: it is another version of the model. " +
              "Install that version, or leave the hash out to use this one.");
    }

    /// <summary>Loads a model file that lies in memory.</summary>
    /// <param name="data">The bytes of a model file; the potential keeps what it needs of them.</param>
    /// <exception cref="PluginBridgeException">The bytes are no model, or an ensemble.</exception>
    public static IPotential LoadMemory(ReadOnlyMemory<byte> data) => EnsembleFile.IsJson(data.Span)
        ? throw new PluginBridgeException(ErrorCode.Unsupported,
            "The model in memory is an ensemble, a JSON file that names other files: load it by its path.")
        : ViSNetPotential.Load(data.Span, "model in memory");

    /// <summary>Names that <see cref="Load"/> finds, built-in ones first; <c>gfn2-xtb</c> where libxtb is installed.</summary>
    public static IReadOnlyList<string> List()
    {
        var models = new SortedSet<string>(StringComparer.Ordinal);
        foreach (string folder in Folders())
            foreach (string directory in Directory.EnumerateDirectories(folder))
                if (FileIn(folder, Path.GetFileName(directory)) is not null)
                    models.Add(Path.GetFileName(directory));
        string[] builtIn = Gfn2XtbPotential.IsAvailable
            ? [ForceFieldOnlyPotential.BuiltInName, Gfn2XtbPotential.BuiltInName]
            : [ForceFieldOnlyPotential.BuiltInName];
        return [.. builtIn, .. models];
    }

    private static string FindFile(string nameOrPath)
    {
        if (File.Exists(nameOrPath))
            return nameOrPath;
        bool isPath = nameOrPath.Contains('/') || nameOrPath.Contains(Path.DirectorySeparatorChar)
            || _extensions.Any(extension => nameOrPath.EndsWith(extension, StringComparison.OrdinalIgnoreCase));
        if (isPath)
        {
            // A model's folder stands for the file of the same name in it.
            string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(nameOrPath));
            return FileIn(Path.GetDirectoryName(full) ?? full, Path.GetFileName(full))
                ?? throw new PluginBridgeException(ErrorCode.File, $"There is no model file {nameOrPath}. {Available()}");
        }

        foreach (string folder in Folders())
            if (FileIn(folder, nameOrPath) is { } file)
                return file;
        throw new PluginBridgeException(ErrorCode.File,
            $"There is no model '{nameOrPath}'. {Available()} Looked in {string.Join(", ", Folders().DefaultIfEmpty("no folder"))}; " +
            $"{PathVariable} adds folders, and a path to a model file works too.");
    }

    /// <summary>The file of a model's folder; null if there is none.</summary>
    private static string? FileIn(string folder, string name) =>
        _extensions.Select(extension => Path.Combine(folder, name, name + extension)).FirstOrDefault(File.Exists);

    private static IPotential LoadFile(string path) =>
        EnsembleFile.IsEnsemble(path) ? EnsemblePotential.Load(path) : ViSNetPotential.Load(path);

    private static string Available() => $"Available: {string.Join(", ", List())}.";

    private static IEnumerable<string> Folders()
    {
        IEnumerable<string> given = (Environment.GetEnvironmentVariable(PathVariable) ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        IEnumerable<string> near = new[] { LibraryDirectory, AppContext.BaseDirectory }.Where(d => !string.IsNullOrEmpty(d))
            .SelectMany(d => Above(d!)).SelectMany(d => new[] { Path.Combine(d, "models"), Path.Combine(d, "share", "pluginbridge", "models") });
        return given.Concat(near).Where(Directory.Exists).Distinct();
    }

    private static IEnumerable<string> Above(string directory)
    {
        DirectoryInfo? current = new(directory);
        for (int level = 0; level <= LevelsUp && current is not null; level++, current = current.Parent)
            yield return current.FullName;
    }
}
