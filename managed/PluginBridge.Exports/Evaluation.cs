using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using PluginBridge.Core;
using PluginBridge.Core.Engine;
using PluginBridge.Core.Potentials;

namespace PluginBridge.Exports;

/// <summary>Energies and forces: the section <c>evaluation</c> of <c>pluginbridge.h</c>.</summary>
public static unsafe class Evaluation
{
    private const int _sizeWithEnergySpread = 16;

    [UnmanagedCallersOnly(EntryPoint = "pb_workspace_create", CallConvs = [typeof(CallConvCdecl)])]
    public static int CreateWorkspace(nint system, PbWorkspaceOptions* options, nint* workspace) => Guard.Invoke(() =>
    {
        Output.Clear(workspace, nameof(workspace));
        SystemHandle owner = HandleTable.Get<SystemHandle>(system);
        PbWorkspaceOptions given = options == null ? default : Input.Read(options, "pb_workspace_options");
        if (given.Threads < 0)
            throw Guard.Invalid($"threads is {given.Threads}; give a positive number, or 0 for one.");
        if (given.DoublePrecision is not (0 or 1))
            throw Guard.Invalid($"double_precision is {given.DoublePrecision}; give 0 or 1.");
        *workspace = HandleTable.Add(new WorkspaceHandle(owner, new EvaluationOptions
        {
            Threads = Math.Max(1, given.Threads),
            DoublePrecision = given.DoublePrecision == 1,
        }));
    });

    [UnmanagedCallersOnly(EntryPoint = "pb_workspace_free", CallConvs = [typeof(CallConvCdecl)])]
    public static void FreeWorkspace(nint workspace) => Guard.Free(workspace, HandleKind.Workspace);

    [UnmanagedCallersOnly(EntryPoint = "pb_evaluate", CallConvs = [typeof(CallConvCdecl)])]
    public static int Evaluate(nint workspace, double* positions, PbEvaluationOptions* options, double* energy,
        double* forces, double* virial)
    {
        // Not through Guard.Invoke, whose closure would be the one thing on the managed heap that a time step leaves.
        try
        {
            EvaluateChecked(workspace, positions, options, energy, forces, virial);
            return 0;
        }
        catch (Exception exception)
        {
            return Guard.Fail(exception);
        }
    }

    private static void EvaluateChecked(nint workspace, double* positions, PbEvaluationOptions* options, double* energy,
        double* forces, double* virial)
    {
        WorkspaceHandle owner = HandleTable.Get<WorkspaceHandle>(workspace);
        if (positions == null)
            throw Guard.Invalid("positions is NULL.");
        PbEvaluationOptions given = options == null ? default : Input.Read(options, "pb_evaluation_options");
        if (given.Quantity is not ((int)EnergyQuantity.Correction or (int)EnergyQuantity.Total))
            throw Guard.Invalid($"quantity {given.Quantity} is not a pb_quantity.");
        if (given.Continued is not (0 or 1))
            throw Guard.Invalid($"pb_evaluation_options.continued is {given.Continued}, not 0 or 1: zero-initialise the struct.");
        if (given.EnvironmentCount != 0 || given.EnvironmentPositions != null || given.EnvironmentCharges != null
            || given.EnvironmentForces != null)
            throw new PluginBridgeException(ErrorCode.Unsupported,
                "Electrostatic embedding is not part of this version: environment_count must be 0, its arrays NULL.");

        int length = 3 * owner.AtomCount;
        var r = new ReadOnlySpan<double>(positions, length);
        var box = new ReadOnlySpan<double>(given.BoxVectors, given.BoxVectors == null ? 0 : 9);
        var quantity = (EnergyQuantity)given.Quantity;
        var f = new Span<double>(forces, forces == null ? 0 : length);
        var w = new Span<double>(virial, virial == null ? 0 : 9);
        bool continued = given.Continued == 1;
        double result;
        if (given.Uncertainty == null)
            result = owner.Evaluate(r, box, quantity, f, w, continued);
        else
        {
            PbUncertainty wanted = Input.Read(given.Uncertainty, "pb_uncertainty");
            if (wanted.StructSize < _sizeWithEnergySpread)
                throw Guard.Invalid($"pb_uncertainty.struct_size is {wanted.StructSize}: there is no room for energy_spread.");
            var uncertainty = new Uncertainty(
                new Span<double>(wanted.ForceSpreads, wanted.ForceSpreads == null ? 0 : owner.AtomCount),
                new Span<double>(wanted.ForceErrors, wanted.ForceErrors == null ? 0 : owner.AtomCount));
            result = owner.EvaluateWithUncertainty(r, box, quantity, f, w, ref uncertainty, continued);
            given.Uncertainty->EnergySpread = uncertainty.EnergySpread;
        }
        if (energy != null)
            *energy = result;
    }
}
