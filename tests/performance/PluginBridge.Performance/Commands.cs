using PluginBridge.Core.Potentials.ViSNet;

namespace PluginBridge.Performance;

/// <summary>The commands with the widest registers that the machine has.</summary>
internal static class Commands<V>
    where V : unmanaged, ISimd<V, float>
{
    public static object Run(Options options) => options.Words switch
    {
        ["machine"] => Machine(options),
        ["kernels", var model] => Kernels(options, model),
        ["count", var model, var call] => Count(model, call),
        ["steps", var model, var call] => Steps(options, model, call),
        _ => throw new ArgumentException(
            "Use: machine | kernels MODEL.safetensors | count MODEL.safetensors CALL.json | steps MODEL.safetensors CALL.json"),
    };

    private static object Machine(Options options) => new
    {
        Lanes = V.Count,
        Processors = Environment.ProcessorCount,
        Threads = options.Threads.Select(threads => new
        {
            Threads = threads,
            PeakGflops = Machine<V>.PeakFlops(threads, options.Repeats, options.Seconds) * 1e-9,
            BandwidthGbs = Machine<V>.Bandwidth(threads, options.Repeats, options.Seconds, options.StreamedElements) * 1e-9,
        }).ToList(),
    };

    private static object Kernels(Options options, string model)
    {
        using var potential = ViSNetPotential.Load(model);
        // Peak and bandwidth before and after, in this process: the machine's clock may change between runs.
        double Peak() => Machine<V>.PeakFlops(1, options.Repeats, options.Seconds) * 1e-9;
        double Bandwidth() => Machine<V>.Bandwidth(1, options.Repeats, options.Seconds, options.StreamedElements) * 1e-9;
        double peak = Peak(), bandwidth = Bandwidth();
        var kernels = Kernels<V>.Run(potential.Weights.Header, options.Repeats, options.Seconds, options.StreamedElements).ToList();
        peak = Math.Max(peak, Peak());
        bandwidth = Math.Max(bandwidth, Bandwidth());
        return new
        {
            PeakGflops = peak,
            BandwidthGbs = bandwidth,
            Kernels = kernels.Select(k => new
            {
                k.Name,
                k.Shape,
                Microseconds = k.Seconds * 1e6,
                Gflops = k.Flops / k.Seconds * 1e-9,
                PeakFraction = k.Flops / k.Seconds * 1e-9 / peak,
                Gbs = k.Bytes / k.Seconds * 1e-9,
                BandwidthFraction = k.Bytes / k.Seconds * 1e-9 / bandwidth,
            }),
        };
    }

    private static CallCount Count(string model, string call)
    {
        using var potential = ViSNetPotential.Load(model);
        return CountedCall<V>.Run(potential, CallInput.Read(call));
    }

    private static List<StepTime> Steps(Options options, string model, string call)
    {
        using var potential = ViSNetPotential.Load(model);
        return StepTimes<V>.Run(potential, CallInput.Read(call), options.Repeats);
    }
}
