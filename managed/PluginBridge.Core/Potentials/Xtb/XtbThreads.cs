using System.Globalization;
using System.Runtime.InteropServices;

namespace PluginBridge.Core.Potentials.Xtb;

/// <summary>
/// Thread counts of what libxtb runs on: OpenMP (per calling thread) and OpenBLAS (per process). The host may use the
/// same OpenBLAS, so its count is put back after each call. Functions that are absent (another BLAS) are left alone.
/// </summary>
internal sealed unsafe class XtbThreads
{
    /// <summary>Larger than pthread_attr_t on every platform (56 bytes on x86-64).</summary>
    private const int AttributeBytes = 256;

    private readonly delegate* unmanaged[Cdecl]<int, void> _setOpenMP;
    private readonly delegate* unmanaged[Cdecl]<int, void> _setBlas;
    private readonly delegate* unmanaged[Cdecl]<int> _getBlas;
    private readonly delegate* unmanaged[Cdecl]<byte*, int> _getDefaultAttributes;
    private readonly delegate* unmanaged[Cdecl]<byte*, int> _setDefaultAttributes;
    private readonly delegate* unmanaged[Cdecl]<byte*, nuint, int> _setStackSize;
    private readonly delegate* unmanaged[Cdecl]<byte*, int> _destroyAttributes;

    /// <param name="library">libxtb; a look-up in it also searches the libraries that it depends on.</param>
    public XtbThreads(nint library)
    {
        _setOpenMP = (delegate* unmanaged[Cdecl]<int, void>)Find(library, "omp_set_num_threads");
        _setBlas = (delegate* unmanaged[Cdecl]<int, void>)Find(library, "openblas_set_num_threads");
        _getBlas = (delegate* unmanaged[Cdecl]<int>)Find(library, "openblas_get_num_threads");
        _getDefaultAttributes = (delegate* unmanaged[Cdecl]<byte*, int>)Find(library, "pthread_getattr_default_np");
        _setDefaultAttributes = (delegate* unmanaged[Cdecl]<byte*, int>)Find(library, "pthread_setattr_default_np");
        _setStackSize = (delegate* unmanaged[Cdecl]<byte*, nuint, int>)Find(library, "pthread_attr_setstacksize");
        _destroyAttributes = (delegate* unmanaged[Cdecl]<byte*, int>)Find(library, "pthread_attr_destroy");
    }

    private bool CanSetStacks => _getDefaultAttributes != null && _setDefaultAttributes != null &&
        _setStackSize != null && _destroyAttributes != null;

    /// <summary>Runs something with thread counts set. OpenMP's helper threads, which start inside, get stacks of
    /// the size that libxtb needs; where that cannot be had they are not used.</summary>
    /// <param name="threads">At least 1.</param>
    /// <param name="stackBytes">Stack that each thread needs.</param>
    /// <param name="work">Runs on the calling thread.</param>
    public void Run(int threads, long stackBytes, Action work)
    {
        bool helpers = threads > 1 && CanSetStacks && (StackOfEnvironment() ?? long.MaxValue) >= stackBytes;
        if (_setOpenMP != null)
            _setOpenMP(helpers ? threads : 1);
        int blasBefore = _getBlas != null && _setBlas != null ? _getBlas() : 0;
        if (blasBefore > 0 && blasBefore != threads)
            _setBlas(threads);
        try
        {
            if (helpers)
                WithDefaultStack(stackBytes, work);
            else
                work();
        }
        finally
        {
            if (blasBefore > 0 && blasBefore != threads)
                _setBlas(blasBefore);
        }
    }

    /// <summary>glibc's default stack size for threads made in the meantime, then as before.</summary>
    private void WithDefaultStack(long stackBytes, Action work)
    {
        byte* before = stackalloc byte[AttributeBytes];
        byte* during = stackalloc byte[AttributeBytes];
        if (_getDefaultAttributes(before) != 0)
        {
            work();
            return;
        }
        _ = _getDefaultAttributes(during);
        _ = _setStackSize(during, (nuint)stackBytes);
        _ = _setDefaultAttributes(during);
        try
        {
            work();
        }
        finally
        {
            _ = _setDefaultAttributes(before);
            _ = _destroyAttributes(before);
            _ = _destroyAttributes(during);
        }
    }

    /// <summary>Stack that the environment fixes for OpenMP's threads, or null.</summary>
    private static long? StackOfEnvironment() =>
        ParseStackSize(Environment.GetEnvironmentVariable("OMP_STACKSIZE")) ??
        ParseStackSize(Environment.GetEnvironmentVariable("GOMP_STACKSIZE"));

    /// <summary>Bytes of OMP_STACKSIZE: a number with an optional B, K (default), M or G; null if it is not one.</summary>
    internal static long? ParseStackSize(string? text)
    {
        text = text?.Trim().ToUpperInvariant();
        if (string.IsNullOrEmpty(text))
            return null;
        int shift = text[^1] switch { 'B' => 0, 'K' => 10, 'M' => 20, 'G' => 30, _ => -1 };
        string digits = shift < 0 ? text : text[..^1].TrimEnd();
        return long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out long size)
            ? size << (shift < 0 ? 10 : shift)
            : null;
    }

    private static nint Find(nint library, string name) =>
        NativeLibrary.TryGetExport(library, name, out nint address) ? address : 0;
}
