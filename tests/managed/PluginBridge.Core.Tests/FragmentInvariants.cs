using PluginBridge.Core.Chemistry;
using PluginBridge.Core.Fragmentation;

namespace PluginBridge.Core.Tests;

/// <summary>What must hold for the fragments of any region, counted atom by atom and pair by pair.</summary>
internal static class FragmentInvariants
{
    private static readonly HashSet<string> _cuttable = ["CA-N", "CA-C", "CA-CB", "CB-CA", "N-CD"];

    /// <summary>Checks them all.</summary>
    public static void Check(Topology topology, TemplateAssignment assignment, IReadOnlyList<int> region, IReadOnlyList<Fragment> fragments)
    {
        CheckCounts(topology, region, fragments);
        CheckTerms(topology, assignment, region, fragments);
        CheckCaps(topology, assignment, fragments);
        Assert.That(fragments.Sum(f => f.Coefficient * f.Charge), Is.EqualTo(region.Sum(assignment.FormalCharge)), "total charge");
    }

    private static void CheckCounts(Topology topology, IReadOnlyList<int> region, IReadOnlyList<Fragment> fragments)
    {
        int count = topology.Atoms.Count;
        var sums = new double[count, count];
        var covered = new bool[count, count];
        foreach (Fragment f in fragments)
        {
            Assert.That(f.Atoms, Is.Ordered.And.Unique);
            foreach (int p in f.Atoms)
                foreach (int q in f.Atoms)
                {
                    sums[p, q] += f.Coefficient;
                    covered[p, q] = true;
                }
        }

        foreach (int p in region)
            Assert.That(covered[p, p], $"{topology.Describe(p)} is in no fragment");
        for (int p = 0; p < count; p++)
            for (int q = 0; q < count; q++)
                if (covered[p, q] && sums[p, q] != 1)
                    Assert.Fail($"{topology.Describe(p)} and {topology.Describe(q)} are counted {sums[p, q]} times");
    }

    /// <summary>Every force-field term of the region, and every other inside a fragment, is counted once.</summary>
    private static void CheckTerms(Topology topology, TemplateAssignment assignment, IReadOnlyList<int> region, IReadOnlyList<Fragment> fragments)
    {
        MolecularMechanicsTerms terms = AmberFf14sb.CreateTerms(topology, assignment);
        HashSet<int>[] sets = [.. fragments.Select(f => f.Atoms.ToHashSet())];
        var regionAtoms = region.ToHashSet();
        foreach (int[] term in terms.Angles.Select(t => new[] { t.A, t.B, t.C })
            .Concat(terms.Torsions.Select(t => new[] { t.A, t.B, t.C, t.D })))
        {
            double sum = Enumerable.Range(0, sets.Length).Where(f => term.All(sets[f].Contains)).Sum(f => fragments[f].Coefficient);
            bool isCovered = sets.Any(s => term.All(s.Contains));
            if (isCovered || term.All(regionAtoms.Contains))
                Assert.That(sum, Is.EqualTo(1), string.Join(", ", term.Select(topology.Describe)));
        }
    }

    private static void CheckCaps(Topology topology, TemplateAssignment assignment, IReadOnlyList<Fragment> fragments)
    {
        var sums = new Dictionary<(int, int), double>();
        foreach (Fragment f in fragments)
        {
            var inside = f.Atoms.ToHashSet();
            Assert.That(f.Caps.Select(c => c.Replaced), Is.Unique, $"{f.Label}: two caps in place of one atom");
            foreach (CapHydrogen cap in f.Caps)
            {
                Assert.That(inside.Contains(cap.Anchor) && !inside.Contains(cap.Replaced));
                string bond = $"{assignment.CanonicalName(cap.Anchor)}-{assignment.CanonicalName(cap.Replaced)}";
                Assert.That(_cuttable, Does.Contain(bond), f.Label);
                Assert.That(cap.BondLength, Is.EqualTo(topology.Atoms[cap.Anchor].AtomicNumber == 7 ? 0.101 : 0.109));
                sums[(cap.Anchor, cap.Replaced)] = sums.GetValueOrDefault((cap.Anchor, cap.Replaced)) + f.Coefficient;
            }

            int cut = f.Atoms.Sum(a => topology.Neighbors(a).ToArray().Count(n => !inside.Contains(n)));
            Assert.That(f.Caps, Has.Count.EqualTo(cut), f.Label);
        }

        foreach (CapHydrogen cap in fragments.SelectMany(f => f.Caps))
            Assert.That(sums[(cap.Anchor, cap.Replaced)], Is.EqualTo(cap.IsBorder ? 1 : 0),
                $"cap at {topology.Describe(cap.Anchor)} for {topology.Describe(cap.Replaced)}");
    }
}
