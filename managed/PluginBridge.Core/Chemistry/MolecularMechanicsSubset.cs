namespace PluginBridge.Core.Chemistry;

/// <summary>Parts of a set of force-field terms.</summary>
public static class MolecularMechanicsSubset
{
    /// <summary>Terms whose atoms all belong to a set, with indices into the set: E_base of a fragment's real atoms.</summary>
    /// <param name="terms">Terms of the whole system.</param>
    /// <param name="atoms">Indices of the set's atoms; the n-th becomes index n.</param>
    /// <exception cref="PluginBridgeException">An index is out of range or there twice.</exception>
    public static MolecularMechanicsTerms Subset(this MolecularMechanicsTerms terms, ReadOnlySpan<int> atoms)
    {
        var map = new int[terms.AtomCount];
        Array.Fill(map, -1);
        for (int i = 0; i < atoms.Length; i++)
        {
            if (atoms[i] < 0 || atoms[i] >= map.Length || map[atoms[i]] >= 0)
                throw new PluginBridgeException(ErrorCode.InvalidArgument, map.Length > atoms[i] && atoms[i] >= 0
                    ? $"Atom index {atoms[i]} is in the subset twice."
                    : $"Atom index {atoms[i]} of the subset is outside 0..{map.Length - 1}.");
            map[atoms[i]] = i;
        }

        var nonbonded = new NonbondedParameters[terms.Nonbonded.Count > 0 ? atoms.Length : 0];
        for (int i = 0; i < nonbonded.Length; i++)
            nonbonded[i] = terms.Nonbonded[atoms[i]];
        return new MolecularMechanicsTerms
        {
            AtomCount = atoms.Length,
            Bonds = [.. from t in terms.Bonds
                        where Inside(t.A, t.B)
                        select t with { A = map[t.A], B = map[t.B] }],
            Angles = [.. from t in terms.Angles
                         where Inside(t.A, t.B, t.C)
                         select t with { A = map[t.A], B = map[t.B], C = map[t.C] }],
            Torsions = [.. from t in terms.Torsions
                           where Inside(t.A, t.B, t.C, t.D)
                           select t with { A = map[t.A], B = map[t.B], C = map[t.C], D = map[t.D] }],
            RyckaertBellemansTorsions = [.. from t in terms.RyckaertBellemansTorsions
                                            where Inside(t.A, t.B, t.C, t.D)
                                            select t with { A = map[t.A], B = map[t.B], C = map[t.C], D = map[t.D] }],
            CmapTorsions = [.. from t in terms.CmapTorsions
                               where Inside(t.A1, t.A2, t.A3, t.A4) && Inside(t.B1, t.B2, t.B3, t.B4)
                               select new CmapTorsion(t.Map, map[t.A1], map[t.A2], map[t.A3], map[t.A4],
                                   map[t.B1], map[t.B2], map[t.B3], map[t.B4])],
            CmapGrids = terms.CmapGrids,
            Nonbonded = nonbonded,
            Exceptions = [.. from t in terms.Exceptions
                             where Inside(t.A, t.B)
                             select t with { A = map[t.A], B = map[t.B] }],
        };

        bool Inside(int a, int b, int c = -1, int d = -1) =>
            map[a] >= 0 && map[b] >= 0 && (c < 0 || map[c] >= 0) && (d < 0 || map[d] >= 0);
    }

    /// <summary>Bonded terms only, for potentials with the target E_QM − E_nb.</summary>
    public static MolecularMechanicsTerms BondedOnly(this MolecularMechanicsTerms terms) =>
        terms with { Nonbonded = [], Exceptions = [] };
}
