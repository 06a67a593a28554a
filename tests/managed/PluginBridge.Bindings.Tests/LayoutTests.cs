using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using PluginBridge.Interop;

namespace PluginBridge.Bindings.Tests;

/// <summary>The generated structs lie in memory as the C compiler lays them out.</summary>
public sealed class LayoutTests
{
    [TestCase(typeof(pb_model_info))]
    [TestCase(typeof(pb_ensemble_info))]
    [TestCase(typeof(pb_host_terms))]
    [TestCase(typeof(pb_system_spec))]
    [TestCase(typeof(pb_cap))]
    [TestCase(typeof(pb_fragment_info))]
    [TestCase(typeof(pb_workspace_options))]
    [TestCase(typeof(pb_uncertainty))]
    [TestCase(typeof(pb_evaluation_options))]
    [TestCase(typeof(pb_trainer_options))]
    [TestCase(typeof(pb_tensor_info))]
    [TestCase(typeof(pb_frame_batch))]
    public void Sizes_and_offsets_are_those_of_C(Type type)
    {
        string[] lines = File.ReadAllLines(Path.Combine(BuiltLibrary.Root, "bindings", "generator", "pluginbridge.abi"));
        int start = Array.FindIndex(lines, line => line.StartsWith($"struct {type.Name} ", StringComparison.Ordinal));
        string[] fields = [.. lines.Skip(start + 1).TakeWhile(line => line.StartsWith(' '))
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Select(words => $"{words[0]} {words[^1]}")];
        Assert.That(lines[start], Is.EqualTo(string.Create(CultureInfo.InvariantCulture,
            $"struct {type.Name} {Marshal.SizeOf(type)}")));
        Assert.That(type.GetFields(BindingFlags.Instance | BindingFlags.Public)
            .Select(field => $"{Marshal.OffsetOf(type, field.Name)} {field.Name}"), Is.EqualTo(fields));
    }
}
