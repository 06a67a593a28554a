namespace PluginBridge.Exports;

/// <summary>What a handle stands for.</summary>
internal enum HandleKind
{
    Model = 1,
    System = 2,
    Workspace = 3,
    Trainer = 4,
}

/// <summary>Something that C code holds a handle of. Disposed once, when the handle is freed.</summary>
internal abstract class HandleTarget(HandleKind kind) : IDisposable
{
    internal HandleKind Kind { get; } = kind;

    public abstract void Dispose();
}

/// <summary>
/// Handles are numbers, not addresses: a slot of this table with the slot's generation, marked so that no pointer of a
/// user program looks like one. A NULL, freed or foreign handle is therefore recognised without touching memory.
/// </summary>
internal static class HandleTable
{
    // 16 bits mark | 24 bits generation | 24 bits slot. User-space addresses have zeros where the mark is.
    private const ulong _mark = 0x5042UL << 48;
    private const int _slotBits = 24;
    private const ulong _fieldMask = (1UL << _slotBits) - 1;

    private static readonly Lock _lock = new();
    private static readonly List<(HandleTarget? Target, ulong Generation)> _slots = [];
    private static readonly Stack<int> _unused = new();

    internal static nint Add(HandleTarget target)
    {
        lock (_lock)
        {
            if (!_unused.TryPop(out int slot))
            {
                slot = _slots.Count;
                if ((ulong)slot > _fieldMask)
                    throw Guard.Invalid("Too many handles are open; free those no longer used.");
                _slots.Add((null, 0));
            }
            ulong generation = (_slots[slot].Generation + 1) & _fieldMask;
            _slots[slot] = (target, generation);
            return (nint)(_mark | (generation << _slotBits) | (uint)slot);
        }
    }

    internal static T Get<T>(nint handle) where T : HandleTarget
    {
        lock (_lock)
        {
            return Find(handle) is T target ? target : throw Unknown(handle, NameOf<T>());
        }
    }

    /// <summary>Takes a handle out of the table; the caller disposes of what it stood for.</summary>
    internal static HandleTarget Remove(nint handle, HandleKind kind)
    {
        lock (_lock)
        {
            if (Find(handle) is not { } target || target.Kind != kind)
            {
                PluginBridge.Core.PluginBridgeException unknown = Unknown(handle, NameOf(kind));
                Logger.Write(LogLevel.Warning, unknown.Message);
                throw unknown;
            }
            int slot = (int)((ulong)handle & _fieldMask);
            _slots[slot] = (null, _slots[slot].Generation);
            _unused.Push(slot);
            return target;
        }
    }

    private static HandleTarget? Find(nint handle)
    {
        ulong bits = (ulong)handle;
        if ((bits & ~((1UL << (2 * _slotBits)) - 1)) != _mark)
            return null;
        int slot = (int)(bits & _fieldMask);
        return slot < _slots.Count && _slots[slot].Generation == ((bits >> _slotBits) & _fieldMask)
            ? _slots[slot].Target
            : null;
    }

    private static PluginBridge.Core.PluginBridgeException Unknown(nint handle, string name) => Guard.Invalid(
        handle == 0 ? $"The {name} handle is NULL."
        : Find(handle) is { } other ? $"A {NameOf(other.Kind)} handle was given where a {name} is expected."
        : $"This is no {name} handle: it was freed, or never made by this library.");

    private static string NameOf<T>() where T : HandleTarget =>
        typeof(T) == typeof(ModelHandle) ? NameOf(HandleKind.Model)
        : typeof(T) == typeof(SystemHandle) ? NameOf(HandleKind.System)
        : typeof(T) == typeof(WorkspaceHandle) ? NameOf(HandleKind.Workspace)
        : NameOf(HandleKind.Trainer);

    private static string NameOf(HandleKind kind) => kind switch
    {
        HandleKind.Model => "pb_model",
        HandleKind.System => "pb_system",
        HandleKind.Workspace => "pb_workspace",
        _ => "pb_trainer",
    };
}
