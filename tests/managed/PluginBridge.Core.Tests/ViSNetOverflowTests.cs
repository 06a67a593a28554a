using PluginBridge.Core.Potentials;
using PluginBridge.Core.Potentials.ViSNet;

namespace PluginBridge.Core.Tests;

/// <summary>Geometries where single precision overflows, as minimisers try them: double precision takes over.</summary>
[TestFixture]
public class ViSNetOverflowTests
{
    [Test]
    public void WhatOverflowsIsEvaluatedInDoublePrecision()
    {
        var model = new ViSNetTestModel();
        // Vector features grow by their own products: large weights take them beyond 1e38.
        foreach (string name in model.Tensors.Keys.Where(n => n.Contains("s_proj.weight") || n.Contains("vec_proj") || n.Contains("o_proj.weight")).ToList())
            model.Tensors[name] = (model.Tensors[name].Shape, [.. model.Tensors[name].Values.Select(w => 1e4f * w)]);
        using var potential = ViSNetTestModel.Potential(model);
        var (molecule, x) = ViSNetTestModel.Cluster(30, 2);
        using var single = potential.CreateEvaluator([molecule], new EvaluationOptions());
        using var reference = potential.CreateEvaluator([molecule], new EvaluationOptions { DoublePrecision = true });
        double[] energy = new double[1], expected = new double[1], gradient = new double[x.Length], expectedGradient = new double[x.Length];
        reference.Evaluate(x, [], expected, expectedGradient, []);
        Assert.That(expectedGradient.Max(Math.Abs), Is.GreaterThan(float.MaxValue)); // or nothing is tested
        single.Evaluate(x, [], energy, gradient, []);
        Assert.Multiple(() =>
        {
            Assert.That(energy, Is.EqualTo(expected));
            Assert.That(gradient, Is.EqualTo(expectedGradient));
        });
    }

    /// <summary>Gradients that are not numbers where the first coordinate is negative, if it is of single precision.</summary>
    private sealed class Fake(bool isSingle, Action? disposed = null) : IMoleculeEvaluator
    {
        public void Select(ReadOnlySpan<bool> wanted)
        {
        }

        public void Evaluate(ReadOnlySpan<double> positions, ReadOnlySpan<double> box, Span<double> energies, Span<double> gradients,
            Span<double> strainGradients) => gradients.Fill(isSingle && positions[0] < 0 ? double.NaN : isSingle ? 1 : 2);

        public void Dispose() => disposed?.Invoke();
    }

    [Test]
    public void DoublePrecisionGivesItsMemoryBackInCalmTimes()
    {
        int created = 0, disposed = 0;
        using var evaluator = new OverflowEvaluator(new Fake(true), () =>
        {
            created++;
            return new Fake(false, () => disposed++);
        });
        double[] gradient = new double[3];
        double Evaluated(double x)
        {
            evaluator.Evaluate([x, 0, 0], [], new double[1], gradient, []);
            return gradient[0];
        }

        for (int time = 1; time <= 2; time++)
        {
            Assert.That(Evaluated(-1), Is.EqualTo(2));
            for (int k = 0; k < 500; k++)
                Assert.That(Evaluated(1), Is.EqualTo(1));
            Assert.That((Evaluated(-1), created, disposed), Is.EqualTo((2.0, time, time - 1)), "not calm yet");
            for (int k = 0; k < 1000; k++)
                Evaluated(1);
            Assert.That((created, disposed), Is.EqualTo((time, time)));
        }
    }

    [Test]
    public void PositionsThatAreNotNumbersStayAnError()
    {
        using var potential = ViSNetTestModel.Potential();
        var (molecule, x) = ViSNetTestModel.Cluster(5, 2);
        x[4] = double.NaN;
        using var evaluator = potential.CreateEvaluator([molecule], new EvaluationOptions());
        Assert.Throws<PluginBridgeException>(() => evaluator.Evaluate(x, [], new double[1], new double[15], []));
    }
}
