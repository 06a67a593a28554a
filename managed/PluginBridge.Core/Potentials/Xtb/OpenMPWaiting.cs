using System.Runtime.InteropServices;

namespace PluginBridge.Core.Potentials.Xtb;

/// <summary>
/// Lets OpenMP threads that wait for each other sleep. GCC's run-time spins by default, and where another program wants a
/// processor too, its threads then wait for seconds in every step. It reads the environment when it is loaded.
/// </summary>
internal static partial class OpenMPWaiting
{
    private const string Policy = "OMP_WAIT_POLICY";

    private static readonly string[] _chosenByUser = [Policy, "GOMP_SPINCOUNT"];

    /// <summary>Passive waiting for an OpenMP run-time that is loaded before the result is disposed, unless the user has
    /// chosen or it is there already. Other libraries see the environment as it was.</summary>
    public static IDisposable Passive()
    {
        if (_chosenByUser.Any(name => Environment.GetEnvironmentVariable(name) is not null))
            return new Scope(false);
        return new Scope(SetEnvironment(Policy, "passive", 0) == 0);
    }

    // .NET's own functions change a copy of the environment that native code does not see.
    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);

    [LibraryImport("libc", EntryPoint = "unsetenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int UnsetEnvironment(string name);

    private sealed class Scope(bool isSet) : IDisposable
    {
        public void Dispose()
        {
            if (isSet)
                _ = UnsetEnvironment(Policy);
        }
    }
}
