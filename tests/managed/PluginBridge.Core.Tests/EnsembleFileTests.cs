using System.Text.Json.Nodes;
using PluginBridge.Core.Potentials;
using PluginBridge.Core.Potentials.Ensemble;
using PluginBridge.Core.Potentials.ViSNet;

namespace PluginBridge.Core.Tests;

/// <summary>Ensemble files: what they say, by name and path, and what is refused.</summary>
[NonParallelizable]
public class EnsembleFileTests
{
    [Test]
    public void AnEnsembleIsAModel()
    {
        using var files = new EnsembleTestModels();
        files.Calibrate(0.25, 1.5, "kcal/mol/angstrom");
        string path = files.Write();
        string hash = EnsembleTestModels.HashOf(File.ReadAllBytes(path));
        using IPotential potential = PotentialCatalog.Load(path, hash);
        Assert.That(potential, Is.TypeOf<EnsemblePotential>());
        using ViSNetPotential member = ViSNetPotential.Load(files.Member(0));
        Assert.That(potential.Info, Is.EqualTo(member.Info with { Name = "committee", Hash = hash }));
        Assert.That(((EnsemblePotential)potential).MemberCount, Is.EqualTo(3));
        ForceErrorCalibration calibration = ((EnsemblePotential)potential).Calibration!;
        Assert.That(calibration.Floor, Is.EqualTo(10.46).Within(1e-12));
        Assert.That(calibration.Scale, Is.EqualTo(1.5));
        Assert.That((potential.SupportsElement(16), potential.SupportsElement(26), potential.SupportsBox), Is.EqualTo((true, false, true)));
        Assert.That(() => PotentialCatalog.Load(path, new string('0', 64)), Throws.TypeOf<PluginBridgeException>().With.Message.Contains(hash));
    }

    [Test]
    public void ByNameFolderAndWithoutExtension()
    {
        using var files = new EnsembleTestModels();
        string folder = Path.Combine(files.Folder, "inside");
        Directory.CreateDirectory(folder);
        string network = files.Member(0);
        foreach (JsonNode? member in files.Members)
            member!["file"] = "../" + member["file"];
        files.Write(Path.Combine("inside", "inside.json"));
        File.Copy(Path.Combine(folder, "inside.json"), Path.Combine(folder, "bare"));
        string? previous = Environment.GetEnvironmentVariable(PotentialCatalog.PathVariable);
        Environment.SetEnvironmentVariable(PotentialCatalog.PathVariable, files.Folder);
        try
        {
            Assert.That(PotentialCatalog.List(), Does.Contain("inside"));
            foreach (string name in new[] { "inside", folder, folder + "/", Path.Combine(folder, "inside.json"), Path.Combine(folder, "bare") })
            {
                using IPotential potential = PotentialCatalog.Load(name);
                Assert.That(potential, Is.TypeOf<EnsemblePotential>(), name);
            }
            // A network of the folder's name goes first.
            File.Copy(network, Path.Combine(folder, "inside.safetensors"));
            using IPotential single = PotentialCatalog.Load("inside");
            Assert.That(single, Is.TypeOf<ViSNetPotential>());
        }
        finally
        {
            Environment.SetEnvironmentVariable(PotentialCatalog.PathVariable, previous);
        }
        Assert.That(() => PotentialCatalog.Load(Path.Combine(folder, "none.json")), Throws.TypeOf<PluginBridgeException>().With.Message.Contains("none.json"));
    }

    [Test]
    public void NotFromMemory()
    {
        using var files = new EnsembleTestModels();
        byte[] bytes = File.ReadAllBytes(files.Write());
        var e = Assert.Throws<PluginBridgeException>(() => PotentialCatalog.LoadMemory(bytes));
        Assert.That(e!.Code, Is.EqualTo(ErrorCode.Unsupported));
        Assert.That(e.Message, Does.Contain("ensemble").And.Contain("path"));
    }

    [Test]
    public void Unreadable()
    {
        using var files = new EnsembleTestModels();
        string path = files.Write();
        File.WriteAllText(path, File.ReadAllText(path)[..^5]);
        Refused(path, ErrorCode.File, "committee.json", "not JSON");
        File.WriteAllText(path, "[]");
        Refused(path, ErrorCode.File, "committee.json", "'type' is missing");
    }

    [TestCase("type", "\"committee\"", ErrorCode.Unsupported, "its type is 'committee'")]
    [TestCase("format", "2", ErrorCode.Unsupported, "version is 2")]
    [TestCase("name", null, ErrorCode.File, "'name' is missing")]
    [TestCase("members", "[]", ErrorCode.File, "0 members")]
    [TestCase("members", "{}", ErrorCode.File, "'members' is not a list")]
    [TestCase("members", "[{\"file\": \"a\"}]", ErrorCode.File, "'members[0].sha256' is missing")]
    [TestCase("members", "[5]", ErrorCode.File, "'members[0].file' is missing")]
    [TestCase("calibration", "3", ErrorCode.File, "'calibration' is not an object")]
    [TestCase("calibration", "{\"form\": \"linear\"}", ErrorCode.Unsupported, "form 'linear'")]
    public void DamagedContent(string key, string? value, ErrorCode code, string part)
    {
        using var files = new EnsembleTestModels();
        files.Json.Remove(key);
        if (value is not null)
            files.Json[key] = JsonNode.Parse(value);
        Refused(files.Write(), code, "committee.json", part);
    }

    [TestCase("unit", "\"eV\"", ErrorCode.Unsupported, "'eV'")]
    [TestCase("floor", "-1", ErrorCode.File, "floor -1")]
    [TestCase("scale", "\"much\"", ErrorCode.File, "'calibration.scale' is not a number")]
    [TestCase("scale", "1e999", ErrorCode.File, "'calibration.scale' is not a finite number")]
    [TestCase("scale", null, ErrorCode.File, "'calibration.scale' is missing")]
    public void DamagedCalibration(string key, string? value, ErrorCode code, string part)
    {
        using var files = new EnsembleTestModels();
        files.Calibrate(0.5, 1, "kJ/mol/nm");
        var calibration = (JsonObject)files.Json["calibration"]!;
        calibration.Remove(key);
        if (value is not null)
            calibration[key] = JsonNode.Parse(value);
        Refused(files.Write(), code, "committee.json", part);
    }

    [Test]
    public void WrongMembers()
    {
        using var files = new EnsembleTestModels();
        string second = files.Member(1);
        string right = files.Members[1]!["sha256"]!.GetValue<string>();
        files.Members[1]!["sha256"] = new string('a', 64);
        Refused(files.Write(), ErrorCode.File, second, right, new string('a', 64));
        files.Members[1]!["sha256"] = right;

        File.Delete(second);
        Refused(files.Write(), ErrorCode.File, "committee.json", second, "does not exist");
        File.WriteAllText(second, "{ \"type\": \"ensemble\" }, which is no network");
        Refused(files.Write(), ErrorCode.File, second, "no network");
        File.WriteAllText(second, "long enough, but no model at all");
        Refused(files.Write(), ErrorCode.File, second);

        files.Members[1]!["file"] = "copy.safetensors";
        files.Members[1]!["sha256"] = files.Members[0]!["sha256"]!.GetValue<string>();
        Refused(files.Write(), ErrorCode.File, "'member-0.safetensors' and 'copy.safetensors'", "same file");
        files.Members.RemoveAt(2);
        files.Members.RemoveAt(1);
        Refused(files.Write(), ErrorCode.File, "1 member;");
    }

    [TestCase("target", "\"E_QM - E_nb\"", "target", "(E_QM - E_nb) differs")]
    [TestCase("base_force_field", "\"amber-ff19sb\"", "base force field", "amber-ff19sb")]
    [TestCase("reference_method", "\"B3LYP\"", "reference method", "B3LYP")]
    [TestCase("elements", "[1, 6, 7, 8, 15]", "elements", "H, C, N, O, P")]
    public void MembersThatDisagree(string key, string value, string what, string found)
    {
        using var files = new EnsembleTestModels(edit: (m, model) =>
        {
            if (m != 2)
                return;
            model.Header[key] = JsonNode.Parse(value);
            model.Header["reference_energies"]!["elements"]!["15"] = 1.0;
        });
        Refused(files.Write(), ErrorCode.File, "committee.json", $"the {what} of its member 'member-2.safetensors'", found, "'member-0.safetensors'");
    }

    [Test]
    public void OtherUnitsAndOrderOfElementsAreTheSameEnergy()
    {
        using var files = new EnsembleTestModels(edit: (m, model) =>
        {
            model.Header["units"]!["energy"] = m == 0 ? "kcal/mol" : "eV";
            if (m == 1)
                model.Header["elements"] = new JsonArray(16, 8, 7, 6, 1);
        });
        using EnsemblePotential ensemble = files.Load();
        Assert.That(ensemble.MemberCount, Is.EqualTo(3));
    }

    private static void Refused(string path, ErrorCode code, params string[] parts)
    {
        var e = Assert.Throws<PluginBridgeException>(() => PotentialCatalog.Load(path));
        Assert.That(e!.Code, Is.EqualTo(code), e.Message);
        foreach (string part in parts)
            Assert.That(e.Message, Does.Contain(part));
    }
}
