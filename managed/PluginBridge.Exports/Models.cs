using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using PluginBridge.Core.Potentials;
using PluginBridge.Core.Potentials.Ensemble;

namespace PluginBridge.Exports;

/// <summary>Potentials: the section <c>models</c> of <c>pluginbridge.h</c>.</summary>
public static unsafe class Models
{
    [UnmanagedCallersOnly(EntryPoint = "pb_model_load", CallConvs = [typeof(CallConvCdecl)])]
    public static int Load(byte* nameOrPath, byte* expectedHash, nint* model) => Guard.Invoke(() =>
    {
        Output.Clear(model, nameof(model));
        string name = Utf8.Require(nameOrPath, "name_or_path");
        *model = Publish(PotentialCatalog.Load(name, Utf8.Read(expectedHash)));
    });

    [UnmanagedCallersOnly(EntryPoint = "pb_model_load_memory", CallConvs = [typeof(CallConvCdecl)])]
    public static int LoadMemory(void* data, nuint size, nint* model) => Guard.Invoke(() =>
    {
        Output.Clear(model, nameof(model));
        if (data == null)
            throw Guard.Invalid("data is NULL.");
        if (size == 0 || size > int.MaxValue)
            throw Guard.Invalid($"size {size} is not that of a model file.");
        *model = Publish(PotentialCatalog.LoadMemory(new ReadOnlySpan<byte>(data, (int)size).ToArray()));
    });

    [UnmanagedCallersOnly(EntryPoint = "pb_model_free", CallConvs = [typeof(CallConvCdecl)])]
    public static void Free(nint model) => Guard.Free(model, HandleKind.Model);

    [UnmanagedCallersOnly(EntryPoint = "pb_model_get_info", CallConvs = [typeof(CallConvCdecl)])]
    public static int GetInfo(nint model, PbModelInfo* info) => Guard.Invoke(() =>
        Output.Write(info, HandleTable.Get<ModelHandle>(model).Describe(), "pb_model_info"));

    [UnmanagedCallersOnly(EntryPoint = "pb_model_get_ensemble", CallConvs = [typeof(CallConvCdecl)])]
    public static int GetEnsemble(nint model, PbEnsembleInfo* info) => Guard.Invoke(() =>
    {
        var ensemble = HandleTable.Get<ModelHandle>(model).Potential.Value as EnsemblePotential;
        Output.Write(info, new PbEnsembleInfo
        {
            MemberCount = ensemble?.MemberCount ?? 1,
            IsCalibrated = ensemble?.Calibration is null ? 0 : 1,
            ErrorFloor = ensemble?.Calibration?.Floor ?? 0,
            ErrorScale = ensemble?.Calibration?.Scale ?? 0,
        }, "pb_ensemble_info");
    });

    [UnmanagedCallersOnly(EntryPoint = "pb_model_supports_element", CallConvs = [typeof(CallConvCdecl)])]
    public static int SupportsElement(nint model, int atomicNumber) => Guard.Query(0, () =>
        HandleTable.Get<ModelHandle>(model).Potential.Value.SupportsElement(atomicNumber) ? 1 : 0);

    [UnmanagedCallersOnly(EntryPoint = "pb_model_list", CallConvs = [typeof(CallConvCdecl)])]
    public static int List(byte* buffer, nuint capacity, nuint* required) => Guard.Invoke(() =>
        Utf8.Copy(string.Join('\n', PotentialCatalog.List()), buffer, capacity, required));

    private static nint Publish(IPotential potential)
    {
        PotentialInfo info = potential.Info;
        Logger.Write(LogLevel.Info, $"Loaded {info.Name} ({info.ReferenceMethod}).");
        return HandleTable.Add(new ModelHandle(potential));
    }
}
