using System.Globalization;
using System.Text.Json;

namespace PluginBridge.Performance;

/// <summary>The command line.</summary>
internal sealed class Options
{
    public Options(string[] args)
    {
        var words = new List<string>();
        for (int k = 0; k < args.Length; k++)
        {
            if (!args[k].StartsWith("--", StringComparison.Ordinal))
            {
                words.Add(args[k]);
                continue;
            }
            string name = args[k];
            string value = ++k < args.Length ? args[k] : throw new ArgumentException($"{name} needs a value.");
            switch (name)
            {
                case "--threads":
                    Threads = [.. value.Split(',').Select(part => (int)Positive(name, part))];
                    break;
                case "--repeats":
                    Repeats = (int)Positive(name, value);
                    break;
                case "--seconds":
                    Seconds = Positive(name, value);
                    break;
                case "--stream-mb":
                    StreamedElements = (long)(Positive(name, value) * (1 << 20) / sizeof(float));
                    break;
                default:
                    throw new ArgumentException($"The option {name} is unknown.");
            }
        }
        Words = words;
    }

    public static JsonSerializerOptions Json { get; } = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>The command and its files.</summary>
    public IReadOnlyList<string> Words { get; }

    public int[] Threads { get; } = [1];

    public int Repeats { get; } = 5;

    /// <summary>Length of one measurement.</summary>
    public double Seconds { get; } = 0.2;

    /// <summary>Numbers in each array that is to be larger than the caches.</summary>
    public long StreamedElements { get; } = 64L << 20;

    private static double Positive(string name, string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && value > 0
            ? value : throw new ArgumentException($"{name} is '{text}': give a positive number.");
}
