using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Fragmentation;
using PluginBridge.Interop;

namespace PluginBridge.Cli.Library;

/// <summary>A <c>pb_system</c>: a whole topology under a model.</summary>
internal sealed unsafe class NativeSystem : IDisposable
{
    // PB_CHARGE_FROM_TEMPLATES of the header
    private const int _chargeFromTemplates = int.MinValue;

    private readonly pb_system* _handle;

    private NativeSystem(pb_system* handle) => _handle = handle;

    internal long FragmentCount => NativeMethods.pb_system_fragment_count(_handle);

    internal static NativeSystem Create(NativeModel model, Topology topology, FragmentScheme scheme)
    {
        using var memory = new NativeArena();
        var spec = new pb_system_spec
        {
            struct_size = (nuint)sizeof(pb_system_spec),
            atom_count = topology.Atoms.Count,
            atomic_numbers = memory.Copy([.. topology.Atoms.Select(atom => atom.AtomicNumber)]),
            bond_count = topology.Bonds.Count,
            bonds = memory.Copy([.. topology.Bonds.SelectMany(bond => new[] { bond.A, bond.B })]),
            total_charge = _chargeFromTemplates,
            residue_count = topology.Residues.Count,
            atom_residues = memory.Copy([.. topology.Atoms.Select(atom => atom.ResidueIndex)]),
            residue_names = memory.Texts([.. topology.Residues.Select(residue => residue.Name)]),
            residue_numbers = memory.Texts([.. topology.Residues.Select(residue => residue.Number)]),
            residue_chains = memory.Texts([.. topology.Residues.Select(residue => residue.Chain)]),
            atom_names = memory.Texts([.. topology.Atoms.Select(atom => atom.Name)]),
            scheme = (int)scheme,
        };
        pb_system* handle;
        CoreLibrary.Check(NativeMethods.pb_system_create(model.Handle, &spec, &handle));
        return new NativeSystem(handle);
    }

    /// <summary>Energy of everything at the model's level, kJ/mol, and the forces, kJ/mol/nm, if wanted.</summary>
    internal double TotalEnergy(double[] positions, int threads, bool doublePrecision, double[] forces)
    {
        var options = new pb_workspace_options
        {
            struct_size = (nuint)sizeof(pb_workspace_options),
            threads = threads,
            double_precision = doublePrecision ? 1 : 0,
        };
        pb_workspace* workspace;
        CoreLibrary.Check(NativeMethods.pb_workspace_create(_handle, &options, &workspace));
        try
        {
            var evaluation = new pb_evaluation_options
            {
                struct_size = (nuint)sizeof(pb_evaluation_options),
                quantity = (int)pb_quantity.PB_QUANTITY_TOTAL,
            };
            double energy;
            fixed (double* x = positions, f = forces)
                CoreLibrary.Check(NativeMethods.pb_evaluate(workspace, x, &evaluation, &energy, f, null));
            return energy;
        }
        finally
        {
            NativeMethods.pb_workspace_free(workspace);
        }
    }

    internal IEnumerable<Fragment> Fragments()
    {
        for (long i = 0; i < FragmentCount; i++)
            yield return FragmentAt(i);
    }

    private Fragment FragmentAt(long index)
    {
        var info = new pb_fragment_info { struct_size = (nuint)sizeof(pb_fragment_info) };
        CoreLibrary.Check(NativeMethods.pb_system_get_fragment(_handle, index, &info));
        var caps = new CapHydrogen[info.cap_count];
        for (int i = 0; i < caps.Length; i++)
            caps[i] = new CapHydrogen(info.caps[i].anchor, info.caps[i].replaced, info.caps[i].length, info.caps[i].is_border != 0);
        return new Fragment
        {
            Coefficient = info.coefficient,
            Charge = info.charge,
            UnpairedElectrons = info.unpaired_electrons,
            Label = CoreLibrary.Text(info.label),
            Atoms = new ReadOnlySpan<int>(info.atoms, (int)info.atom_count).ToArray(),
            Residues = new ReadOnlySpan<int>(info.residues, (int)info.residue_count).ToArray(),
            Caps = caps,
        };
    }

    public void Dispose() => NativeMethods.pb_system_free(_handle);
}
