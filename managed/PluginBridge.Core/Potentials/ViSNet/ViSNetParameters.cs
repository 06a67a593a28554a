namespace PluginBridge.Core.Potentials.ViSNet;

/// <summary>A trained tensor's place in the flat array of weights.</summary>
/// <param name="Name">Name in the model file.</param>
/// <param name="Offset">First element.</param>
/// <param name="Rows">Length of the first dimension (outputs).</param>
/// <param name="Columns">Length of the second dimension (inputs); 0 for a vector.</param>
public readonly record struct ViSNetTensor(string Name, int Offset, int Rows, int Columns)
{
    /// <summary>Number of elements.</summary>
    public int Length => Rows * Math.Max(1, Columns);
}

/// <summary>The trained tensors of a model, one after the other in one array: in the model file's order, each row-major as
/// there. The radial functions' centres and widths are not trained and not among them.</summary>
internal sealed class ViSNetParameters
{
    private readonly Dictionary<string, ViSNetTensor> _byName = new(StringComparer.Ordinal);
    private readonly ViSNetTensor[] _tensors;

    public ViSNetParameters(ViSNetWeights weights)
    {
        foreach (string name in weights.Names)
        {
            if (name.StartsWith("rbf.", StringComparison.Ordinal))
                continue;
            var shape = weights.Shape(name);
            var tensor = new ViSNetTensor(name, Count, shape[0], shape.Count > 1 ? shape[1] : 0);
            _byName.Add(name, tensor);
            Count += tensor.Length;
        }
        _tensors = [.. _byName.Values.OrderBy(tensor => tensor.Offset)];
    }

    /// <summary>Elements of all tensors together.</summary>
    public int Count { get; }

    /// <summary>The tensors by offset.</summary>
    public IReadOnlyList<ViSNetTensor> Tensors => _tensors;

    public ViSNetTensor this[string name] => _byName[name];

    public bool Has(string name) => _byName.ContainsKey(name);

    /// <summary>A model file's values, and a zero behind them for what padding takes.</summary>
    public float[] Values(ViSNetWeights weights)
    {
        var values = new float[Count + 1];
        foreach (var tensor in _tensors)
            weights[tensor.Name].CopyTo(values.AsSpan(tensor.Offset));
        return values;
    }
}
