using PluginBridge.Interop;

namespace PluginBridge;

/// <summary>A hydrogen that closes the cut bond anchor → replaced.</summary>
/// <param name="Anchor">Atom that it is bonded to.</param>
/// <param name="Replaced">Atom in whose direction it lies.</param>
/// <param name="Length">Distance from the anchor, nm.</param>
/// <param name="IsBorder">The region itself ends here: no other fragment cancels the cap.</param>
public sealed record Cap(int Anchor, int Replaced, double Length, bool IsBorder);

/// <summary>A term of the signed sum.</summary>
/// <param name="Label">e.g. <c>D 2</c>, <c>K 2-3</c>, <c>whole</c>.</param>
/// <param name="Coefficient">c_f of the sum.</param>
/// <param name="Charge">Formal charge, e.</param>
/// <param name="UnpairedElectrons">Unpaired electrons.</param>
/// <param name="Atoms">Real atoms, ascending.</param>
/// <param name="Caps">Cap hydrogens.</param>
/// <param name="Residues">Residues that it has atoms of.</param>
public sealed record Fragment(string Label, double Coefficient, int Charge, int UnpairedElectrons,
    IReadOnlyList<int> Atoms, IReadOnlyList<Cap> Caps, IReadOnlyList<int> Residues);

/// <summary>A potential, a topology, a region and its fragments, checked. Immutable and shared by threads.</summary>
public sealed unsafe class FragmentedSystem : IDisposable
{
    private FragmentedSystem(pb_system* system)
    {
        Handle = new SystemHandle(system);
        AtomCount = checked((int)NativeMethods.pb_system_atom_count(system));
        FragmentCount = checked((int)NativeMethods.pb_system_fragment_count(system));
    }

    /// <summary>Atoms in its positions and forces.</summary>
    public int AtomCount { get; }

    /// <summary>Terms of the signed sum.</summary>
    public int FragmentCount { get; }

    internal SystemHandle Handle { get; }

    /// <summary>Assigns templates, checks coverage, builds the fragments.</summary>
    /// <exception cref="PluginBridgeException">Something is not covered; the message names the residue or atom.
    /// </exception>
    public static FragmentedSystem Create(Model model, SystemSpecification specification)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(specification);
        using var arguments = new NativeArguments();
        using var borrowed = new Borrowed(model.Handle);
        pb_host_terms terms = specification.HostTerms?.ToNative(arguments, specification.AtomicNumbers.Count) ?? default;
        pb_system_spec spec = specification.ToNative(arguments, specification.HostTerms is null ? null : &terms);
        pb_system* system;
        Ensure.Success(NativeMethods.pb_system_create((pb_model*)borrowed.Pointer, &spec, &system));
        return new FragmentedSystem(system);
    }

    /// <summary>Describes a fragment.</summary>
    /// <param name="index">0 to <see cref="FragmentCount"/> − 1.</param>
    public Fragment GetFragment(int index)
    {
        using var system = new Borrowed(Handle);
        var info = new pb_fragment_info { struct_size = (nuint)sizeof(pb_fragment_info) };
        Ensure.Success(NativeMethods.pb_system_get_fragment((pb_system*)system.Pointer, index, &info));
        var caps = new Cap[info.cap_count];
        for (int i = 0; i < caps.Length; i++)
            caps[i] = new Cap(info.caps[i].anchor, info.caps[i].replaced, info.caps[i].length, info.caps[i].is_border != 0);
        return new Fragment(Ensure.Text(info.label) ?? "", info.coefficient, info.charge, info.unpaired_electrons,
            new ReadOnlySpan<int>(info.atoms, checked((int)info.atom_count)).ToArray(), caps,
            new ReadOnlySpan<int>(info.residues, checked((int)info.residue_count)).ToArray());
    }

    /// <summary>Allocates the buffers of one caller.</summary>
    /// <param name="threads">Threads that one evaluation uses.</param>
    /// <param name="doublePrecision">Networks in double precision instead of single.</param>
    public Workspace CreateWorkspace(int threads = 1, bool doublePrecision = false)
    {
        using var system = new Borrowed(Handle);
        var options = new pb_workspace_options
        {
            struct_size = (nuint)sizeof(pb_workspace_options),
            threads = threads,
            double_precision = doublePrecision ? 1 : 0,
        };
        pb_workspace* workspace;
        Ensure.Success(NativeMethods.pb_workspace_create((pb_system*)system.Pointer, &options, &workspace));
        return new Workspace(workspace, AtomCount);
    }

    /// <summary>Frees it; its workspaces live on.</summary>
    public void Dispose() => Handle.Dispose();
}
