using System.Runtime.ExceptionServices;

namespace PluginBridge.Core.Potentials.Xtb;

/// <summary>
/// Runs calls of libxtb on a thread whose stack is large enough, one at a time.
/// libxtb keeps arrays of the order N² on the stack and crashes the process where they do not fit; measured with 6.5.1:
/// 3 MB for 281 atoms, 8 to 12 MB for 562, hence 32 N² bytes. It also has global state, hence one call at a time.
/// </summary>
internal static class XtbStack
{
    private const long BaseBytes = 16L << 20;
    private const long BytesPerPair = 64;

    private static readonly Lock _gate = new();

    /// <summary>Most atoms whose stack .NET can ask for.</summary>
    public static int MaxAtoms { get; } = (int)Math.Sqrt((int.MaxValue - BaseBytes) / (double)BytesPerPair);

    /// <summary>Stack for a molecule, twice what was measured.</summary>
    public static long RequiredBytes(int atoms) => BaseBytes + BytesPerPair * atoms * atoms;

    /// <summary>Runs something on such a thread and waits; its exception comes out here.</summary>
    /// <param name="work">The calls of libxtb.</param>
    /// <param name="largestMolecule">Atoms of the largest molecule, at most <see cref="MaxAtoms"/>.</param>
    /// <exception cref="PluginBridgeException">There is no room for the stack.</exception>
    public static void Run(Action work, int largestMolecule)
    {
        int stackBytes = checked((int)RequiredBytes(largestMolecule));
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(Body, stackBytes) { IsBackground = true, Name = "libxtb" };
        lock (_gate)
        {
            Start(thread, stackBytes);
            thread.Join();
        }
        failure?.Throw();

        void Body()
        {
            try
            {
                work();
            }
#pragma warning disable CA1031 // whatever it is, it is thrown again on the caller's thread
            catch (Exception error)
#pragma warning restore CA1031
            {
                failure = ExceptionDispatchInfo.Capture(error);
            }
        }
    }

    /// <summary>Calls of libxtb that need no such stack, as those that free its objects: on this thread, while no other runs.</summary>
    public static void RunHere(Action work)
    {
        lock (_gate)
            work();
    }

    private static void Start(Thread thread, int stackBytes)
    {
        try
        {
            thread.Start();
        }
        catch (Exception error) when (error is OutOfMemoryException or ThreadStartException)
        {
            throw new PluginBridgeException(ErrorCode.Calculation,
                $"no thread with a stack of {stackBytes >> 20} MB, which libxtb needs for its largest molecule here, can " +
                "be started. Raise the limit of address space (ulimit -v) or choose a fragment scheme.", error);
        }
    }
}
