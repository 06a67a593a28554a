using FsCheck;
using FsCheck.Fluent;
using PluginBridge.Core.Fragmentation;

namespace PluginBridge.Core.Tests;

public class FragmentInclusionExclusionTests
{
    [Test]
    public void ThreeSetsWithACommonCore()
    {
        List<InclusionExclusion.Term> terms = InclusionExclusion.Expand([[1, 2, 9], [2, 3, 9], [1, 3, 9]]);
        Assert.That(terms.Select(t => $"{t.Coefficient} {string.Join(',', t.Atoms)}"),
            Is.EquivalentTo(new[] { "1 1,2,9", "1 2,3,9", "1 1,3,9", "-1 2,9", "-1 1,9", "-1 3,9", "1 9" }));
    }

    [Test]
    public void ContainedAndRepeatedSetsDropOut()
    {
        List<InclusionExclusion.Term> terms = InclusionExclusion.Expand([[1, 2, 3], [2, 3], [1, 2, 3], []]);
        Assert.That(terms, Has.Count.EqualTo(1));
        Assert.That((terms[0].Coefficient, terms[0].Atoms), Is.EqualTo((1, new[] { 1, 2, 3 })));
    }

    /// <summary>Any family of sets: every subset of up to four elements inside a primary is counted once, others never.</summary>
    [Test]
    public void EverySubsetIsCountedOnce()
    {
        const int Elements = 7;
        Gen<int[]> family = Gen.Choose(1, 6).SelectMany(n => Gen.Choose(1, (1 << Elements) - 1).ArrayOf(n));
        Prop.ForAll(family.ToArbitrary(), masks =>
        {
            int[][] primaries = [.. masks.Select(mask => Enumerable.Range(0, Elements).Where(e => (mask >> e & 1) == 1).ToArray())];
            List<InclusionExclusion.Term> terms = InclusionExclusion.Expand(primaries);
            for (int subset = 1; subset < 1 << Elements; subset++)
            {
                int[] atoms = [.. Enumerable.Range(0, Elements).Where(e => (subset >> e & 1) == 1)];
                int sum = terms.Where(t => atoms.All(t.Atoms.Contains)).Sum(t => t.Coefficient);
                if (sum != (masks.Any(mask => (mask & subset) == subset) ? 1 : 0))
                    return false;
            }

            return true;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(200).WithReplay(20261121, 7));
    }
}
