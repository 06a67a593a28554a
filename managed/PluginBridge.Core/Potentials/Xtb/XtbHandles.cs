using Microsoft.Win32.SafeHandles;

namespace PluginBridge.Core.Potentials.Xtb;

/// <summary>An object of libxtb, freed once whatever happens.</summary>
internal abstract class XtbHandle : SafeHandleZeroOrMinusOneIsInvalid
{
    private static int _liveCount;

    protected XtbHandle(XtbFunctions functions, nint pointer)
        : base(ownsHandle: true)
    {
        Functions = functions;
        SetHandle(pointer);
        if (!IsInvalid)
            Interlocked.Increment(ref _liveCount);
    }

    /// <summary>Objects that exist in this process; tests look for leaks with it.</summary>
    public static int LiveCount => Volatile.Read(ref _liveCount);

    protected XtbFunctions Functions { get; }

    protected abstract void Free();

    protected sealed override bool ReleaseHandle()
    {
        Free();
        Interlocked.Decrement(ref _liveCount);
        return true;
    }
}

/// <summary>Settings and error log of calculations.</summary>
internal sealed unsafe class XtbEnvironmentHandle(XtbFunctions functions)
    : XtbHandle(functions, (nint)functions.xtb_newEnvironment())
{
    public xtb_TEnvironment* Pointer => (xtb_TEnvironment*)handle;

    protected override void Free()
    {
        xtb_TEnvironment* pointer = Pointer;
        Functions.xtb_delEnvironment(&pointer);
    }
}

/// <summary>Elements, charge and coordinates.</summary>
internal sealed unsafe class XtbMoleculeHandle(XtbFunctions functions, xtb_TMolecule* pointer)
    : XtbHandle(functions, (nint)pointer)
{
    public xtb_TMolecule* Pointer => (xtb_TMolecule*)handle;

    protected override void Free()
    {
        xtb_TMolecule* pointer = Pointer;
        Functions.xtb_delMolecule(&pointer);
    }
}

/// <summary>Parameters of a method for one molecule.</summary>
internal sealed unsafe class XtbCalculatorHandle(XtbFunctions functions)
    : XtbHandle(functions, (nint)functions.xtb_newCalculator())
{
    public xtb_TCalculator* Pointer => (xtb_TCalculator*)handle;

    protected override void Free()
    {
        xtb_TCalculator* pointer = Pointer;
        Functions.xtb_delCalculator(&pointer);
    }
}

/// <summary>Wavefunction, energy and gradient of one calculation.</summary>
internal sealed unsafe class XtbResultsHandle(XtbFunctions functions)
    : XtbHandle(functions, (nint)functions.xtb_newResults())
{
    public xtb_TResults* Pointer => (xtb_TResults*)handle;

    protected override void Free()
    {
        xtb_TResults* pointer = Pointer;
        Functions.xtb_delResults(&pointer);
    }
}
