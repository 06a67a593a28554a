using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using PluginBridge.Core.Engine;

namespace PluginBridge.Exports;

/// <summary>Topologies, regions and fragments: the section <c>systems</c> of <c>pluginbridge.h</c>.</summary>
public static unsafe class Systems
{
    [UnmanagedCallersOnly(EntryPoint = "pb_system_create", CallConvs = [typeof(CallConvCdecl)])]
    public static int Create(nint model, PbSystemSpec* spec, nint* system) => Guard.Invoke(() =>
    {
        Output.Clear(system, nameof(system));
        SharedPotential potential = HandleTable.Get<ModelHandle>(model).Potential;
        SystemSpecification specification = SpecificationReader.Read(Input.Read(spec, "pb_system_spec"));
        var handle = new SystemHandle(FragmentedSystem.Create(potential.Value, specification), potential);
        Logger.Write(LogLevel.Info, $"{handle.AtomCount} atoms, {handle.System.Fragments.Count} fragment(s), "
            + $"scheme {specification.Scheme}, {potential.Value.Info.Name}.");
        *system = HandleTable.Add(handle);
    });

    [UnmanagedCallersOnly(EntryPoint = "pb_system_free", CallConvs = [typeof(CallConvCdecl)])]
    public static void Free(nint system) => Guard.Free(system, HandleKind.System);

    [UnmanagedCallersOnly(EntryPoint = "pb_system_atom_count", CallConvs = [typeof(CallConvCdecl)])]
    public static long AtomCount(nint system) =>
        Guard.Query(-1L, () => HandleTable.Get<SystemHandle>(system).AtomCount);

    [UnmanagedCallersOnly(EntryPoint = "pb_system_fragment_count", CallConvs = [typeof(CallConvCdecl)])]
    public static long FragmentCount(nint system) =>
        Guard.Query(-1L, () => HandleTable.Get<SystemHandle>(system).System.AllFragments.Count);

    [UnmanagedCallersOnly(EntryPoint = "pb_system_get_fragment", CallConvs = [typeof(CallConvCdecl)])]
    public static int GetFragment(nint system, long index, PbFragmentInfo* info) => Guard.Invoke(() =>
        Output.Write(info, HandleTable.Get<SystemHandle>(system).Describe(index), "pb_fragment_info"));
}
