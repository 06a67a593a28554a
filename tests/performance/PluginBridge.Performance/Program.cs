using System.Runtime.Intrinsics;
using System.Text.Json;
using PluginBridge.Core;
using PluginBridge.Core.Potentials.ViSNet;
using PluginBridge.Performance;

// What the machine can do, what the kernels do of it, and how many operations one call has.
//
//     PluginBridge.Performance machine [--threads 1,2] [--repeats 5] [--seconds 0.2] [--stream-mb 256]
//     PluginBridge.Performance kernels MODEL.safetensors [--repeats 5] [--seconds 0.2] [--stream-mb 256]
//     PluginBridge.Performance count MODEL.safetensors CALL.json
//     PluginBridge.Performance steps MODEL.safetensors CALL.json [--repeats 5]
//
// Prints JSON. CALL.json: {"elements": [[atomic numbers of a molecule], ...], "positions": [x, y, z, ... in nm]}.
try
{
    var options = new Options(args);
    object result = Vector512.IsHardwareAccelerated ? Commands<Simd512<float>>.Run(options)
        : Vector256.IsHardwareAccelerated ? Commands<Simd256<float>>.Run(options)
        : Commands<Simd128<float>>.Run(options);
    Console.WriteLine(JsonSerializer.Serialize(result, Options.Json));
    return 0;
}
catch (Exception error) when (error is ArgumentException or IOException or InvalidDataException or JsonException
    or PluginBridgeException)
{
    Console.Error.WriteLine($"error: {error.Message}");
    return 1;
}
