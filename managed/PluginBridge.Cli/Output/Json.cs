using System.Text.Json;

namespace PluginBridge.Cli.Output;

/// <summary>One JSON object on standard output.</summary>
internal static class Json
{
    internal static void Write(Action<Utf8JsonWriter> members)
    {
        using Stream output = Console.OpenStandardOutput();
        using (var writer = new Utf8JsonWriter(output))
        {
            writer.WriteStartObject();
            members(writer);
            writer.WriteEndObject();
        }
        output.WriteByte((byte)'\n');
    }
}
