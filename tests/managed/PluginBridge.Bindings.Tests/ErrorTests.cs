using PluginBridge.Interop;

namespace PluginBridge.Bindings.Tests;

/// <summary>Errors of the library become exceptions with its message.</summary>
public sealed class ErrorTests
{
    [SetUp]
    public void RequireLibrary() => BuiltLibrary.Require();

    [Test]
    public void An_unknown_model_is_a_file_error() =>
        Expect<ModelFileException>(ErrorCode.File, "no-such-model", () => Model.Load("no-such-model"));

    [Test]
    public void Bytes_that_are_no_model_are_a_file_error() =>
        Expect<ModelFileException>(ErrorCode.File, "", () => Model.LoadFromMemory([1, 2, 3]));

    [Test]
    public void An_unknown_residue_is_a_topology_error() =>
        Expect<TopologyException>(ErrorCode.Topology, "GLY 2", () =>
        {
            int[] elements = [.. Dipeptide.Specification.AtomicNumbers];
            elements[14] = 9; // a fluorine in glycine
            Create(Dipeptide.Specification with { AtomicNumbers = elements });
        });

    [Test]
    public void An_element_without_parameters_is_unsupported()
    {
        Core.Tests.XtbTestMolecules.RequireXtb();
        Expect<UnsupportedException>(ErrorCode.Unsupported, "Z=92", () => Create(new SystemSpecification
        {
            AtomicNumbers = [92, 1],
            Bonds = [(0, 1)],
            TotalCharge = 0,
            HostTerms = new HostTerms(),
        }, "gfn2-xtb"));
    }

    [Test]
    public void Positions_that_are_no_numbers_are_an_argument_error()
    {
        using Model model = Model.Load("ff14sb");
        using FragmentedSystem system = FragmentedSystem.Create(model, Dipeptide.Specification);
        using Workspace workspace = system.CreateWorkspace();
        double[] positions = Dipeptide.Positions;
        positions[7] = double.NaN;
        Expect<InvalidArgumentException>(ErrorCode.InvalidArgument, "", () => workspace.Evaluate(positions));
        Expect<InvalidArgumentException>(ErrorCode.InvalidArgument, "positions", () => workspace.Evaluate(new double[3]));
        Expect<InvalidArgumentException>(ErrorCode.InvalidArgument, "virial",
            () => workspace.Evaluate(Dipeptide.Positions, virial: new double[6]));
    }

    [Test]
    public void Arrays_of_wrong_lengths_do_not_reach_the_library()
    {
        Expect<InvalidArgumentException>(ErrorCode.InvalidArgument, "AtomNames",
            () => Create(Dipeptide.Specification with { AtomNames = ["CA"] }));
        Expect<InvalidArgumentException>(ErrorCode.InvalidArgument, "BondParameters", () => Create(Dipeptide.Specification with
        {
            HostTerms = new HostTerms { BondAtoms = [0, 1], BondParameters = [0.1] },
        }));
        Expect<InvalidArgumentException>(ErrorCode.InvalidArgument, "AngleAtoms", () => Create(Dipeptide.Specification with
        {
            HostTerms = new HostTerms { AngleAtoms = [0, 1] },
        }));
    }

    [Test]
    public void Each_status_has_its_exception()
    {
        foreach (pb_status status in Enum.GetValues<pb_status>())
        {
            if (status == pb_status.PB_OK)
                Assert.DoesNotThrow(() => Ensure.Success(status));
            else
                Assert.That(Assert.Catch<PluginBridgeException>(() => Ensure.Success(status))!.Code,
                    Is.EqualTo((ErrorCode)status));
        }
        Assert.That(Enum.GetValues<ErrorCode>().Select(c => (int)c),
            Is.EqualTo(Enum.GetValues<pb_status>().Skip(1).Select(s => (int)s)));
    }

    [Test]
    public void A_missing_library_tells_where_it_was_looked_for()
    {
        MissingLibraryException error = NativeLibraryLocation.Missing("/nowhere/libpluginbridge.so");
        Assert.That(error.Message, Does.Contain("/nowhere/libpluginbridge.so").And.Contain("PLUGINBRIDGE_LIBRARY"));
        Assert.That(NativeLibraryLocation.Candidates("/tmp"), Is.EqualTo(new[] { "/tmp/libpluginbridge.so" }));
        Assert.That(NativeLibraryLocation.Candidates(""), Has.Count.EqualTo(2));
    }

    private static void Create(SystemSpecification specification, string name = "ff14sb")
    {
        using Model model = Model.Load(name);
        FragmentedSystem.Create(model, specification).Dispose();
    }

    private static void Expect<T>(ErrorCode code, string part, TestDelegate action)
        where T : PluginBridgeException
    {
        T error = Assert.Throws<T>(action)!;
        Assert.That(error.Code, Is.EqualTo(code));
        Assert.That(error.Message, Is.Not.Empty.And.Contain(part));
    }
}
