using PluginBridge.Interop;

namespace PluginBridge;

/// <summary>What a model is.</summary>
/// <param name="Name">Name that loads it, e.g. <c>visnet-gfn2</c>.</param>
/// <param name="Hash">SHA-256 of the model file in lower-case hex; empty for built-in potentials.</param>
/// <param name="Target"><c>E_QM - E_MM</c>, <c>E_QM - E_nb</c> or <c>E_QM</c>.</param>
/// <param name="BaseForceField">Force field that it corrects; null for absolute potentials.</param>
/// <param name="ReferenceMethod">Level of theory, e.g. <c>GFN2-xTB</c>.</param>
/// <param name="Cutoff">Range of one interaction, nm; infinite for quantum chemistry.</param>
public sealed record ModelInfo(string Name, string Hash, string Target, string? BaseForceField, string ReferenceMethod,
    double Cutoff);

/// <summary>What an ensemble of networks knows of its own error.</summary>
/// <param name="MemberCount">Networks whose mean the model is; 1 if it is no ensemble.</param>
/// <param name="IsCalibrated">Whether spreads are calibrated: the expected error of an atom's force is
/// √(<paramref name="ErrorFloor"/>² + (<paramref name="ErrorScale"/> · spread)²).</param>
/// <param name="ErrorFloor">kJ/mol/nm.</param>
/// <param name="ErrorScale">Error per spread.</param>
public sealed record EnsembleInfo(long MemberCount, bool IsCalibrated, double ErrorFloor, double ErrorScale);

/// <summary>A potential of molecules. Immutable: any number of threads and systems may share it.</summary>
public sealed unsafe class Model : IDisposable
{
    private Model(pb_model* model)
    {
        Handle = new ModelHandle(model);
        Info = Describe();
        Ensemble = DescribeEnsemble();
    }

    /// <summary>What it is.</summary>
    public ModelInfo Info { get; }

    /// <summary>What it knows of its own error.</summary>
    public EnsembleInfo Ensemble { get; }

    internal ModelHandle Handle { get; }

    /// <summary>Loads a potential.</summary>
    /// <param name="nameOrPath">A shipped model's name, a model file (an ensemble's too), or a built-in potential: <c>gfn2-xtb</c>,
    /// <c>ff14sb</c>.</param>
    /// <param name="expectedHash">Refuse a model file whose hash is another.</param>
    /// <exception cref="ModelFileException">Missing, truncated, of another format or hash.</exception>
    /// <exception cref="MissingLibraryException">libxtb is absent.</exception>
    public static Model Load(string nameOrPath, string? expectedHash = null)
    {
        ArgumentNullException.ThrowIfNull(nameOrPath);
        using var arguments = new NativeArguments();
        pb_model* model;
        Ensure.Success(NativeMethods.pb_model_load(arguments.Text(nameOrPath), arguments.Text(expectedHash), &model));
        return new Model(model);
    }

    /// <summary>Loads a model file that lies in memory.</summary>
    public static Model LoadFromMemory(ReadOnlySpan<byte> data)
    {
        pb_model* model;
        fixed (byte* bytes = data)
            Ensure.Success(NativeMethods.pb_model_load_memory(bytes, (nuint)data.Length, &model));
        return new Model(model);
    }

    /// <summary>Names of the models that <see cref="Load"/> finds by name.</summary>
    public static IReadOnlyList<string> List()
    {
        nuint required;
        Ensure.Success(NativeMethods.pb_model_list(null, 0, &required));
        byte[] buffer = new byte[checked((int)required)];
        fixed (byte* start = buffer)
        {
            Ensure.Success(NativeMethods.pb_model_list(start, required, &required));
            return (Ensure.Text(start) ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        }
    }

    /// <summary>Whether it knows an element.</summary>
    public bool SupportsElement(int atomicNumber)
    {
        using var model = new Borrowed(Handle);
        return NativeMethods.pb_model_supports_element((pb_model*)model.Pointer, atomicNumber) != 0;
    }

    /// <summary>Frees it; systems made from it live on.</summary>
    public void Dispose() => Handle.Dispose();

    private ModelInfo Describe()
    {
        using var model = new Borrowed(Handle);
        var info = new pb_model_info { struct_size = (nuint)sizeof(pb_model_info) };
        Ensure.Success(NativeMethods.pb_model_get_info((pb_model*)model.Pointer, &info));
        return new ModelInfo(Ensure.Text(info.name) ?? "", Ensure.Text(info.hash) ?? "", Ensure.Text(info.target) ?? "",
            Ensure.Text(info.base_force_field), Ensure.Text(info.reference_method) ?? "", info.cutoff);
    }

    private EnsembleInfo DescribeEnsemble()
    {
        using var model = new Borrowed(Handle);
        var info = new pb_ensemble_info { struct_size = (nuint)sizeof(pb_ensemble_info) };
        Ensure.Success(NativeMethods.pb_model_get_ensemble((pb_model*)model.Pointer, &info));
        return new EnsembleInfo(info.member_count, info.is_calibrated != 0, info.error_floor, info.error_scale);
    }
}
