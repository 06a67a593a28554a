using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using PluginBridge.Core;
using PluginBridge.Core.Potentials.ViSNet;
using PluginBridge.Core.Potentials.ViSNet.Training;

namespace PluginBridge.Exports;

/// <summary>Networks whose weights change: the section <c>training</c> of <c>pluginbridge.h</c>.</summary>
public static unsafe class Training
{
    [UnmanagedCallersOnly(EntryPoint = "pb_trainer_create", CallConvs = [typeof(CallConvCdecl)])]
    public static int Create(nint model, PbTrainerOptions* options, nint* trainer) => Guard.Invoke(() =>
    {
        Output.Clear(trainer, nameof(trainer));
        ModelHandle owner = HandleTable.Get<ModelHandle>(model);
        PbTrainerOptions given = options == null ? default : Input.Read(options, "pb_trainer_options");
        if (given.Threads < 0)
            throw Guard.Invalid($"threads is {given.Threads}; give a positive number, or 0 for one.");
        if (given.DoublePrecision is not (0 or 1))
            throw Guard.Invalid($"double_precision is {given.DoublePrecision}; give 0 or 1.");
        if (owner.Potential.Value is not ViSNetPotential network)
            throw new PluginBridgeException(ErrorCode.Unsupported,
                $"'{owner.Potential.Value.Info.Name}' is no network of this program: only those can be trained.");
        *trainer = HandleTable.Add(new TrainerHandle(network, Math.Max(1, given.Threads), given.DoublePrecision == 1));
    });

    [UnmanagedCallersOnly(EntryPoint = "pb_trainer_free", CallConvs = [typeof(CallConvCdecl)])]
    public static void Free(nint trainer) => Guard.Free(trainer, HandleKind.Trainer);

    [UnmanagedCallersOnly(EntryPoint = "pb_trainer_parameter_count", CallConvs = [typeof(CallConvCdecl)])]
    public static long ParameterCount(nint trainer) => Guard.Query(-1L, () => HandleTable.Get<TrainerHandle>(trainer).ParameterCount);

    [UnmanagedCallersOnly(EntryPoint = "pb_trainer_tensor_count", CallConvs = [typeof(CallConvCdecl)])]
    public static long TensorCount(nint trainer) => Guard.Query(-1L, () => HandleTable.Get<TrainerHandle>(trainer).TensorCount);

    [UnmanagedCallersOnly(EntryPoint = "pb_trainer_get_tensor", CallConvs = [typeof(CallConvCdecl)])]
    public static int GetTensor(nint trainer, long index, PbTensorInfo* info) => Guard.Invoke(() =>
        Output.Write(info, HandleTable.Get<TrainerHandle>(trainer).Describe(index), "pb_tensor_info"));

    [UnmanagedCallersOnly(EntryPoint = "pb_trainer_set_weights", CallConvs = [typeof(CallConvCdecl)])]
    public static int SetWeights(nint trainer, float* weights, long count) => Guard.Invoke(() =>
    {
        TrainerHandle owner = HandleTable.Get<TrainerHandle>(trainer);
        CheckParameters(owner, weights, count, "weights");
        owner.Use(t => t.SetWeights(new ReadOnlySpan<float>(weights, (int)count)));
    });

    [UnmanagedCallersOnly(EntryPoint = "pb_trainer_get_weights", CallConvs = [typeof(CallConvCdecl)])]
    public static int GetWeights(nint trainer, float* weights, long count) => Guard.Invoke(() =>
    {
        TrainerHandle owner = HandleTable.Get<TrainerHandle>(trainer);
        CheckParameters(owner, weights, count, "weights");
        owner.Use(t => t.GetWeights(new Span<float>(weights, (int)count)));
    });

    [UnmanagedCallersOnly(EntryPoint = "pb_trainer_energies", CallConvs = [typeof(CallConvCdecl)])]
    public static int Energies(nint trainer, PbFrameBatch* batch, double* energies, double* gradients) => Guard.Invoke(() =>
    {
        TrainerHandle owner = HandleTable.Get<TrainerHandle>(trainer);
        PbFrameBatch given = Input.Read(batch, "pb_frame_batch");
        owner.Use(t =>
        {
            FrameBatch frames = Frames(given);
            t.Energies(frames,
                energies == null ? new double[frames.Frames] : new Span<double>(energies, frames.Frames),
                new Span<double>(gradients, gradients == null ? 0 : frames.Positions.Length));
        });
    });

    [UnmanagedCallersOnly(EntryPoint = "pb_trainer_weight_gradient", CallConvs = [typeof(CallConvCdecl)])]
    public static int WeightGradient(nint trainer, PbFrameBatch* batch, double* seeds, double* weightGradient, long count,
        double* energies, double* gradients) =>
        Guard.Invoke(() =>
        {
            TrainerHandle owner = HandleTable.Get<TrainerHandle>(trainer);
            PbFrameBatch given = Input.Read(batch, "pb_frame_batch");
            CheckParameters(owner, weightGradient, count, "weight_gradient");
            owner.Use(t =>
            {
                FrameBatch frames = Frames(given);
                t.WeightGradient(frames, CountedArray.Read(seeds, frames.Frames, 1, "seeds"),
                    new Span<double>(weightGradient, (int)count),
                    new Span<double>(energies, energies == null ? 0 : frames.Frames),
                    new Span<double>(gradients, gradients == null ? 0 : frames.Positions.Length));
            });
        });

    private static FrameBatch Frames(in PbFrameBatch given)
    {
        int frames = CountedArray.Count(given.FrameCount, "frame_count");
        ReadOnlySpan<int> atomCounts = CountedArray.Read(given.AtomCounts, frames, 1, "atom_counts");
        long total = 0;
        for (int f = 0; f < frames; f++)
            total += atomCounts[f] >= 1 ? atomCounts[f] : throw Guard.Invalid($"atom_counts[{f}] is {atomCounts[f]}.");
        int atoms = CountedArray.Count(total, "the sum of atom_counts");
        return new FrameBatch
        {
            AtomCounts = atomCounts,
            Charges = new ReadOnlySpan<int>(given.Charges, given.Charges == null ? 0 : frames),
            AtomicNumbers = CountedArray.Read(given.AtomicNumbers, atoms, 1, "atomic_numbers"),
            Positions = CountedArray.Read(given.Positions, atoms, 3, "positions"),
        };
    }

    private static void CheckParameters(TrainerHandle trainer, void* array, long count, string name)
    {
        if (array == null)
            throw Guard.Invalid($"{name} is NULL.");
        if (count != trainer.ParameterCount)
            throw Guard.Invalid($"count of {name} is {count}; the model has {trainer.ParameterCount} trained numbers.");
    }
}
