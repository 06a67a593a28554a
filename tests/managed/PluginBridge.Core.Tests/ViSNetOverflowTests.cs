using PluginBridge.Core.Potentials;

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
