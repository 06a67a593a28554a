using PluginBridge.Core.IO;

namespace PluginBridge.Core.Potentials.ViSNet;

/// <summary>The tensors of a ViSNet model file with their header, checked for presence, shape and finite values.</summary>
internal sealed class ViSNetWeights
{
    private readonly SafetensorsFile _file;
    private readonly HashSet<string> _checked = [];

    private ViSNetWeights(SafetensorsFile file, ViSNetHeader header)
    {
        _file = file;
        Header = header;
    }

    public ViSNetHeader Header { get; }

    public string Hash => _file.Hash;

    /// <summary>Reads the header of a model file and checks every tensor that the architecture needs.</summary>
    /// <exception cref="PluginBridgeException">File or Unsupported, naming file and culprit.</exception>
    public static ViSNetWeights Read(SafetensorsFile file)
    {
        if (!file.Metadata.TryGetValue("pluginbridge", out string? text))
            throw new PluginBridgeException(ErrorCode.File,
                $"Cannot use model file '{file.Name}': it has no metadata 'pluginbridge', so it is no model of this program.");
        var weights = new ViSNetWeights(file, ViSNetHeader.Parse(text, file.Name));
        foreach (var (name, shape) in weights.Expected())
            weights.Check(name, shape);
        return weights;
    }

    /// <summary>Values of a tensor, row-major.</summary>
    public ReadOnlySpan<float> this[string name] => _file.Tensors[name].Values.Span;

    /// <summary>Tensors of the architecture in the file's order.</summary>
    public IEnumerable<string> Names => _file.Tensors.Keys.Where(_checked.Contains);

    /// <summary>Lengths of a tensor's dimensions.</summary>
    public IReadOnlyList<int> Shape(string name) => _file.Tensors[name].Shape;

    private void Check(string name, int[] shape)
    {
        if (!_file.Tensors.TryGetValue(name, out var tensor))
            throw new PluginBridgeException(ErrorCode.File,
                $"Cannot use model file '{_file.Name}': tensor '{name}' is missing.");
        if (!tensor.Shape.SequenceEqual(shape))
            throw new PluginBridgeException(ErrorCode.File,
                $"Cannot use model file '{_file.Name}': tensor '{name}' has shape {tensor.ShapeText}, "
                + $"its header asks for [{string.Join(", ", shape)}].");
        foreach (float value in tensor.Values.Span)
            if (!float.IsFinite(value))
                throw new PluginBridgeException(ErrorCode.File,
                    $"Cannot use model file '{_file.Name}': tensor '{name}' holds NaN or infinite values.");
        _checked.Add(name);
    }

    /// <summary>Every tensor of the architecture, with its shape in PyTorch's order [outputs, inputs].</summary>
    private IEnumerable<(string Name, int[] Shape)> Expected()
    {
        int h = Header.HiddenChannels, b = Header.RadialFunctions, e = Header.Elements.Length;
        yield return ("embedding.weight", [e, h]);
        yield return ("rbf.means", [b]);
        yield return ("rbf.betas", [b]);
        yield return ("neighbor.embedding.weight", [e, h]);
        foreach (var tensor in Linear("neighbor.distance_proj", h, b).Concat(Linear("neighbor.combine", h, 2 * h))
                     .Concat(Linear("edge.proj", h, b)))
            yield return tensor;
        for (int l = 0; l < Header.Layers; l++)
        {
            string layer = $"layers.{l}.";
            yield return (layer + "norm.weight", [h]);
            yield return (layer + "norm.bias", [h]);
            foreach (string name in (string[])["q_proj", "k_proj", "v_proj", "dk_proj", "dv_proj"])
                foreach (var tensor in Linear(layer + name, h, h))
                    yield return tensor;
            yield return (layer + "vec_proj.weight", [3 * h, h]);
            foreach (var tensor in Linear(layer + "s_proj", 2 * h, h).Concat(Linear(layer + "o_proj", 3 * h, h)))
                yield return tensor;
            if (l == Header.Layers - 1)
                continue;
            foreach (var tensor in Linear(layer + "f_proj", h, h))
                yield return tensor;
            yield return (layer + "w_src_proj.weight", [h, h]);
            yield return (layer + "w_trg_proj.weight", [h, h]);
        }
        yield return ("out_norm.weight", [h]);
        yield return ("out_norm.bias", [h]);
        for (int block = 0, input = h; block < 2; block++, input = h / 2)
        {
            int output = block == 0 ? h / 2 : 1;
            string name = $"readout.{block}.";
            yield return (name + "vec1_proj.weight", [input, input]);
            yield return (name + "vec2_proj.weight", [output, input]);
            foreach (var tensor in Linear(name + "update.0", input, 2 * input).Concat(Linear(name + "update.2", 2 * output, input)))
                yield return tensor;
        }
    }

    private static (string Name, int[] Shape)[] Linear(string name, int outputs, int inputs) =>
        [(name + ".weight", [outputs, inputs]), (name + ".bias", [outputs])];
}
