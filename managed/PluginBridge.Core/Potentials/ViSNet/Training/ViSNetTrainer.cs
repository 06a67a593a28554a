using System.Runtime.Intrinsics;

namespace PluginBridge.Core.Potentials.ViSNet.Training;

/// <summary>A ViSNet whose weights change: energies and their gradients with respect to positions and to weights, for
/// training. Not thread-safe.</summary>
/// <remarks>
/// That is all a loss L of energies E_f and forces F_f = −dE_f/dx needs. With w_f = ∂L/∂E_f and v_f = ∂L/∂F_f,
/// dL/dθ = Σ_f w_f dE_f/dθ − d/dε [Σ_f dE_f/dθ (x_f + ε v_f)] at ε = 0, and the derivative along v is a difference of two calls
/// of <see cref="WeightGradient"/>, at x ± ε v. (Or, to first order in ε, at x + ε v and x: if ε is chosen beforehand the
/// latter, with seeds 1/ε, gives the energies and forces of the loss on the way.)
/// </remarks>
public sealed class ViSNetTrainer : IDisposable
{
    private readonly ViSNetParameters _parameters;
    private readonly ITrainingEngine _engine;
    private readonly float[] _weights; // and a zero
    private bool _disposed;

    /// <summary>Takes a copy of a model's weights.</summary>
    /// <param name="potential">The model to start from; it stays as it is.</param>
    /// <param name="threads">Threads of a call, at least one. Weight gradients depend on it by rounding, nothing else does.</param>
    /// <param name="doublePrecision">Calculate in double precision (for tests) instead of single.</param>
    /// <exception cref="PluginBridgeException">The number of threads is not positive.</exception>
    public ViSNetTrainer(ViSNetPotential potential, int threads = 1, bool doublePrecision = false)
    {
        ArgumentNullException.ThrowIfNull(potential);
        if (threads < 1)
            throw new PluginBridgeException(ErrorCode.InvalidArgument, $"The number of threads is {threads}; give 1 or more.");
        _parameters = new ViSNetParameters(potential.Weights);
        _weights = _parameters.Values(potential.Weights);
        _engine = doublePrecision ? CreateDouble(potential.Weights, threads) : CreateSingle(potential.Weights, threads);
    }

    /// <summary>The trained tensors and their places in the flat arrays: in the model file's order.</summary>
    public IReadOnlyList<ViSNetTensor> Tensors => _parameters.Tensors;

    /// <summary>Length of the flat arrays of weights and weight gradients.</summary>
    public int ParameterCount => _parameters.Count;

    /// <summary>Takes new weights.</summary>
    /// <exception cref="PluginBridgeException">InvalidArgument: wrong length, or not finite (the old weights stay).</exception>
    public void SetWeights(ReadOnlySpan<float> weights)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        FrameBatch.CheckLength(weights.Length, ParameterCount, "weights");
        for (int i = 0; i < weights.Length; i++)
            if (!float.IsFinite(weights[i]))
                throw new PluginBridgeException(ErrorCode.InvalidArgument,
                    $"A weight of tensor '{Tensors.Last(tensor => tensor.Offset <= i).Name}' (element {i}) is not finite.");
        weights.CopyTo(_weights);
        _engine.SetWeights(_weights);
    }

    /// <summary>Copies the weights out.</summary>
    /// <exception cref="PluginBridgeException">InvalidArgument: wrong length.</exception>
    public void GetWeights(Span<float> weights)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        FrameBatch.CheckLength(weights.Length, ParameterCount, "weights");
        _weights.AsSpan(0, ParameterCount).CopyTo(weights);
    }

    /// <summary>Energies, reference energies included, and gradients with respect to positions.</summary>
    /// <param name="batch">Frames.</param>
    /// <param name="energies">One a frame, kJ/mol.</param>
    /// <param name="gradients">dE/dr of every atom, kJ/mol/nm; empty: not wanted.</param>
    /// <exception cref="PluginBridgeException">InvalidArgument: lengths, positions. Unsupported: elements. Calculation:
    /// atoms that overlap, energies that are not finite.</exception>
    public void Energies(in FrameBatch batch, Span<double> energies, Span<double> gradients)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        batch.Check();
        FrameBatch.CheckLength(energies.Length, batch.Frames, "energies");
        if (!gradients.IsEmpty)
            FrameBatch.CheckLength(gradients.Length, batch.Positions.Length, "gradients");
        _engine.Evaluate(batch, energies, gradients, default, default, default);
    }

    /// <summary>Σ_f seed_f dE_f/dθ, and at little extra cost energies and gradients with respect to positions.</summary>
    /// <param name="batch">Frames.</param>
    /// <param name="seeds">One a frame.</param>
    /// <param name="weightGradient">One a weight, kJ/mol in units of the weights; overwritten. Zero for weights that do not
    /// act on the energy.</param>
    /// <param name="energies">As for <see cref="Energies"/>, without the seeds; empty: not wanted.</param>
    /// <param name="gradients">Likewise.</param>
    /// <exception cref="PluginBridgeException">As for <see cref="Energies"/>.</exception>
    public void WeightGradient(in FrameBatch batch, ReadOnlySpan<double> seeds, Span<double> weightGradient,
        Span<double> energies = default, Span<double> gradients = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        batch.Check();
        FrameBatch.CheckLength(seeds.Length, batch.Frames, "seeds");
        for (int f = 0; f < seeds.Length; f++)
            if (!double.IsFinite(seeds[f]))
                throw new PluginBridgeException(ErrorCode.InvalidArgument, $"The seed of frame {f} is not finite.");
        FrameBatch.CheckLength(weightGradient.Length, ParameterCount, "weight gradients");
        if (!energies.IsEmpty)
            FrameBatch.CheckLength(energies.Length, batch.Frames, "energies");
        if (!gradients.IsEmpty)
            FrameBatch.CheckLength(gradients.Length, batch.Positions.Length, "gradients");
        _engine.Evaluate(batch, energies, gradients, seeds, _weights, weightGradient);
    }

    /// <summary>Frees the buffers.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        _engine.Dispose();
    }

    private static ITrainingEngine CreateSingle(ViSNetWeights weights, int threads) =>
        Vector512.IsHardwareAccelerated ? new TrainingEngine<float, Simd512<float>>(weights, threads)
        : Vector256.IsHardwareAccelerated ? new TrainingEngine<float, Simd256<float>>(weights, threads)
        : new TrainingEngine<float, Simd128<float>>(weights, threads);

    private static ITrainingEngine CreateDouble(ViSNetWeights weights, int threads) =>
        Vector512.IsHardwareAccelerated ? new TrainingEngine<double, Simd512<double>>(weights, threads)
        : Vector256.IsHardwareAccelerated ? new TrainingEngine<double, Simd256<double>>(weights, threads)
        : new TrainingEngine<double, Simd128<double>>(weights, threads);
}
