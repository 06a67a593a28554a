using PluginBridge.Core.Engine;
using PluginBridge.Core.Fragmentation;
using PluginBridge.Core.Potentials;
using PluginBridge.Exports;

namespace PluginBridge.Core.Tests;

/// <summary>A time step as a host makes it, through the C interface with a network: nothing on the managed heap, so that no
/// garbage collection ever stops a simulation.</summary>
[TestFixture, NonParallelizable]
public unsafe class StepAllocationTests
{
    [Test]
    public void AStepAllocatesNothing([Values(FragmentScheme.Whole, FragmentScheme.Dipeptide)] FragmentScheme scheme,
        [Values(1, 2)] int threads, [Values] bool doublePrecision)
    {
        (Chemistry.Topology topology, double[] positions) = EngineTestSystems.TwoChains;
        using var shared = new Owned(EngineTestSystems.System(ViSNetTestModel.Potential(), topology, scheme),
            new EvaluationOptions { Threads = threads, DoublePrecision = doublePrecision });
        double[] moving = [.. positions], forces = new double[positions.Length];
        var random = new Random(1);
        for (int warm = 0; warm < 3; warm++)
            Step();
        // Of this thread, which does its share of the helpers' work: the test host's threads allocate whenever they like.
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int step = 0; step < 20; step++)
            Step();
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
        Assert.That(forces.Max(Math.Abs), Is.GreaterThan(0));

        // atoms move as in dynamics, so that pairs come and go
        void Step()
        {
            for (int c = 0; c < moving.Length; c++)
                moving[c] = positions[c] + 0.01 * random.NextDouble();
            shared.Evaluate(moving, forces);
        }
    }

    [Test]
    public void AnErrorIsStillAStatus()
    {
        (Chemistry.Topology topology, double[] positions) = EngineTestSystems.TwoChains;
        using var shared = new Owned(EngineTestSystems.System(ViSNetTestModel.Potential(), topology, FragmentScheme.Whole), new());
        double[] forces = new double[positions.Length];
        positions[4] = double.NaN;
        Assert.That(shared.Status(positions, forces), Is.Not.Zero);
        positions[4] = 0.1;
        Assert.That(shared.Status(positions, forces), Is.Zero);
    }

    /// <summary>A workspace behind a handle, called by the address that a C program has.</summary>
    private sealed class Owned : IDisposable
    {
        private readonly SystemHandle _system;
        private readonly nint _handle;

        public Owned(FragmentedSystem system, EvaluationOptions options)
        {
            _system = new SystemHandle(system, new SharedPotential(system.Potential));
            _handle = HandleTable.Add(new WorkspaceHandle(_system, options));
        }

        public void Evaluate(double[] positions, double[] forces)
        {
            if (Status(positions, forces) != 0)
                throw new InvalidOperationException("The evaluation failed.");
        }

        public int Status(double[] positions, double[] forces)
        {
            delegate* unmanaged[Cdecl]<nint, double*, PbEvaluationOptions*, double*, double*, double*, int> evaluate = &Evaluation.Evaluate;
            double energy;
            fixed (double* r = positions, f = forces)
                return evaluate(_handle, r, null, &energy, f, null);
        }

        public void Dispose()
        {
            HandleTable.Remove(_handle, HandleKind.Workspace).Dispose();
            _system.Dispose();
        }
    }
}
