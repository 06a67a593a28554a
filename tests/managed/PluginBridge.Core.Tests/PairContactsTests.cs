using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Engine;
using PluginBridge.Core.Fragmentation;
using PluginBridge.Core.Potentials;

namespace PluginBridge.Core.Tests;

/// <summary>The neighbour list of pairs and their weights.</summary>
public class PairContactsTests
{
    private static readonly PairRadii _radii = new(0.45, 0.75);
    private static readonly double[] _box = [4.0, 0, 0, 1.0, 4.2, 0, -1.0, 1.2, 4.4];

    private static (PairCells Cells, PairContacts Contacts) Make(Topology topology, FragmentScheme scheme)
    {
        PairCells cells = FragmentBuilder.Divide(topology, TemplateAssignment.Assign(topology), null, scheme, null, 0).Pairs!;
        return (cells, new PairContacts(cells, _radii, topology));
    }

    /// <summary>1 − Π (1 − s(r)), image by image.</summary>
    private static Dictionary<PairCell, double> Expected(PairCells cells, double[] positions, PeriodicBox box)
    {
        var weights = new Dictionary<PairCell, double>();
        foreach (PairCell cell in cells.All())
        {
            double rest = 1;
            foreach ((int p, int q) in cell.Contacts)
            {
                double x = positions[3 * q] - positions[3 * p], y = positions[3 * q + 1] - positions[3 * p + 1], z = positions[3 * q + 2] - positions[3 * p + 2];
                box.MinimumImage(ref x, ref y, ref z);
                rest *= 1 - PairSwitch.Value(_radii, Math.Sqrt(x * x + y * y + z * z));
            }

            if (rest < 1)
                weights[cell] = 1 - rest;
        }

        return weights;
    }

    [Test]
    public void AlongAWalkTheListHoldsEveryPairInReach([Values(FragmentScheme.Window2Pairs, FragmentScheme.Window3Pairs)] FragmentScheme scheme,
        [Values] bool periodic)
    {
        (Topology topology, double[] positions) = EngineTestSystems.TwoBridgedChains;
        double[] vectors = periodic ? _box : [];
        PeriodicBox box = PeriodicBox.Create(vectors, 0);
        (PairCells cells, PairContacts contacts) = Make(topology, scheme);
        var random = new Random(8);
        int changes = 0, partial = 0;
        // Residues drift apart and together; every fifth step the host wraps the molecule.
        double[] velocities = [.. topology.Residues.SelectMany(_ => new[] { 0.03, 0.03, 0.03 }.Select(v => v * (2 * random.NextDouble() - 1)))];
        for (int step = 0; step < 60; step++)
        {
            for (int i = 0; i < positions.Length; i++)
                positions[i] += velocities[3 * topology.Atoms[i / 3].ResidueIndex + i % 3] + (periodic && step % 5 == 0 ? _box[6 + i % 3] : 0);
            changes += contacts.Update(positions, box, vectors) ? 1 : 0;
            Dictionary<PairCell, double> expected = Expected(cells, positions, box);
            for (int k = 0; k < contacts.Listed.Length; k++)
            {
                Assert.That(contacts.Weights[k], Is.InRange(0.0, 1.0));
                expected.Remove(contacts.Listed[k].Cell, out double weight);
                Assert.That(contacts.Weights[k], Is.EqualTo(weight).Within(1e-12));
                partial += weight is > 0.01 and < 0.99 ? 1 : 0;
            }

            Assert.That(expected, Is.Empty, "cells in reach that the list has not");
        }

        Assert.That(changes, Is.InRange(2, 59));
        Assert.That(partial, Is.GreaterThan(10), "the walk has to meet pairs that fade out");
    }

    [Test]
    public void ABoxInWhichAResidueMeetsTwoImagesOfAnotherIsRefused()
    {
        (Topology topology, double[] positions) = EngineTestSystems.TwoChains;
        int refused = 0, taken = 0;
        for (double width = 1.5; width < 6; width += 0.1)
        {
            double[] vectors = [width, 0, 0, 0, width, 0, 0, 0, width];
            PeriodicBox box = PeriodicBox.Create(vectors, 0);
            (PairCells cells, PairContacts contacts) = Make(topology, FragmentScheme.Window2Pairs);
            if (cells.All().Any(cell => Images(cell, positions, box).Count > 1))
            {
                refused++;
                Assert.That(() => contacts.Update(positions, box, vectors), Throws.TypeOf<PluginBridgeException>()
                    .With.Message.Match("too narrow .* atom .* of .* and atom .* of .* larger box"), $"{width} nm");
            }
            else
            {
                taken++;
                contacts.Update(positions, box, vectors);
            }
        }

        Assert.That(Math.Min(refused, taken), Is.GreaterThan(3));
    }

    /// <summary>The images in which atoms of D_j are in reach of D_i; units that share atoms lie in one and count it in any case.</summary>
    private static HashSet<(int, int, int)> Images(PairCell cell, double[] positions, PeriodicBox box)
    {
        var images = new HashSet<(int, int, int)>();
        foreach ((int p, int q) in cell.Contacts)
        {
            (double x, double y, double z) raw = (positions[3 * q] - positions[3 * p], positions[3 * q + 1] - positions[3 * p + 1], positions[3 * q + 2] - positions[3 * p + 2]);
            (double x, double y, double z) = raw;
            box.MinimumImage(ref x, ref y, ref z);
            if (x * x + y * y + z * z < _radii.Outer * _radii.Outer)
                images.Add(((int)Math.Round(10 * (x - raw.x)), (int)Math.Round(10 * (y - raw.y)), (int)Math.Round(10 * (z - raw.z))));
        }

        if (cell.SecondAtoms.Count == 0)
            images.Add((0, 0, 0));
        return images;
    }

    [Test]
    public void HeavyAtomsMakeTheWeights()
    {
        (Topology topology, _) = EngineTestSystems.TwoChains;
        (PairCells cells, _) = Make(topology, FragmentScheme.Window2Pairs);
        foreach (PairCell cell in cells.All())
            foreach ((int p, int q) in cell.Contacts)
                Assert.That(topology.Atoms[p].AtomicNumber > 1 && topology.Atoms[q].AtomicNumber > 1);
    }

    [Test]
    public void NothingIsAllocatedUntilTheListChanges()
    {
        (Topology topology, double[] positions) = EngineTestSystems.Chain;
        using Workspace workspace = EngineTestSystems.System(new EngineToyPotential { Target = PotentialTarget.Absolute }, topology,
            FragmentScheme.Window2Pairs, _radii).CreateWorkspace(new());
        double[] forces = new double[positions.Length], virial = new double[9];
        void Step(double scale)
        {
            double[] moved = [.. positions.Select(x => scale * x)];
            long before = GC.GetAllocatedBytesForCurrentThread();
            workspace.Evaluate(moved, [], EnergyQuantity.Correction, forces, virial);
            _allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Step(1);
        Step(1);
        // Moves that make a new search, but change the list little or not at all.
        Step(1 + 1e-3);
        Assert.That(_allocated, Is.Zero);
        Step(3);
        Assert.That(workspace.PairCount, Is.Zero);
        Step(3);
        Assert.That(_allocated, Is.Zero);
        Step(1);
        Assert.That(workspace.PairCount, Is.GreaterThan(0));
        Step(1);
        Assert.That(_allocated, Is.Zero);
    }

    private long _allocated;
}
