using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Fragmentation;

namespace PluginBridge.Core.Tests;

public class CapGeometryTests
{
    private static readonly double[] _anchor = [0.31, -0.12, 0.05];
    private static readonly double[] _replaced = [0.42, -0.03, 0.10];

    [Test]
    public void HydrogenLiesOnTheCutBond()
    {
        var h = new double[3];
        CapGeometry.Place(_anchor, _replaced, 0.109, h);
        double[] bond = [.. _replaced.Zip(_anchor, (b, a) => b - a)], cap = [.. h.Zip(_anchor, (x, a) => x - a)];
        double length = Math.Sqrt(cap.Sum(x => x * x)), bondLength = Math.Sqrt(bond.Sum(x => x * x));
        Assert.That(length, Is.EqualTo(0.109).Within(1e-15));
        Assert.That(cap.Zip(bond, (x, y) => x * y).Sum(), Is.EqualTo(length * bondLength).Within(1e-15));
    }

    [Test]
    public void GradientsFollowTheChainRule()
    {
        double[] g = [1.7, -0.4, 2.2], replaced = new double[3];
        CapGeometry.ReplacedGradient(_anchor, _replaced, 0.101, g, replaced);
        double Energy(double[] a, double[] b)
        {
            var h = new double[3];
            CapGeometry.Place(a, b, 0.101, h);
            return h.Zip(g, (x, y) => x * y).Sum();
        }

        const double Step = 1e-5;
        for (int i = 0; i < 3; i++)
        {
            double[] Moved(double[] r, double by) => [.. r.Select((x, k) => k == i ? x + by : x)];
            double onReplaced = (Energy(_anchor, Moved(_replaced, Step)) - Energy(_anchor, Moved(_replaced, -Step))) / (2 * Step);
            double onAnchor = (Energy(Moved(_anchor, Step), _replaced) - Energy(Moved(_anchor, -Step), _replaced)) / (2 * Step);
            Assert.That(replaced[i], Is.EqualTo(onReplaced).Within(1e-8));
            Assert.That(g[i] - replaced[i], Is.EqualTo(onAnchor).Within(1e-8));
        }
    }

    [Test]
    public void LengthsFollowTheAnchor()
    {
        var topology = new Topology([new(0, "C", 6, -1), new(1, "N", 7, -1), new(2, "S", 16, -1), new(3, "O", 8, -1)], [], []);
        Assert.That(Enumerable.Range(0, 2).Select(a => CapGeometry.BondLength(topology, a)), Is.EqualTo(new[] { 0.109, 0.101 }));
        Assert.That(() => CapGeometry.BondLength(topology, 2), Throws.TypeOf<PluginBridgeException>().With.Message.Contains("atom S"));
        Assert.That(() => CapGeometry.BondLength(topology, 3), Throws.TypeOf<PluginBridgeException>().With.Message.Contains("atom O"));
    }
}
