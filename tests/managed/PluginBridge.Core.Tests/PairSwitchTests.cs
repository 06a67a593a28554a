using PluginBridge.Core.Fragmentation;

namespace PluginBridge.Core.Tests;

public class PairSwitchTests
{
    private static readonly PairRadii _radii = new(0.4, 0.5);

    [Test]
    public void FallsFromOneToZero()
    {
        Assert.That(PairSwitch.Value(_radii, 0.4), Is.EqualTo(1));
        Assert.That(PairSwitch.Value(_radii, 0.5), Is.Zero);
        Assert.That(PairSwitch.Value(_radii, 0.45), Is.EqualTo(0.5).Within(1e-14));
        double[] values = [.. Enumerable.Range(0, 101).Select(k => PairSwitch.Value(_radii, 0.4 + 0.001 * k))];
        Assert.That(values, Is.Ordered.Descending);
    }

    [Test]
    public void DerivativeIsThatOfTheValue([Values(0.41, 0.43, 0.45, 0.47, 0.49)] double r)
    {
        const double h = 1e-6;
        double expected = (PairSwitch.Value(_radii, r + h) - PairSwitch.Value(_radii, r - h)) / (2 * h);
        Assert.That(PairSwitch.Derivative(_radii, r), Is.EqualTo(expected).Within(1e-7));
    }

    [TestCase(0.4)]
    [TestCase(0.5)]
    public void TwoDerivativesAreContinuous(double end)
    {
        // A step of h from an end: s' is of order h², so that s'' is of order h.
        foreach (double h in (double[])[1e-4, -1e-4])
            Assert.That(PairSwitch.Derivative(_radii, end + h), Is.Zero.Within(30 * 1e-8 / 1e-3 * 1.01));
        double near = PairSwitch.Derivative(_radii, end == 0.4 ? end + 1e-4 : end - 1e-4);
        double nearer = PairSwitch.Derivative(_radii, end == 0.4 ? end + 5e-5 : end - 5e-5);
        Assert.That(near / nearer, Is.EqualTo(4).Within(0.02));
    }

    [TestCase("whole", FragmentScheme.Whole)]
    [TestCase("dipeptide", FragmentScheme.Dipeptide)]
    [TestCase("window2", FragmentScheme.Window2)]
    [TestCase("window3", FragmentScheme.Window3)]
    [TestCase("window2+pairs", FragmentScheme.Window2Pairs)]
    [TestCase("window3+pairs", FragmentScheme.Window3Pairs)]
    public void SchemesByName(string text, FragmentScheme scheme) => Assert.That(SchemeText.Parse(text), Is.EqualTo((scheme, (PairRadii?)null)));

    [Test]
    public void RadiiOfASchemeAreInAngstrom()
    {
        (FragmentScheme scheme, PairRadii? radii) = SchemeText.Parse("window3+pairs:3.5-4.5");
        Assert.That(scheme, Is.EqualTo(FragmentScheme.Window3Pairs));
        Assert.That(radii!.Value.Inner, Is.EqualTo(0.35).Within(1e-15));
        Assert.That(radii.Value.Outer, Is.EqualTo(0.45).Within(1e-15));
    }

    [TestCase("halves", "window3+pairs")]
    [TestCase("Window3", "unknown")]
    [TestCase("", "unknown")]
    [TestCase("window3:4-5", "no pairs")]
    [TestCase("window3+pairs:", "two numbers")]
    [TestCase("window3+pairs:4", "two numbers")]
    [TestCase("window3+pairs:4-5-6", "two numbers")]
    [TestCase("window3+pairs:4-x", "two numbers")]
    [TestCase("window3+pairs:5-4", "0.5 and 0.4 nm")]
    [TestCase("window3+pairs:4-4", "larger outer radius")]
    public void BadSchemesAreRefused(string text, string reason) =>
        Assert.That(() => SchemeText.Parse(text), Throws.TypeOf<PluginBridgeException>()
            .With.Message.Contains(reason).And.Property(nameof(PluginBridgeException.Code)).EqualTo(ErrorCode.InvalidArgument));
}
