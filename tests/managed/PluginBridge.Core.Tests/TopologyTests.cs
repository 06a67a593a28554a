using PluginBridge.Core.Chemistry;

namespace PluginBridge.Core.Tests;

/// <summary>What a topology checks and how it names things.</summary>
[TestFixture]
public sealed class TopologyTests
{
    private static readonly Atom[] _water = [new Atom(0, "O", 8, 0), new Atom(1, "H1", 1, 0), new Atom(2, "", 1, 0)];
    private static readonly Residue[] _residues = [new Residue(0, "HOH", "7B", "W", [0, 1, 2])];

    [Test]
    public void OrdersBondsAndFindsNeighbors()
    {
        var topology = new Topology(_water, _residues, [new Bond(2, 0), new Bond(1, 0)]);
        Assert.Multiple(() =>
        {
            Assert.That(topology.Bonds, Is.EqualTo((Bond[])[new Bond(0, 1), new Bond(0, 2)]));
            Assert.That(topology.Neighbors(0).ToArray(), Is.EqualTo((int[])[1, 2]));
            Assert.That(topology.Neighbors(2).ToArray(), Is.EqualTo((int[])[0]));
        });
    }

    [Test]
    public void NamesAtomsForPeople()
    {
        var topology = new Topology(_water, _residues, []);
        Assert.Multiple(() =>
        {
            Assert.That(topology.Describe(1), Is.EqualTo("atom H1 of HOH 7B (chain W)"));
            Assert.That(topology.Describe(2), Is.EqualTo("atom H (index 2) of HOH 7B (chain W)"));
            Assert.That(new Topology(_water, [], []).Describe(0), Is.EqualTo("atom O"));
            Assert.That(new Residue(0, "ALA", "3", "", []).ToString(), Is.EqualTo("ALA 3"));
        });
    }

    [Test]
    public void RefusesBadBonds()
    {
        Expect([new Bond(0, 3)], "Bond 0-3 does not join two of the 3 atoms.");
        Expect([new Bond(-1, 0)], "Bond -1-0 does not join two of the 3 atoms.");
        Expect([new Bond(1, 1)], "Bond 1-1 does not join two of the 3 atoms.");
        Expect([new Bond(0, 1), new Bond(1, 0)], "Bond atom O of HOH 7B (chain W) - atom H1 of HOH 7B (chain W) is listed twice.");

        static void Expect(Bond[] bonds, string message)
        {
            PluginBridgeException error = Assert.Throws<PluginBridgeException>(() => _ = new Topology(_water, _residues, bonds))!;
            Assert.That((error.Code, error.Message), Is.EqualTo((ErrorCode.Topology, message)));
        }
    }

    [Test]
    public void RefusesAtomsOutOfOrder() => Assert.That(() => new Topology([_water[1], _water[0]], [], []),
        Throws.TypeOf<PluginBridgeException>().With.Message.EqualTo("Atom H1 at position 0 carries index 1."));

    [TestCase("C", 6)]
    [TestCase("cl", 17)]
    [TestCase(" ZN ", 30)]
    [TestCase("Q", 0)]
    [TestCase("", 0)]
    public void KnowsElements(string symbol, int number) => Assert.That(Elements.AtomicNumber(symbol), Is.EqualTo(number));

    [Test]
    public void NamesElementsBeyondItsTable() => Assert.That((Elements.Symbol(16), Elements.Symbol(92)), Is.EqualTo(("S", "Z=92")));
}
