using System.Globalization;
using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Engine;
using PluginBridge.Core.Fragmentation;

namespace PluginBridge.Exports;

/// <summary><c>pb_system_spec</c> → <see cref="SystemSpecification"/>.</summary>
internal static unsafe class SpecificationReader
{
    private const int _chargeFromTemplates = int.MinValue;

    internal static SystemSpecification Read(in PbSystemSpec spec)
    {
        Topology topology = ReadTopology(spec);
        int atomCount = topology.Atoms.Count;
        if (!Enum.IsDefined((FragmentScheme)spec.Scheme))
            throw Guard.Invalid($"scheme {spec.Scheme} is not a pb_scheme.");
        if (spec.UnpairedElectrons < 0)
            throw Guard.Invalid($"unpaired_electrons is {spec.UnpairedElectrons}.");

        PbHostTerms? host = spec.HostTerms == null ? null : Input.Read(spec.HostTerms, "pb_host_terms");
        return new SystemSpecification
        {
            Topology = topology,
            Region = spec.Region == null ? null : ReadRegion(spec, atomCount),
            TotalCharge = spec.TotalCharge == _chargeFromTemplates ? null : spec.TotalCharge,
            UnpairedElectrons = spec.UnpairedElectrons,
            Scheme = (FragmentScheme)spec.Scheme,
            PairRadii = spec is { PairInner: 0, PairOuter: 0 } ? PairRadii.Default : new PairRadii(spec.PairInner, spec.PairOuter),
            HostTerms = host is { } terms ? HostTermsReader.Read(terms, atomCount) : null,
            Constraints = host is { } constrained ? HostTermsReader.ReadConstraints(constrained, atomCount) : null,
        };
    }

    private static int[] ReadRegion(in PbSystemSpec spec, int atomCount)
    {
        int[] region = CountedArray.ReadIndices(spec.Region, CountedArray.Count(spec.RegionCount, "region_count"), 1,
            atomCount, "region").ToArray();
        if (region.Length == 0)
            throw Guard.Invalid("The region is empty: region is given, but region_count is 0.");
        for (int i = 1; i < region.Length; i++)
            if (region[i] <= region[i - 1])
                throw Guard.Invalid($"region must ascend: region[{i}] = {region[i]} follows {region[i - 1]}.");
        return region;
    }

    private static Topology ReadTopology(in PbSystemSpec spec)
    {
        int atomCount = CountedArray.Count(spec.AtomCount, "atom_count");
        if (atomCount == 0)
            throw Guard.Invalid("atom_count is 0.");
        ReadOnlySpan<int> elements = CountedArray.Read(spec.AtomicNumbers, atomCount, 1, "atomic_numbers");
        for (int i = 0; i < atomCount; i++)
            if (elements[i] is < 1 or > 118)
                throw Guard.Invalid($"atomic_numbers[{i}] is {elements[i]}.");

        int residueCount = CountedArray.Count(spec.ResidueCount, "residue_count");
        ReadOnlySpan<int> residues = residueCount == 0 ? []
            : CountedArray.ReadIndices(spec.AtomResidues, atomCount, 1, residueCount, "atom_residues");
        string[] names = Utf8.ReadArray(spec.AtomNames, atomCount, "atom_names", _ => "");
        var atoms = new Atom[atomCount];
        for (int i = 0; i < atomCount; i++)
            atoms[i] = new Atom(i, names[i], elements[i], residueCount == 0 ? -1 : residues[i]);

        int bondCount = CountedArray.Count(spec.BondCount, "bond_count");
        ReadOnlySpan<int> bonded = CountedArray.ReadIndices(spec.Bonds, bondCount, 2, atomCount, "bonds");
        var bonds = new Bond[bondCount];
        for (int i = 0; i < bondCount; i++)
            bonds[i] = new Bond(bonded[2 * i], bonded[2 * i + 1]);
        return new Topology(atoms, ReadResidues(spec, residueCount, residues), bonds);
    }

    private static Residue[] ReadResidues(in PbSystemSpec spec, int residueCount, ReadOnlySpan<int> residueOfAtom)
    {
        if (residueCount == 0)
            return [];
        if (spec.ResidueNames == null)
            throw Guard.Invalid($"residue_names is NULL, but residue_count is {residueCount}.");
        string[] names = Utf8.ReadArray(spec.ResidueNames, residueCount, "residue_names", _ => "");
        string[] numbers = Utf8.ReadArray(spec.ResidueNumbers, residueCount, "residue_numbers",
            i => (i + 1).ToString(CultureInfo.InvariantCulture));
        string[] chains = Utf8.ReadArray(spec.ResidueChains, residueCount, "residue_chains", _ => "");

        var members = new List<int>[residueCount];
        for (int r = 0; r < residueCount; r++)
            members[r] = [];
        for (int i = 0; i < residueOfAtom.Length; i++)
            members[residueOfAtom[i]].Add(i);

        var residues = new Residue[residueCount];
        for (int r = 0; r < residueCount; r++)
        {
            residues[r] = new Residue(r, names[r], numbers[r], chains[r], members[r]);
            if (members[r].Count == 0)
                throw Guard.Invalid($"Residue {residues[r]} has no atoms: no entry of atom_residues is {r}.");
        }
        return residues;
    }
}
