using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using PluginBridge.Core.Potentials;

namespace PluginBridge.Exports;

/// <summary>Library-wide functions: the section <c>library</c> of <c>pluginbridge.h</c>.</summary>
public static unsafe class Library
{
    private const int _abiVersion = 1;

    private static readonly Utf8String _version =
        new(typeof(Library).Assembly.GetName().Version?.ToString(3) ?? "0.0.0");

    private static readonly Utf8String _instructionSet = new(
        Vector512.IsHardwareAccelerated && Avx512BW.VL.IsSupported && Avx512DQ.VL.IsSupported ? "x86-64-v4"
        : Avx2.IsSupported && Fma.IsSupported && Bmi2.IsSupported ? "x86-64-v3"
        : "x86-64-v2");

    [UnmanagedCallersOnly(EntryPoint = "pb_version", CallConvs = [typeof(CallConvCdecl)])]
    public static byte* Version() => _version.Pointer;

    [UnmanagedCallersOnly(EntryPoint = "pb_abi_version", CallConvs = [typeof(CallConvCdecl)])]
    public static int AbiVersion() => _abiVersion;

    /// <summary>The level this file was compiled for: the tests above are constants in ahead-of-time code.</summary>
    [UnmanagedCallersOnly(EntryPoint = "pb_instruction_set", CallConvs = [typeof(CallConvCdecl)])]
    public static byte* InstructionSet() => _instructionSet.Pointer;

    [UnmanagedCallersOnly(EntryPoint = "pb_has_feature", CallConvs = [typeof(CallConvCdecl)])]
    public static int HasFeature(byte* feature) => Guard.Query(0, () => Utf8.Read(feature) switch
    {
        "box" or "virial" or "float64" or "visnet" or "host-terms" or "training" or "uncertainty" => 1,
        "gfn2-xtb" => PotentialCatalog.List().Contains("gfn2-xtb") ? 1 : 0,
        _ => 0,
    });

    [UnmanagedCallersOnly(EntryPoint = "pb_last_error", CallConvs = [typeof(CallConvCdecl)])]
    public static byte* LastError() => Guard.LastError;

    [UnmanagedCallersOnly(EntryPoint = "pb_set_logger", CallConvs = [typeof(CallConvCdecl)])]
    public static void SetLogger(delegate* unmanaged[Cdecl]<int, byte*, void*, void> callback, void* user) =>
        Logger.Set(callback, user);

    /// <summary>
    /// Tells the core where it lies; not in the public header. The loader calls it, because a NativeAOT library cannot
    /// find its own folder and shipped models are looked for beside it.
    /// </summary>
    [UnmanagedCallersOnly(EntryPoint = "pb_core_set_directory", CallConvs = [typeof(CallConvCdecl)])]
    public static int SetDirectory(byte* path) =>
        Guard.Invoke(() => PotentialCatalog.LibraryDirectory = Utf8.Require(path, "path"));
}
