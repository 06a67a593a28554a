using System.Security.Cryptography;
using System.Text.Json.Nodes;
using PluginBridge.Core.Potentials;
using PluginBridge.Core.Potentials.ViSNet;

namespace PluginBridge.Core.Tests;

/// <summary>Model files, good and bad: each error names the file and what is wrong with it.</summary>
[TestFixture]
public class ViSNetFileTests
{
    private const string FileName = "spoilt.safetensors";

    [Test]
    public void InfoIsTheHeaders()
    {
        byte[] bytes = new ViSNetTestModel().Bytes();
        using var potential = ViSNetPotential.Load(bytes, FileName);
        Assert.Multiple(() =>
        {
            Assert.That(potential.Info.Name, Is.EqualTo("random"));
            Assert.That(potential.Info.Target, Is.EqualTo(PotentialTarget.CorrectionToForceField));
            Assert.That(potential.Info.BaseForceField, Is.EqualTo("amber-ff14sb"));
            Assert.That(potential.Info.Cutoff, Is.EqualTo(0.5).Within(1e-15));
            Assert.That(potential.Info.Hash, Is.EqualTo(Convert.ToHexStringLower(SHA256.HashData(bytes))));
            Assert.That(potential.SupportsBox, Is.True);
        });
    }

    [TestCase("E_QM", PotentialTarget.Absolute)]
    [TestCase("E_QM - E_MM", PotentialTarget.CorrectionToForceField)]
    [TestCase("E_QM - E_nb", PotentialTarget.CorrectionToNonbonded)]
    public void TargetsAreKnown(string text, PotentialTarget target)
    {
        var model = new ViSNetTestModel();
        model.Header["target"] = text;
        using var potential = ViSNetPotential.Load(model.Bytes(), FileName);
        Assert.That(potential.Info.Target, Is.EqualTo(target));
    }

    [Test]
    public void AFileFromDiskIsTheSame()
    {
        byte[] bytes = new ViSNetTestModel().Bytes();
        string path = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"{Guid.NewGuid()}.safetensors");
        File.WriteAllBytes(path, bytes);
        try
        {
            using var potential = ViSNetPotential.Load(path);
            Assert.That(potential.Info.Hash, Is.EqualTo(Convert.ToHexStringLower(SHA256.HashData(bytes))));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Test]
    public void AMissingFileIsNamed()
    {
        var error = Assert.Throws<PluginBridgeException>(() => ViSNetPotential.Load("/nowhere/model.safetensors"));
        Assert.That(error!.Code, Is.EqualTo(ErrorCode.File));
        Assert.That(error.Message, Does.Contain("/nowhere/model.safetensors"));
    }

    [Test]
    public void ATruncatedFileIsRefusedAtAnyLength()
    {
        byte[] bytes = new ViSNetTestModel(8, 1, 2, 4).Bytes();
        for (int length = 0; length < bytes.Length; length += 97)
            Refused(bytes[..length], ErrorCode.File, "");
        Refused(bytes[..^1], ErrorCode.File, "truncated");
    }

    [Test]
    public void FilesWithoutOurMetadataAreRefused()
    {
        Refused(new ViSNetTestModel().Bytes(withMetadata: false), ErrorCode.File, "no metadata 'pluginbridge'");
        Refused("PK\u0003\u0004 this is some other file entirely"u8.ToArray(), ErrorCode.File, "not a safetensors file");
    }

    private static IEnumerable<TestCaseData> SpoiltHeaders()
    {
        static TestCaseData Case(Action<JsonObject> spoil, ErrorCode code, string culprit, string name) =>
            new TestCaseData(spoil, code, culprit).SetArgDisplayNames(name);
        yield return Case(h => h["format"] = 2, ErrorCode.Unsupported, "format version is 2", "format");
        yield return Case(h => h.Remove("format"), ErrorCode.File, "'metadata.format' is missing", "no format");
        yield return Case(h => h["architecture"]!["type"] = "mace", ErrorCode.Unsupported, "'mace'", "architecture");
        yield return Case(h => h["architecture"]!["l_max"] = 2, ErrorCode.Unsupported, "l_max is 2", "l_max");
        yield return Case(h => h["architecture"]!["hidden_channels"] = "many", ErrorCode.File, "hidden_channels' is not a number", "text");
        yield return Case(h => h["architecture"]!["num_heads"] = 5, ErrorCode.File, "num_heads is 5", "heads");
        yield return Case(h => h["architecture"]!["num_layers"] = 4, ErrorCode.File, "'layers.2.f_proj.weight' is missing", "layers");
        yield return Case(h => h["architecture"]!["hidden_channels"] = 64, ErrorCode.File, "'embedding.weight' has shape [5, 32]", "width");
        yield return Case(h => h["architecture"]!["cutoff"] = -1, ErrorCode.File, "cutoff is -1", "cutoff");
        yield return Case(h => h["architecture"]!["envelope_exponent"] = 2, ErrorCode.File, "envelope_exponent is 2", "envelope");
        yield return Case(h => h["architecture"]!["norm_floor"] = 0, ErrorCode.File, "norm_floor is 0", "norm floor");
        yield return Case(h => h["architecture"]!["vector_norm"] = -1, ErrorCode.File, "vector_norm is -1", "vector norm");
        yield return Case(h => h["elements"] = new JsonArray(1, 6, 6, 7, 8), ErrorCode.File, "elements", "elements twice");
        yield return Case(h => h["target"] = "E_DFT", ErrorCode.Unsupported, "'E_DFT'", "target");
        yield return Case(h => h["base_force_field"] = null, ErrorCode.File, "base_force_field", "no base force field");
        yield return Case(h => h["units"]!["energy"] = "rydberg", ErrorCode.Unsupported, "'rydberg'", "energy unit");
        yield return Case(h => h["units"]!["length"] = "bohr", ErrorCode.Unsupported, "'bohr'", "length unit");
        yield return Case(h => h["reference_energies"]!["elements"]!.AsObject().Remove("7"), ErrorCode.File,
            "'metadata.reference_energies.elements.7' is missing", "reference energy");
    }

    [TestCaseSource(nameof(SpoiltHeaders))]
    public void ASpoiltHeaderIsNamed(Action<JsonObject> spoil, ErrorCode code, string culprit)
    {
        var model = new ViSNetTestModel();
        spoil(model.Header);
        Refused(model.Bytes(), code, culprit);
    }

    [Test]
    public void AMissingTensorIsNamed()
    {
        var model = new ViSNetTestModel();
        model.Tensors.Remove("layers.1.s_proj.bias");
        Refused(model.Bytes(), ErrorCode.File, "'layers.1.s_proj.bias' is missing");
    }

    [Test]
    public void AMisshapenTensorIsNamed()
    {
        var model = new ViSNetTestModel();
        model.Tensors["layers.0.o_proj.weight"] = ([32, 96], new float[32 * 96]);
        Refused(model.Bytes(), ErrorCode.File, "'layers.0.o_proj.weight' has shape [32, 96], its header asks for [96, 32]");
    }

    [TestCase(float.NaN)]
    [TestCase(float.NegativeInfinity)]
    public void WeightsThatAreNotFiniteAreNamed(float value)
    {
        var model = new ViSNetTestModel();
        model.Tensors["readout.1.update.0.weight"].Values[7] = value;
        Refused(model.Bytes(), ErrorCode.File, "'readout.1.update.0.weight' holds NaN or infinite values");
    }

    private static void Refused(byte[] bytes, ErrorCode code, string culprit)
    {
        var error = Assert.Throws<PluginBridgeException>(() => ViSNetPotential.Load(bytes, FileName));
        Assert.That(error!.Code, Is.EqualTo(code), error.Message);
        Assert.That(error.Message, Does.Contain(FileName).And.Contain(culprit));
    }
}
