using System.Diagnostics;
using PluginBridge.Core.Potentials;
using PluginBridge.Core.Potentials.ViSNet;

namespace PluginBridge.Performance;

/// <summary>What a step of the network takes in one call, all layers, blocks and molecules together.</summary>
/// <param name="Name">Which; "Neighbours" finds pairs and lays out edges.</param>
/// <param name="Flops">Counted operations.</param>
/// <param name="Bytes">Moved between registers and memory, caches included.</param>
/// <param name="Seconds">Median over repeats, one thread.</param>
internal sealed record StepTime(string Name, double Flops, double Bytes, double Seconds);

/// <summary>Where a call's time goes, step by step.</summary>
internal static unsafe class StepTimes<V>
    where V : unmanaged, ISimd<V, float>
{
    private const string Neighbours = "Neighbours";

    public static List<StepTime> Run(ViSNetPotential potential, CallInput input, int repeats)
    {
        var flops = Pass<CountingSimd<V>>(potential, input, 1, static () => (long)Counted.Flops)[0];
        var bytes = Pass<CountingSimd<V>>(potential, input, 1, static () => Counted.Bytes)[0];
        var times = Pass<V>(potential, input, repeats + 2, Stopwatch.GetTimestamp)[2..]; // two to warm up
        return [.. flops.Select(step => new StepTime(step.Key, step.Value, bytes[step.Key],
            Timing.Median([.. times.Select(pass => pass[step.Key] / (double)Stopwatch.Frequency)])))];
    }

    /// <summary>How far a meter goes in each step, in each of some calls.</summary>
    private static List<Dictionary<string, long>> Pass<W>(ViSNetPotential potential, CallInput input, int repeats, Func<long> meter)
        where W : unmanaged, ISimd<W, float>
    {
        var network = new ViSNetNetwork<float, W>(potential.Weights);
        double cutoff = network.Header.CutoffAngstrom * Core.Units.NanometrePerAngstrom;
        using var scratch = new ViSNetScratch<float>();
        int[][] types = [.. input.Elements.Select(molecule => molecule.Select(z => Array.IndexOf(network.Header.Elements, z)).ToArray())];
        List<Dictionary<string, long>> passes = [];
        List<ViSNetGraph<float, W>> graphs = [.. types.Select(_ => new ViSNetGraph<float, W>(network))];
        for (int repeat = 0; repeat < repeats; repeat++)
        {
            var found = new Dictionary<string, long>();
            fixed (double* positions = input.Positions)
            {
                double* x = positions;
                for (int m = 0; m < types.Length; x += 3 * types[m].Length, m++)
                    fixed (int* kinds = types[m])
                        Call(graphs[m], kinds, types[m].Length, x, cutoff, scratch, meter, found);
            }
            passes.Add(found);
        }
        foreach (var graph in graphs)
            graph.Dispose();
        return passes;
    }

    private static void Call<W>(ViSNetGraph<float, W> graph, int* types, int atoms, double* positions, double cutoff,
        ViSNetScratch<float> scratch, Func<long> meter, Dictionary<string, long> found)
        where W : unmanaged, ISimd<W, float>
    {
        long begin = meter();
        graph.Load(types, atoms, positions, PeriodicBox.Create(default, cutoff), cutoff, 0);
        found[Neighbours] = found.GetValueOrDefault(Neighbours) + meter() - begin;
        foreach (var stage in graph.Stages)
        {
            begin = meter();
            for (int block = 0; block < graph.Blocks(stage); block++)
                graph.Run(stage, block, scratch);
            string name = stage.Step.ToString();
            found[name] = found.GetValueOrDefault(name) + meter() - begin;
        }
    }
}
