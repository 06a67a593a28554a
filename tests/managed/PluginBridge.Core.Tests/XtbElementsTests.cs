using System.Runtime.InteropServices;
using PluginBridge.Core.Potentials.Xtb;

namespace PluginBridge.Core.Tests;

/// <summary>The table of valence electrons and orbitals against libxtb's own basis.</summary>
public sealed unsafe class XtbElementsTests
{
    [Test]
    public void Electrons_and_orbitals_are_those_of_libxtb()
    {
        XtbTestMolecules.RequireXtb();
        nint library = NativeLibrary.Load("libxtb.so.6");
        var orbitals = (delegate* unmanaged[Cdecl]<xtb_TEnvironment*, xtb_TResults*, int*, void>)
            NativeLibrary.GetExport(library, "xtb_getNao");
        var occupations = (delegate* unmanaged[Cdecl]<xtb_TEnvironment*, xtb_TResults*, double*, void>)
            NativeLibrary.GetExport(library, "xtb_getOrbitalOccupations");
        var found = new List<(int Z, int Electrons, int Orbitals)>();
        XtbStack.Run(() => XtbLibrary.Shared.Threads.Run(1, 1 << 20, () =>
        {
            for (int z = 1; z <= XtbElements.Heaviest; z++)
                found.Add(Atom(z));
        }), 1);
        Assert.That(Enumerable.Range(1, XtbElements.Heaviest).Select(z => (z, XtbElements.Electrons(z), XtbElements.Orbitals(z))),
            Is.EqualTo(found));

        // an SCF that does not converge, as for some atoms, leaves these numbers right
        (int Z, int Electrons, int Orbitals) Atom(int z)
        {
            XtbFunctions xtb = XtbLibrary.Shared.Functions;
            using var environment = new XtbEnvironmentHandle(xtb);
            using var calculator = new XtbCalculatorHandle(xtb);
            using var results = new XtbResultsHandle(xtb);
            int count = 1, unpaired = 0, nao = 0;
            double charge = 0;
            double* x = stackalloc double[3] { 0, 0, 0 };
            using var molecule = new XtbMoleculeHandle(xtb,
                xtb.xtb_newMolecule(environment.Pointer, &count, &z, x, &charge, &unpaired, null, null));
            xtb.xtb_setVerbosity(environment.Pointer, 0);
            xtb.xtb_loadGFN2xTB(environment.Pointer, molecule.Pointer, calculator.Pointer, null);
            xtb.xtb_singlepoint(environment.Pointer, molecule.Pointer, calculator.Pointer, results.Pointer);
            orbitals(environment.Pointer, results.Pointer, &nao);
            double* occupation = stackalloc double[64];
            occupations(environment.Pointer, results.Pointer, occupation);
            double electrons = 0;
            for (int i = 0; i < nao; i++)
                electrons += occupation[i];
            return (z, (int)Math.Round(electrons), nao);
        }
    }
}
