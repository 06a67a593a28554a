using System.Runtime.InteropServices;
using PluginBridge.Core.Potentials;

namespace PluginBridge.Core.Tests;

/// <summary>libxtb's Fortran code prints nothing into the host's output, whether a calculation succeeds or fails.</summary>
public sealed unsafe partial class XtbSilenceTests
{
    [Test, NonParallelizable]
    public void Nothing_is_printed()
    {
        XtbTestMolecules.RequireXtb();
        nint fortran = NativeLibrary.Load("libgfortran.so.5");
        var flushFortran = (delegate* unmanaged[Cdecl]<int*, void>)NativeLibrary.GetExport(fortran, "_gfortran_flush_i4");
        string file = Path.GetTempFileName();
        TestContext.Out.Flush();
        int savedOut = Duplicate(1), savedError = Duplicate(2), target = Open(file, 1 /* O_WRONLY */);
        string printed;
        try
        {
            _ = Duplicate(target, 1);
            _ = Duplicate(target, 2);
            Compute();
            flushFortran(null);
            _ = Flush(0);
        }
        finally
        {
            _ = Duplicate(savedOut, 1);
            _ = Duplicate(savedError, 2);
            printed = File.ReadAllText(file);
            File.Delete(file);
        }
        Assert.That(printed, Is.Empty);
    }

    private static void Compute()
    {
        (Molecule molecule, double[] x) = XtbTestMolecules.DistortedGlycine();
        XtbTestMolecules.Evaluate(molecule, x);
        (molecule, x) = XtbTestMolecules.TornAcetate();
        Assert.Throws<PluginBridgeException>(() => XtbTestMolecules.Evaluate(molecule, x));
    }

    [LibraryImport("libc", EntryPoint = "dup")]
    private static partial int Duplicate(int descriptor);

    [LibraryImport("libc", EntryPoint = "dup2")]
    private static partial int Duplicate(int descriptor, int onto);

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fflush")]
    private static partial int Flush(nint stream);
}
