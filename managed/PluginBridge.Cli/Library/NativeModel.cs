using PluginBridge.Interop;

namespace PluginBridge.Cli.Library;

/// <summary>What a model says of itself; <see cref="Cutoff"/> in nm.</summary>
internal sealed record ModelDescription(string Name, string Hash, string Target, string? BaseForceField,
    string ReferenceMethod, double Cutoff);

/// <summary>A <c>pb_model</c>.</summary>
internal sealed unsafe class NativeModel : IDisposable
{
    private NativeModel(pb_model* handle) => Handle = handle;

    internal pb_model* Handle { get; }

    internal static NativeModel Load(string nameOrPath)
    {
        using var memory = new NativeArena();
        pb_model* handle;
        CoreLibrary.Check(NativeMethods.pb_model_load(memory.Text(nameOrPath), null, &handle));
        return new NativeModel(handle);
    }

    internal ModelDescription Describe()
    {
        var info = new pb_model_info { struct_size = (nuint)sizeof(pb_model_info) };
        CoreLibrary.Check(NativeMethods.pb_model_get_info(Handle, &info));
        return new ModelDescription(CoreLibrary.Text(info.name), CoreLibrary.Text(info.hash), CoreLibrary.Text(info.target),
            info.base_force_field == null ? null : CoreLibrary.Text(info.base_force_field),
            CoreLibrary.Text(info.reference_method), info.cutoff);
    }

    public void Dispose() => NativeMethods.pb_model_free(Handle);
}
