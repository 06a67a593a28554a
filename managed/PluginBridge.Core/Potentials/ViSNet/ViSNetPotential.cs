using System.Numerics;
using System.Runtime.Intrinsics;
using PluginBridge.Core.IO;

namespace PluginBridge.Core.Potentials.ViSNet;

/// <summary>A ViSNet (l_max = 1) read from a model file. Immutable, shared by threads.</summary>
/// <remarks>Wang et al., Nature Communications 15, 313 (2024), with one repair: the vector messages s1, s2 carry the cutoff
/// envelope too, so that energy and force are continuous where a pair crosses the cutoff. Energy only, forces by a
/// hand-written reverse pass.</remarks>
public sealed class ViSNetPotential : IPotential
{
    private readonly ViSNetWeights _weights;
    private readonly Lock _lock = new();
    private readonly Dictionary<Type, object> _networks = [];
    private bool _disposed;

    private ViSNetPotential(SafetensorsFile file)
    {
        _weights = ViSNetWeights.Read(file);
        var header = _weights.Header;
        Info = new PotentialInfo
        {
            Name = header.Name,
            Target = header.Target,
            BaseForceField = header.BaseForceField,
            ReferenceMethod = header.ReferenceMethod,
            Hash = file.Hash,
            Cutoff = header.CutoffAngstrom * Units.NanometrePerAngstrom,
        };
    }

    /// <summary>Reads a model file.</summary>
    /// <param name="path">Path of a <c>.safetensors</c> file.</param>
    /// <exception cref="PluginBridgeException">File: missing, truncated, not a model, tensors missing, misshapen or not finite.
    /// Unsupported: an architecture, format or target that this version does not know.</exception>
    public static ViSNetPotential Load(string path) => new(SafetensorsFile.Load(path));

    /// <summary>Reads a model file's image in memory.</summary>
    /// <param name="bytes">The whole file.</param>
    /// <param name="name">Name for messages.</param>
    /// <exception cref="PluginBridgeException">As for a file.</exception>
    public static ViSNetPotential Load(ReadOnlySpan<byte> bytes, string name) => new(SafetensorsFile.Parse(bytes, name));

    /// <inheritdoc/>
    public PotentialInfo Info { get; }

    /// <inheritdoc/>
    public bool SupportsBox => true;

    /// <summary>Atomic numbers that the model knows.</summary>
    public IReadOnlyList<int> Elements => _weights.Header.Elements;

    /// <summary>Header and tensors.</summary>
    internal ViSNetWeights Weights => _weights;

    /// <inheritdoc/>
    public bool SupportsElement(int atomicNumber) => Array.IndexOf(_weights.Header.Elements, atomicNumber) >= 0;

    /// <inheritdoc/>
    public IMoleculeEvaluator CreateEvaluator(IReadOnlyList<Molecule> molecules, EvaluationOptions options)
    {
        ArgumentNullException.ThrowIfNull(molecules);
        ArgumentNullException.ThrowIfNull(options);
        ObjectDisposedException.ThrowIf(_disposed, this);
        for (int m = 0; m < molecules.Count; m++)
            Check(molecules[m], m);
        return options.DoublePrecision
            ? CreateDouble(molecules, options.Threads)
            : new OverflowEvaluator(CreateSingle(molecules, options.Threads), () => CreateDouble(molecules, options.Threads));
    }

    /// <summary>Evaluators created before stay usable.</summary>
    public void Dispose() => _disposed = true;

    /// <summary>An evaluator with a given register type, and memory budget (bytes), for tests of what this
    /// machine would not choose.</summary>
    internal ViSNetEvaluator<T, V> Create<T, V>(IReadOnlyList<Molecule> molecules, int threads,
        long memoryBudget = ViSNetGraph<T, V>.DefaultMemoryBudget)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where V : unmanaged, ISimd<V, T>
    {
        lock (_lock)
        {
            if (!_networks.TryGetValue(typeof(V), out object? network))
                _networks[typeof(V)] = network = new ViSNetNetwork<T, V>(_weights);
            return new ViSNetEvaluator<T, V>((ViSNetNetwork<T, V>)network, molecules, threads, memoryBudget);
        }
    }

    private IMoleculeEvaluator CreateSingle(IReadOnlyList<Molecule> molecules, int threads)
    {
        if (Vector512.IsHardwareAccelerated)
            return Create<float, Simd512<float>>(molecules, threads);
        if (Vector256.IsHardwareAccelerated)
            return Create<float, Simd256<float>>(molecules, threads);
        return Create<float, Simd128<float>>(molecules, threads);
    }

    private IMoleculeEvaluator CreateDouble(IReadOnlyList<Molecule> molecules, int threads)
    {
        if (Vector512.IsHardwareAccelerated)
            return Create<double, Simd512<double>>(molecules, threads);
        if (Vector256.IsHardwareAccelerated)
            return Create<double, Simd256<double>>(molecules, threads);
        return Create<double, Simd128<double>>(molecules, threads);
    }

    private void Check(Molecule molecule, int index)
    {
        if (molecule.AtomicNumbers.Count == 0)
            throw new PluginBridgeException(ErrorCode.InvalidArgument, $"Molecule {index} has no atoms.");
        for (int a = 0; a < molecule.AtomicNumbers.Count; a++)
            if (!SupportsElement(molecule.AtomicNumbers[a]))
                throw new PluginBridgeException(ErrorCode.Unsupported,
                    $"Atom {a} of molecule {index} is {Chemistry.Elements.Symbol(molecule.AtomicNumbers[a])}; model '{Info.Name}' "
                    + $"knows {string.Join(", ", Elements.Select(Chemistry.Elements.Symbol))}.");
        if (molecule.UnpairedElectrons != 0)
            throw new PluginBridgeException(ErrorCode.Unsupported,
                $"Molecule {index} has {molecule.UnpairedElectrons} unpaired electrons; model '{Info.Name}' is for closed shells.");
    }
}
