using PluginBridge.Core.Potentials;

namespace PluginBridge.Core.Tests;

/// <summary>The neighbour list against all pairs with all nearby images.</summary>
[TestFixture]
public class NeighborListTests
{
    private const double Cutoff = 0.5;

    private static readonly double[][] _boxes =
    [
        [],
        [1.3, 0, 0, 0, 1.0, 0, 0, 0, 2.9],
        [3.1, 0, 0, 0, 2.2, 0, 0, 0, 1.7],
        [2.6, 0, 0, 1.3, 2.1, 0, -1.3, 1.05, 1.9],
        [4.0, 0, 0, 1.333, 3.771, 0, -1.333, 1.885, 3.266],
    ];

    [Test]
    public void PairsAreThoseOfAllImages([ValueSource(nameof(_boxes))] double[] box, [Values(5, 150, 600)] int atoms)
    {
        var random = new Random(atoms);
        double[] x = [.. Enumerable.Range(0, 3 * atoms).Select(_ => 6 * random.NextDouble() - 2)];
        Separate(x, box);
        var expected = BruteForce(x, box);
        var found = Find(x, box);
        Assert.That(found.Select(p => (p.I, p.J)), Is.EqualTo(expected.Select(p => (p.I, p.J))));
        for (int p = 0; p < found.Count; p++)
            for (int c = 0; c < 3; c++)
                Assert.That(found[p].D[c], Is.EqualTo(expected[p].D[c]).Within(1e-12));
    }

    [Test]
    public void AtomsStrewnOverAWideSpaceAreNoTrouble()
    {
        var random = new Random(3);
        double[] x = [.. Enumerable.Range(0, 900).Select(_ => 1e6 * random.NextDouble())];
        for (int c = 0; c < 3; c++)
            x[30 + c] = x[c] + 0.2;
        Assert.That(Find(x, []).Select(p => (p.I, p.J)), Is.EqualTo(new[] { (0, 10) }));
        double[] line = [.. Enumerable.Range(0, 900).Select(i => i % 3 == 0 ? 0.1 * i : 0)];
        Assert.That(Find(line, []), Has.Count.EqualTo(299));
    }

    [TestCase(new[] { 0.99, 0, 0, 0, 3, 0, 0, 0, 3 }, "0.99 nm")]
    [TestCase(new[] { 3.0, 0, 0, 0, 3, 0, 0, 0, 0.8 }, "0.8 nm")]
    [TestCase(new[] { 3.0, 0.1, 0, 0, 3, 0, 0, 0, 3 }, "reduced form")]
    [TestCase(new[] { 3.0, 0, 0, 2.0, 3, 0, 0, 0, 3 }, "reduced form")]
    [TestCase(new[] { 3.0, 0, 0, 0, -3, 0, 0, 0, 3 }, "reduced form")]
    [TestCase(new[] { 3.0, 0, 0, 0, 3, 0, 0, 0, double.NaN }, "not finite")]
    [TestCase(new[] { 3.0, 3, 3 }, "nine numbers")]
    public void BoxesThatWillNotDoAreRefused(double[] box, string reason)
    {
        var error = Assert.Throws<PluginBridgeException>(() => PeriodicBox.Create(box, Cutoff));
        Assert.That(error!.Code, Is.EqualTo(reason.EndsWith("nm", StringComparison.Ordinal) ? ErrorCode.Unsupported : ErrorCode.InvalidArgument));
        Assert.That(error.Message, Does.Contain(reason));
    }

    [Test]
    public void TheBoxErrorNamesTheCutoffToo()
    {
        var error = Assert.Throws<PluginBridgeException>(() => PeriodicBox.Create([0.9, 0, 0, 0, 1, 0, 0, 0, 1], Cutoff));
        Assert.That(error!.Message, Does.Contain("0.9 nm").And.Contain("0.5 nm"));
    }

    private sealed record Pair(int I, int J, double[] D);

    private static unsafe List<Pair> Find(double[] x, double[] box)
    {
        using var list = new NeighborList();
        fixed (double* positions = x)
            list.Build(positions, x.Length / 3, PeriodicBox.Create(box, Cutoff), Cutoff, 0);
        var pairs = new List<Pair>();
        for (int i = 0; i < x.Length / 3; i++)
            for (int p = list.Start[i]; p < list.Start[i + 1]; p++)
                pairs.Add(new Pair(i, list.Second[p], [list.Displacement[3 * p], list.Displacement[3 * p + 1], list.Displacement[3 * p + 2]]));
        Assert.That(pairs, Has.Count.EqualTo(list.Count));
        return pairs;
    }

    /// <summary>The nearest of many images, found by trying them.</summary>
    private static double[] Nearest(double[] x, int i, int j, double[] box)
    {
        double[] d = [x[3 * j] - x[3 * i], x[3 * j + 1] - x[3 * i + 1], x[3 * j + 2] - x[3 * i + 2]];
        if (box.Length == 0)
            return d;
        double[] best = d;
        int c0 = -(int)Math.Round(d[2] / box[8]);
        for (int c = c0 - 1; c <= c0 + 1; c++)
        {
            int b0 = -(int)Math.Round((d[1] + c * box[7]) / box[4]);
            for (int b = b0 - 1; b <= b0 + 1; b++)
            {
                int a0 = -(int)Math.Round((d[0] + b * box[3] + c * box[6]) / box[0]);
                for (int a = a0 - 1; a <= a0 + 1; a++)
                {
                    double[] image = [d[0] + a * box[0] + b * box[3] + c * box[6], d[1] + b * box[4] + c * box[7], d[2] + c * box[8]];
                    if (Square(image) < Square(best))
                        best = image;
                }
            }
        }
        return best;
    }

    private static List<Pair> BruteForce(double[] x, double[] box)
    {
        var pairs = new List<Pair>();
        for (int i = 0; i < x.Length / 3; i++)
            for (int j = i + 1; j < x.Length / 3; j++)
            {
                double[] d = Nearest(x, i, j, box);
                if (Square(d) < Cutoff * Cutoff)
                    pairs.Add(new Pair(i, j, d));
            }
        return pairs;
    }

    /// <summary>Moves atoms that overlap until none do.</summary>
    private static void Separate(double[] x, double[] box)
    {
        var random = new Random(1);
        for (int i = 1; i < x.Length / 3; i++)
            for (int j = 0; j < i; j++)
                if (Square(Nearest(x, i, j, box)) < 0.03 * 0.03)
                {
                    for (int c = 0; c < 3; c++)
                        x[3 * i + c] = 6 * random.NextDouble() - 2;
                    j = -1;
                }
    }

    private static double Square(double[] d) => d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
}
