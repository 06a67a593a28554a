using System.Numerics;
using PluginBridge.Core.Potentials;
using PluginBridge.Core.Potentials.ViSNet;

namespace PluginBridge.Core.Tests;

/// <summary>Molecules too large to keep all that the reverse pass needs: the same bits in less memory.</summary>
[TestFixture]
public class ViSNetMemoryTests
{
    // No budget: each block of edges is a chunk of its own. 4 MB: a few chunks of several blocks.
    [Test]
    public void WhatIsMadeAgainHasTheSameBits([Values(1, 2, 3, 4)] int layers, [Values(0, 4 << 20)] long budget,
        [Values(0.0, 1.0)] double vectorNorm)
    {
        using var potential = ViSNetTestModel.Potential(new ViSNetTestModel(layers: layers, vectorNorm: vectorNorm));
        var (molecule, x) = ViSNetTestModel.Cluster(260, 3);
        var kept = Evaluate<float, Simd256<float>>(potential, molecule, x, 1, long.MaxValue);
        var again = Evaluate<float, Simd256<float>>(potential, molecule, x, 1, budget);
        Assert.Multiple(() =>
        {
            Assert.That(kept.Lean, Is.False);
            Assert.That(again.Lean, Is.True);
            Assert.That(again.Energy, Is.EqualTo(kept.Energy));
            Assert.That(again.Gradient, Is.EqualTo(kept.Gradient));
            Assert.That(again.Strain, Is.EqualTo(kept.Strain));
        });
    }

    /// <summary>The first chunks keep their products, the others make them again.</summary>
    [Test]
    public void WhatIsKeptInPartHasTheSameBits([Values(3, 4, 6)] int layers)
    {
        using var potential = ViSNetTestModel.Potential(new ViSNetTestModel(layers: layers, vectorNorm: 1));
        var (molecule, x) = ViSNetTestModel.Cluster(260, 3);
        var kept = Evaluate<float, Simd256<float>>(potential, molecule, x, 1, long.MaxValue);
        double share = 0;
        for (long budget = 4 << 20; share < 1; budget += 8 << 20)
        {
            using var evaluator = potential.Create<float, Simd256<float>>([molecule], 2, budget);
            double[] energy = new double[1], gradient = new double[x.Length];
            for (int repeat = 0; repeat < 2; repeat++)
            {
                evaluator.Evaluate(x, default, energy, gradient, default);
                Assert.That(energy[0], Is.EqualTo(kept.Energy), $"{budget}");
                Assert.That(gradient, Is.EqualTo(kept.Gradient), $"{budget}");
            }
            var graph = (ViSNetEvaluator<float, Simd256<float>>)evaluator;
            Assert.That(graph.KeptShare, Is.GreaterThanOrEqualTo(share));
            Assert.That(graph.Bytes, Is.LessThan(budget).Or.LessThan(20 << 20));
            share = graph.KeptShare;
            TestContext.Out.WriteLine($"{budget >> 20} MB: {share:P0} kept, {graph.Bytes / 1048576.0:F1} MB used");
        }
    }

    [Test]
    public void TheNumberOfThreadsChangesNoBit([Values(2, 3, 7)] int threads)
    {
        using var potential = ViSNetTestModel.Potential(new ViSNetTestModel(layers: 6, vectorNorm: 1));
        var (molecule, x) = ViSNetTestModel.Cluster(260, 3);
        var kept = Evaluate<double, Simd128<double>>(potential, molecule, x, 1, long.MaxValue);
        for (int repeat = 0; repeat < 3; repeat++)
        {
            var again = Evaluate<double, Simd128<double>>(potential, molecule, x, threads, 4 << 20);
            Assert.That(again.Lean, Is.True);
            Assert.That(again.Energy, Is.EqualTo(kept.Energy));
            Assert.That(again.Gradient, Is.EqualTo(kept.Gradient));
        }
    }

    /// <summary>Threads finish blocks in whatever order the machine gives them; a busy one is rarely the same twice.</summary>
    [Test]
    public void TheOrderOfBlocksChangesNoBit([Values(1, 2, 3, 4, 6)] int layers, [Values(0, 4 << 20, long.MaxValue)] long budget,
        [Values(0.0, 1.0)] double vectorNorm)
    {
        using var potential = ViSNetTestModel.Potential(new ViSNetTestModel(layers: layers, vectorNorm: vectorNorm));
        var ascending = EvaluateInOrder(potential, budget, blocks => blocks);
        var descending = EvaluateInOrder(potential, budget, blocks => blocks.Reverse());
        var random = new Random(layers);
        var shuffled = EvaluateInOrder(potential, budget, blocks => blocks.OrderBy(_ => random.Next()));
        Assert.Multiple(() =>
        {
            Assert.That(descending.Energy, Is.EqualTo(ascending.Energy));
            Assert.That(descending.Gradient, Is.EqualTo(ascending.Gradient));
            Assert.That(shuffled.Energy, Is.EqualTo(ascending.Energy));
            Assert.That(shuffled.Gradient, Is.EqualTo(ascending.Gradient));
        });
    }

    private static unsafe (double Energy, double[] Gradient) EvaluateInOrder(ViSNetPotential potential, long budget,
        Func<IEnumerable<int>, IEnumerable<int>> order)
    {
        var net = new ViSNetNetwork<float, Simd256<float>>(potential.Weights);
        using var graph = new ViSNetGraph<float, Simd256<float>>(net) { MemoryBudget = budget };
        using var scratch = new ViSNetScratch<float>();
        var (molecule, x) = ViSNetTestModel.Cluster(260, 3);
        int[] types = [.. molecule.AtomicNumbers.Select(z => Array.IndexOf(net.Header.Elements, z))];
        double[] gradient = new double[x.Length];
        fixed (double* positions = x, g = gradient)
        fixed (int* type = types)
        {
            graph.Load(type, types.Length, positions, PeriodicBox.None, 0.5, 0);
            foreach (var stage in graph.Stages)
                foreach (int block in order(Enumerable.Range(0, graph.Blocks(stage))))
                    graph.Run(stage, block, scratch);
            graph.Gradients(1, g);
        }
        return (graph.Energy(), gradient);
    }

    /// <summary>Large and small molecules by turns in the same buffers.</summary>
    [Test]
    public void OneEvaluatorTakesLargeAndSmallMolecules()
    {
        using var potential = ViSNetTestModel.Potential(new ViSNetTestModel(layers: 4));
        var molecules = ((int Atoms, int Seed)[])[(300, 1), (12, 2), (290, 3), (20, 4)];
        var all = molecules.Select(m => ViSNetTestModel.Cluster(m.Atoms, m.Seed)).ToList();
        double[] x = [.. all.SelectMany(m => m.Positions)], energies = new double[4], gradients = new double[x.Length];
        using var evaluator = potential.Create<float, Simd256<float>>([.. all.Select(m => m.Molecule)], 1, 8 << 20);
        evaluator.Evaluate(x, default, energies, gradients, default);
        int offset = 0;
        for (int m = 0; m < all.Count; m++)
        {
            var kept = Evaluate<float, Simd256<float>>(potential, all[m].Molecule, all[m].Positions, 1, long.MaxValue);
            Assert.That(energies[m], Is.EqualTo(kept.Energy), $"molecule {m}");
            Assert.That(gradients[offset..(offset + kept.Gradient.Length)], Is.EqualTo(kept.Gradient), $"molecule {m}");
            offset += kept.Gradient.Length;
        }
    }

    [Test]
    public void SteadyStateAllocatesNothing()
    {
        using var potential = ViSNetTestModel.Potential(new ViSNetTestModel(layers: 4));
        var (molecule, x) = ViSNetTestModel.Cluster(260, 3);
        using var evaluator = potential.Create<float, Simd256<float>>([molecule], 1, 0);
        double[] energy = new double[1], gradient = new double[x.Length], strain = new double[9];
        for (int k = 0; k < 2; k++)
            evaluator.Evaluate(x, default, energy, gradient, strain);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int k = 0; k < 3; k++)
            evaluator.Evaluate(x, default, energy, gradient, strain);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    /// <summary>Buffers of 13,824 atoms, packed as in a protein, for a network of 64 channels and 4 layers. Nothing is evaluated.</summary>
    [Test]
    public unsafe void FourteenThousandAtomsTakeLessThanAGigabyte()
    {
        const int Side = 24;
        const double Spacing = 0.232; // gives as many neighbours as tiled chignolin has, surface included
        using var potential = ViSNetTestModel.Potential(new ViSNetTestModel(channels: 64, layers: 4, heads: 8, radial: 32));
        var net = new ViSNetNetwork<float, Simd256<float>>(potential.Weights);
        using var graph = new ViSNetGraph<float, Simd256<float>>(net);
        var random = new Random(1);
        double[] x = [.. from a in Enumerable.Range(0, Side * Side * Side)
                         from c in (int[])[a / Side / Side, a / Side % Side, a % Side]
                         select Spacing * (c + 0.2 * random.NextDouble())];
        int[] types = new int[x.Length / 3];
        fixed (double* positions = x)
        fixed (int* type = types)
            graph.Load(type, types.Length, positions, PeriodicBox.None, 0.5, 0);
        TestContext.Out.WriteLine($"{graph.Edges} edges, {graph.Bytes / 1e6:F0} MB");
        Assert.Multiple(() =>
        {
            Assert.That(graph.Lean, Is.True);
            Assert.That(graph.Edges, Is.GreaterThan(33 * types.Length));
            Assert.That(graph.Bytes, Is.LessThan(950e6));
        });
    }

    private static (bool Lean, double Energy, double[] Gradient, double[] Strain) Evaluate<T, V>(ViSNetPotential potential,
        Molecule molecule, double[] x, int threads, long budget)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where V : unmanaged, ISimd<V, T>
    {
        using var evaluator = potential.Create<T, V>([molecule], threads, budget);
        double[] energy = new double[1], gradient = new double[x.Length], strain = new double[9];
        evaluator.Evaluate(x, default, energy, gradient, strain);
        return (evaluator.Lean, energy[0], gradient, strain);
    }
}
