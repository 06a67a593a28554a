using PluginBridge.Core.Potentials;
using PluginBridge.Core.Potentials.ViSNet;

namespace PluginBridge.Core.Tests;

[NonParallelizable]
public class CatalogTests
{
    private string _folder = "";
    private string? _previous;

    [SetUp]
    public void MakeModelFolder()
    {
        _folder = Path.Combine(Path.GetTempPath(), $"pluginbridge-catalog-{Guid.NewGuid():N}");
        Directory.CreateDirectory(Path.Combine(_folder, "small"));
        File.Copy(FragmentTestFiles.Model("small.safetensors"), Path.Combine(_folder, "small", "small.safetensors"));
        Directory.CreateDirectory(Path.Combine(_folder, "empty"));
        _previous = Environment.GetEnvironmentVariable(PotentialCatalog.PathVariable);
        Environment.SetEnvironmentVariable(PotentialCatalog.PathVariable, $"/nowhere:{_folder}");
    }

    [TearDown]
    public void RemoveModelFolder()
    {
        Environment.SetEnvironmentVariable(PotentialCatalog.PathVariable, _previous);
        PotentialCatalog.LibraryDirectory = null;
        Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public void BuiltInNames()
    {
        using IPotential zero = PotentialCatalog.Load("ff14sb");
        Assert.That(zero, Is.TypeOf<ForceFieldOnlyPotential>());
        Assert.That((zero.Info.Target, zero.Info.BaseForceField, zero.Info.Hash), Is.EqualTo((PotentialTarget.CorrectionToForceField, "amber-ff14sb", "")));
        Assert.That(PotentialCatalog.List(), Does.Contain("ff14sb").And.Contain("small").And.Not.Contain("empty"));
    }

    [Test]
    public void ModelsByNamePathFolderAndMemory()
    {
        string file = Path.Combine(_folder, "small", "small.safetensors");
        byte[] bytes = File.ReadAllBytes(file);
        string hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes));
        foreach (string name in new[] { "small", file, Path.Combine(_folder, "small"), Path.Combine(_folder, "small") + "/" })
        {
            using IPotential model = PotentialCatalog.Load(name, hash);
            Assert.That(model, Is.TypeOf<ViSNetPotential>());
            Assert.That(model.Info.Hash, Is.EqualTo(hash));
        }

        using IPotential upper = PotentialCatalog.Load("small", hash.ToUpperInvariant());
        using IPotential memory = PotentialCatalog.LoadMemory(bytes);
        Assert.That(memory.Info.Hash, Is.EqualTo(hash));
    }

    [Test]
    public void ModelsBesideTheLibraryAndInItsPrefix()
    {
        Environment.SetEnvironmentVariable(PotentialCatalog.PathVariable, null);
        string prefix = Path.Combine(_folder, "prefix"), models = Path.Combine(prefix, "share", "pluginbridge", "models", "installed");
        Directory.CreateDirectory(models);
        File.Copy(FragmentTestFiles.Model("small.safetensors"), Path.Combine(models, "installed.safetensors"));
        PotentialCatalog.LibraryDirectory = Path.Combine(prefix, "lib", "pluginbridge");
        Assert.That(PotentialCatalog.List(), Does.Contain("installed"));
        using IPotential model = PotentialCatalog.Load("installed");
        Assert.That(model.Info.Hash, Has.Length.EqualTo(64));
    }

    [Test]
    public void UnknownNamesListWhatThereIs()
    {
        var e = Assert.Throws<PluginBridgeException>(() => PotentialCatalog.Load("larger"));
        Assert.That(e!.Code, Is.EqualTo(ErrorCode.File));
        Assert.That(e.Message, Does.Contain("'larger'").And.Contain("ff14sb").And.Contain("small").And.Contain(_folder).And.Contain("PLUGINBRIDGE_MODELS"));
        Assert.That(() => PotentialCatalog.Load("/nowhere/x.safetensors"), Throws.TypeOf<PluginBridgeException>().With.Message.Contains("/nowhere/x.safetensors"));
        Assert.That(() => PotentialCatalog.Load(" "), Throws.TypeOf<PluginBridgeException>().With.Message.Contains("No model"));
    }

    [Test]
    public void OtherHashesAreRefused()
    {
        string wrong = new('0', 64);
        var e = Assert.Throws<PluginBridgeException>(() => PotentialCatalog.Load("small", wrong));
        Assert.That(e!.Code, Is.EqualTo(ErrorCode.File));
        Assert.That(e.Message, Does.Contain(wrong).And.Match("[0-9a-f]{64}.*0{64}"));
        Assert.That(() => PotentialCatalog.Load("ff14sb", wrong), Throws.TypeOf<PluginBridgeException>().With.Message.Contains("built in"));
    }
}
