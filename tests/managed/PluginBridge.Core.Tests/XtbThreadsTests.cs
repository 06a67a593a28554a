using System.Runtime.InteropServices;
using PluginBridge.Core.Potentials.Xtb;

namespace PluginBridge.Core.Tests;

/// <summary>Thread counts beneath libxtb.</summary>
public sealed unsafe class XtbThreadsTests
{
    [TestCase("4", 4L << 10)]
    [TestCase(" 512 k ", 512L << 10)]
    [TestCase("16M", 16L << 20)]
    [TestCase("1G", 1L << 30)]
    [TestCase("100B", 100L)]
    [TestCase("lots", null)]
    [TestCase("", null)]
    [TestCase(null, null)]
    public void Stack_sizes_are_read_as_OpenMP_reads_them(string? text, long? bytes) =>
        Assert.That(XtbThreads.ParseStackSize(text), Is.EqualTo(bytes));

    [Test]
    public void Counts_are_set_for_the_work_and_the_BLAS_of_the_host_gets_its_own_back()
    {
        XtbTestMolecules.RequireXtb();
        nint library = NativeLibrary.Load("libxtb.so.6");
        if (!NativeLibrary.TryGetExport(library, "openblas_get_num_threads", out nint blas) ||
            !NativeLibrary.TryGetExport(library, "openblas_set_num_threads", out nint setBlas))
        {
            Assert.Ignore("this libxtb does not use OpenBLAS");
            return;
        }
        var countBlas = (delegate* unmanaged[Cdecl]<int>)blas;
        var countOpenMP = (delegate* unmanaged[Cdecl]<int>)NativeLibrary.GetExport(library, "omp_get_max_threads");
        int before = countBlas();
        ((delegate* unmanaged[Cdecl]<int, void>)setBlas)(2);
        try
        {
            (int Blas, int OpenMP) during = default;
            XtbStack.Run(() => XtbLibrary.Shared.Threads.Run(1, 1 << 20, () => during = (countBlas(), countOpenMP())), 1);
            Assert.That(during, Is.EqualTo((1, 1)));
            Assert.That(countBlas(), Is.EqualTo(2));
            Assert.Throws<InvalidOperationException>(() => XtbLibrary.Shared.Threads.Run(1, 1 << 20,
                () => throw new InvalidOperationException()));
            Assert.That(countBlas(), Is.EqualTo(2), "after an exception");
        }
        finally
        {
            ((delegate* unmanaged[Cdecl]<int, void>)setBlas)(before);
        }
    }

    [Test]
    public void Helper_threads_start_with_the_stack_that_is_asked_for()
    {
        XtbTestMolecules.RequireXtb();
        const int wanted = 123 << 20;
        var size = (delegate* unmanaged[Cdecl]<byte*, nuint*, int>)NativeLibrary.GetExport(NativeLibrary.Load("libc.so.6"),
            "pthread_attr_getstacksize");
        var defaults = (delegate* unmanaged[Cdecl]<byte*, int>)NativeLibrary.GetExport(NativeLibrary.Load("libc.so.6"),
            "pthread_getattr_default_np");
        nuint before = Default(), during = 0;
        XtbLibrary.Shared.Threads.Run(2, wanted, () => during = Default());
        string? fixedSize = Environment.GetEnvironmentVariable("OMP_STACKSIZE");
        if (XtbThreads.ParseStackSize(fixedSize) is long bytes && bytes < wanted)
            Assert.That(during, Is.EqualTo(before));
        else
            Assert.That(during, Is.EqualTo((nuint)wanted));
        Assert.That(Default(), Is.EqualTo(before));

        nuint Default()
        {
            byte* attributes = stackalloc byte[256];
            nuint bytes = 0;
            _ = defaults(attributes);
            _ = size(attributes, &bytes);
            return bytes;
        }
    }

    [Test]
    public void Waiting_threads_sleep_unless_the_user_has_chosen()
    {
        const string policy = "OMP_WAIT_POLICY";
        var get = (delegate* unmanaged[Cdecl]<byte*, byte*>)NativeLibrary.GetExport(NativeLibrary.Load("libc.so.6"), "getenv");
        string? before = Native();
        if (before is null && Environment.GetEnvironmentVariable("GOMP_SPINCOUNT") is null)
        {
            using (OpenMPWaiting.Passive())
                Assert.That(Native(), Is.EqualTo("passive"));
            Assert.That(Native(), Is.Null);
        }

        string? managed = Environment.GetEnvironmentVariable(policy);
        Environment.SetEnvironmentVariable(policy, "active");
        try
        {
            using (OpenMPWaiting.Passive())
                Assert.That(Native(), Is.EqualTo(before), "what native code sees is left alone");
        }
        finally
        {
            Environment.SetEnvironmentVariable(policy, managed);
        }

        string? Native()
        {
            fixed (byte* name = "OMP_WAIT_POLICY\0"u8)
                return Marshal.PtrToStringUTF8((nint)get(name));
        }
    }
}
