using System.Diagnostics;

namespace PluginBridge.Performance;

/// <summary>Times of a piece of work, repeated so often that the clock does not matter.</summary>
internal static class Timing
{
    /// <summary>Seconds of one call: <paramref name="repeats"/> measurements of as many calls as fill
    /// <paramref name="seconds"/>.</summary>
    public static double[] Measure(Action work, int repeats, double seconds)
    {
        work();
        int calls = 1;
        while (Once(work, calls) * calls < 0.5 * seconds)
            calls *= 2;
        return [.. Enumerable.Range(0, repeats).Select(_ => Once(work, calls))];
    }

    public static double Median(double[] values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : 0.5 * (sorted[middle - 1] + sorted[middle]);
    }

    /// <summary>Runs the same work on several threads at once; returns when all have ended.</summary>
    public static void OnThreads(int threads, Action<int> work)
    {
        if (threads == 1)
        {
            work(0);
            return;
        }
        var helpers = Enumerable.Range(0, threads).Select(t => new Thread(() => work(t))).ToList();
        foreach (var helper in helpers)
            helper.Start();
        foreach (var helper in helpers)
            helper.Join();
    }

    private static double Once(Action work, int calls)
    {
        long begin = Stopwatch.GetTimestamp();
        for (int c = 0; c < calls; c++)
            work();
        return Stopwatch.GetElapsedTime(begin).TotalSeconds / calls;
    }
}
