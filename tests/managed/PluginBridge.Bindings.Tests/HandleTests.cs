using PluginBridge.Interop;

namespace PluginBridge.Bindings.Tests;

/// <summary>Handles are freed once, in any order, also by the garbage collector.</summary>
public sealed class HandleTests
{
    [SetUp]
    public void RequireLibrary()
    {
        BuiltLibrary.Require();
        GC.Collect(); // handles that other tests left: they would be freed while these tests count
        GC.WaitForPendingFinalizers();
    }

    [Test]
    public void Every_handle_is_freed()
    {
        int before = NativeHandle.LiveCount;
        using (Model model = Model.Load("ff14sb"))
        using (FragmentedSystem system = FragmentedSystem.Create(model, Dipeptide.Specification))
        using (Workspace workspace = system.CreateWorkspace())
        {
            Assert.That(NativeHandle.LiveCount, Is.EqualTo(before + 3));
            Assert.Throws<ModelFileException>(() => Model.Load("no-such-model"));
        }
        Assert.That(NativeHandle.LiveCount, Is.EqualTo(before));
    }

    [Test]
    public void A_workspace_outlives_its_system_and_a_system_its_model()
    {
        Model model = Model.Load("ff14sb");
        FragmentedSystem system = FragmentedSystem.Create(model, Dipeptide.Specification);
        model.Dispose();
        using Workspace workspace = system.CreateWorkspace();
        double before = workspace.Evaluate(Dipeptide.Positions, quantity: EnergyQuantity.Total);
        system.Dispose();
        Assert.That(workspace.Evaluate(Dipeptide.Positions, quantity: EnergyQuantity.Total), Is.EqualTo(before));
    }

    [Test]
    public void What_is_freed_says_so()
    {
        Model model = Model.Load("ff14sb");
        FragmentedSystem system = FragmentedSystem.Create(model, Dipeptide.Specification);
        Workspace workspace = system.CreateWorkspace();
        workspace.Dispose();
        workspace.Dispose();
        system.Dispose();
        model.Dispose();
        Assert.Throws<ObjectDisposedException>(() => workspace.Evaluate(Dipeptide.Positions));
        Assert.Throws<ObjectDisposedException>(() => system.CreateWorkspace());
        Assert.Throws<ObjectDisposedException>(() => model.SupportsElement(6));
    }

    [Test]
    public void Forgotten_handles_are_collected()
    {
        int before = NativeHandle.LiveCount;
        Forget();
        for (int i = 0; i < 10 && NativeHandle.LiveCount > before; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        Assert.That(NativeHandle.LiveCount, Is.EqualTo(before));
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static void Forget() => Model.Load("ff14sb");
}
