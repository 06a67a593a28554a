using System.Runtime.InteropServices;
using PluginBridge.Core;
using PluginBridge.Interop;

namespace PluginBridge.Cli.Library;

/// <summary>Library-wide calls and the check of a status.</summary>
internal static unsafe class CoreLibrary
{
    internal static string Version => Text(NativeMethods.pb_version());

    internal static string InstructionSet => Text(NativeMethods.pb_instruction_set());

    internal static bool HasFeature(string name)
    {
        using var memory = new NativeArena();
        return NativeMethods.pb_has_feature(memory.Text(name)) == 1;
    }

    internal static string[] ModelNames()
    {
        nuint required = 0;
        Check(NativeMethods.pb_model_list(null, 0, &required));
        using var memory = new NativeArena();
        byte* buffer = memory.Allocate<byte>((int)required);
        Check(NativeMethods.pb_model_list(buffer, required, null));
        return Text(buffer).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>Turns a failed call into the exception with its message.</summary>
    internal static void Check(pb_status status)
    {
        if (status != pb_status.PB_OK)
            throw new PluginBridgeException((ErrorCode)status, Text(NativeMethods.pb_last_error()));
    }

    internal static string Text(byte* text) => Marshal.PtrToStringUTF8((nint)text) ?? "";
}
