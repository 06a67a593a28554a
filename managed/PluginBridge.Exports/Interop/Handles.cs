using PluginBridge.Core.Engine;
using PluginBridge.Core.Fragmentation;
using PluginBridge.Core.Potentials;
using PluginBridge.Core.Potentials.ViSNet;
using PluginBridge.Core.Potentials.ViSNet.Training;

namespace PluginBridge.Exports;

/// <summary>A potential that a model handle, systems and workspaces share; the last to let go disposes of it.</summary>
internal sealed class SharedPotential(IPotential potential)
{
    private int _owners = 1;

    internal IPotential Value { get; } = potential;

    internal SharedPotential Share()
    {
        // From zero there is no way back: another thread is freeing the model at this moment.
        for (int owners = Volatile.Read(ref _owners); owners > 0; owners = Volatile.Read(ref _owners))
            if (Interlocked.CompareExchange(ref _owners, owners + 1, owners) == owners)
                return this;
        throw Guard.Invalid("The pb_model was freed by another thread during the call.");
    }

    internal void Release()
    {
        if (Interlocked.Decrement(ref _owners) == 0)
            Value.Dispose();
    }
}

/// <summary>What a <c>pb_model</c> stands for.</summary>
internal sealed class ModelHandle : HandleTarget
{
    private readonly Utf8String _name, _hash, _target, _referenceMethod;
    private readonly Utf8String? _baseForceField;

    internal ModelHandle(IPotential potential) : base(HandleKind.Model)
    {
        Potential = new SharedPotential(potential);
        PotentialInfo info = potential.Info;
        _name = new Utf8String(info.Name);
        _hash = new Utf8String(info.Hash);
        _target = new Utf8String(info.Target.Text());
        _baseForceField = info.BaseForceField is { } name ? new Utf8String(name) : null;
        _referenceMethod = new Utf8String(info.ReferenceMethod);
    }

    internal SharedPotential Potential { get; }

    internal unsafe PbModelInfo Describe() => new()
    {
        Name = _name.Pointer,
        Hash = _hash.Pointer,
        Target = _target.Pointer,
        BaseForceField = _baseForceField is null ? null : _baseForceField.Pointer,
        ReferenceMethod = _referenceMethod.Pointer,
        Cutoff = Potential.Value.Info.Cutoff,
    };

    public override void Dispose() => Potential.Release();
}

/// <summary>What a <c>pb_system</c> stands for.</summary>
internal sealed class SystemHandle : HandleTarget
{
    private readonly Lazy<FragmentArrays?[]> _fragments;

    internal SystemHandle(FragmentedSystem system, SharedPotential potential) : base(HandleKind.System)
    {
        System = system;
        Potential = potential.Share();
        _fragments = new(() => new FragmentArrays?[system.AllFragments.Count]);
    }

    internal FragmentedSystem System { get; }

    internal SharedPotential Potential { get; }

    internal int AtomCount => System.Topology.Atoms.Count;

    internal PbFragmentInfo Describe(long index)
    {
        FragmentArrays?[] fragments = _fragments.Value;
        if (index < 0 || index >= fragments.Length)
            throw Guard.Invalid($"Fragment index {index} is outside 0..{fragments.Length - 1}.");
        FragmentArrays? arrays = Volatile.Read(ref fragments[index]);
        if (arrays is null)
        {
            // Whoever comes second takes what the first has stored: a returned pointer must stay valid.
            var made = new FragmentArrays(System.AllFragments[(int)index]);
            arrays = Interlocked.CompareExchange(ref fragments[index], made, null) ?? made;
        }
        return arrays.Describe();
    }

    public override void Dispose() => Potential.Release();
}

/// <summary>A fragment's arrays where C code can point at them.</summary>
internal sealed unsafe class FragmentArrays
{
    private readonly Fragment _fragment;
    private readonly Utf8String _label;
    private readonly int[] _atoms, _residues;
    private readonly PbCap[] _caps;

    internal FragmentArrays(Fragment fragment)
    {
        _fragment = fragment;
        _label = new Utf8String(fragment.Label);
        _atoms = Pinned.Copy(fragment.Atoms);
        _residues = Pinned.Copy(fragment.Residues);
        _caps = Pinned.Copy([.. fragment.Caps.Select(cap => new PbCap
        {
            Anchor = cap.Anchor,
            Replaced = cap.Replaced,
            Length = cap.BondLength,
            IsBorder = cap.IsBorder ? 1 : 0,
        })]);
    }

    internal PbFragmentInfo Describe() => new()
    {
        Coefficient = _fragment.Coefficient,
        Charge = _fragment.Charge,
        UnpairedElectrons = _fragment.UnpairedElectrons,
        Label = _label.Pointer,
        AtomCount = _atoms.Length,
        Atoms = Pinned.Address(_atoms),
        CapCount = _caps.Length,
        Caps = Pinned.Address(_caps),
        ResidueCount = _residues.Length,
        Residues = Pinned.Address(_residues),
    };
}

/// <summary>A target that one caller at a time may use.</summary>
internal abstract class ExclusiveTarget(HandleKind kind, string name) : HandleTarget(kind)
{
    private int _busy;

    protected void Enter()
    {
        if (Interlocked.CompareExchange(ref _busy, 1, 0) != 0)
            throw Guard.Invalid($"The pb_{name} is in use by another thread; make one {name} a thread.");
    }

    protected void Leave() => Volatile.Write(ref _busy, 0);

    public sealed override void Dispose()
    {
        // Not entered: what is freed during its own call is left to the garbage collector.
        if (Interlocked.CompareExchange(ref _busy, 1, 0) != 0)
            throw Guard.Invalid($"The pb_{name} was freed while another thread uses it.");
        Release();
    }

    protected abstract void Release();
}

/// <summary>What a <c>pb_workspace</c> stands for.</summary>
internal sealed class WorkspaceHandle : ExclusiveTarget
{
    private readonly SharedPotential _potential;
    private readonly Workspace _workspace;

    internal WorkspaceHandle(SystemHandle system, EvaluationOptions options) : base(HandleKind.Workspace, "workspace")
    {
        AtomCount = system.AtomCount;
        _potential = system.Potential.Share();
        try
        {
            _workspace = system.System.CreateWorkspace(options);
        }
        catch
        {
            _potential.Release();
            throw;
        }
    }

    internal int AtomCount { get; }

    internal double Evaluate(ReadOnlySpan<double> positions, ReadOnlySpan<double> boxVectors, EnergyQuantity quantity,
        Span<double> forces, Span<double> virial, bool continued)
    {
        Enter();
        try
        {
            return _workspace.Evaluate(positions, boxVectors, quantity, forces, virial, continued);
        }
        finally
        {
            Leave();
        }
    }

    internal double EvaluateWithUncertainty(ReadOnlySpan<double> positions, ReadOnlySpan<double> boxVectors,
        EnergyQuantity quantity, Span<double> forces, Span<double> virial, ref Uncertainty uncertainty, bool continued)
    {
        Enter();
        try
        {
            return _workspace.EvaluateWithUncertainty(positions, boxVectors, quantity, forces, virial, ref uncertainty, continued);
        }
        finally
        {
            Leave();
        }
    }

    protected override void Release()
    {
        _workspace.Dispose();
        _potential.Release();
    }
}

/// <summary>What a <c>pb_trainer</c> stands for.</summary>
internal sealed class TrainerHandle : ExclusiveTarget
{
    private readonly ViSNetTrainer _trainer;
    private readonly Utf8String[] _names;

    internal TrainerHandle(ViSNetPotential model, int threads, bool doublePrecision) : base(HandleKind.Trainer, "trainer")
    {
        _trainer = new ViSNetTrainer(model, threads, doublePrecision);
        _names = [.. _trainer.Tensors.Select(tensor => new Utf8String(tensor.Name))];
    }

    internal int ParameterCount => _trainer.ParameterCount;

    internal int TensorCount => _names.Length;

    internal unsafe PbTensorInfo Describe(long index)
    {
        if (index < 0 || index >= _names.Length)
            throw Guard.Invalid($"Tensor index {index} is outside 0..{_names.Length - 1}.");
        ViSNetTensor tensor = _trainer.Tensors[(int)index];
        return new PbTensorInfo
        {
            Name = _names[index].Pointer,
            Offset = tensor.Offset,
            Rows = tensor.Rows,
            Columns = tensor.Columns,
        };
    }

    /// <summary>Lets one caller at a time use the trainer.</summary>
    internal void Use(Action<ViSNetTrainer> call)
    {
        Enter();
        try
        {
            call(_trainer);
        }
        finally
        {
            Leave();
        }
    }

    protected override void Release() => _trainer.Dispose();
}
