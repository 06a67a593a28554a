using System.Numerics;

namespace PluginBridge.Core.Potentials.ViSNet;

/// <summary>A ViSNet's weights packed for the kernels at one precision and register width. Shared by threads; unless it is
/// being trained (<see cref="SetWeights"/>), immutable.</summary>
/// <remarks>
/// Channels are padded with zeros to whole registers. Matrices that share an input are side by side, so one product
/// serves them. What the structure of the network makes free is left out:
/// vector features are zero in layer 0, so it has no vec_proj, s1, o1, o2 and no edge update; hence the edge features of
/// layers 0 and 1 are the same, and alike for both directions of a pair: dk, dv (and f_proj) of these layers are worked
/// out once a pair.
/// </remarks>
internal sealed class ViSNetNetwork<T, V>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where V : unmanaged, ISimd<V, T>
{
    public ViSNetNetwork(ViSNetWeights weights)
        : this(weights, out _)
    {
    }

    /// <param name="weights">The model.</param>
    /// <param name="map">Leads from the flat array of weights to this network, for <see cref="SetWeights"/>.</param>
    public ViSNetNetwork(ViSNetWeights weights, out WeightMap<T, V> map)
    {
        Header = weights.Header;
        int h = Header.HiddenChannels;
        H = Pad(h);
        B = Pad(Header.RadialFunctions);
        Half = Pad(h / 2);
        One = Pad(1);

        RadialMeans = Row(weights["rbf.means"], B);
        // A padded radial function is zero through its weights, and stays finite.
        RadialBetas = Row(weights["rbf.betas"], B);
        Mask = new T[H];
        Array.Fill(Mask, T.One, 0, h);

        map = new WeightMap<T, V>(new ViSNetParameters(weights));
        var rows = map;
        (NeighborEmbedding, NeighborGradient) = map.Rows("neighbor.embedding.weight", h, H);
        AtomEmbedding = new T[Header.Elements.Length * H];
        AtomGradient = map.Reserve(AtomEmbedding.Length);
        Radial = new Dense(map, B, 2 * H).Add("neighbor.distance_proj", 0, 0).Add("edge.proj", 0, H).Pack(out RadialT);
        Combine = new Dense(map, H, H).AddInputs("neighbor.combine.weight", h, h, 0, 0).Pack(out CombineT);
        Layers = [.. Enumerable.Range(0, Header.Layers).Select(l => new Layer(this, rows, l))];
        OutNorm = new Norm(map, "out_norm", h, H);
        Readout = [new ReadoutBlock(map, 0, H, h, Half, h / 2), new ReadoutBlock(map, 1, Half, h / 2, One, 1)];
        SetWeights(map, map.Parameters.Values(weights));
    }

    /// <summary>Takes new weights; nothing may be evaluated meanwhile.</summary>
    /// <param name="map">This network's map.</param>
    /// <param name="weights">All weights and a zero.</param>
    public void SetWeights(WeightMap<T, V> map, ReadOnlySpan<float> weights)
    {
        map.Fill(weights);
        ElementEmbedding.Combine(map.Parameters, weights, AtomEmbedding, H);
    }

    public readonly ViSNetHeader Header;

    /// <summary>Padded widths: channels, radial functions, half the channels, a single channel.</summary>
    public readonly int H, B, Half, One;

    /// <summary>Layers whose edge features are shared by both directions of a pair: 0 and 1.</summary>
    public int PairLayers => Math.Min(2, Header.Layers);

    /// <summary>Columns of a pair's products: dk, dv of layer 0, dk, dv of layer 1, f_proj of layer 1 if it is
    /// not the last.</summary>
    public int PairColumns => (Header.Layers == 1 ? 2 : Header.Layers == 2 ? 4 : 5) * H;

    public readonly T[] RadialMeans, RadialBetas, Mask, NeighborEmbedding, AtomEmbedding;
    public readonly Norm OutNorm;
    public readonly PackedMatrix<T, V> Radial, RadialT, Combine, CombineT;
    public readonly Layer[] Layers;
    public readonly ReadoutBlock[] Readout;

    /// <summary>First elements of the embeddings' gradients in an array of weight gradients.</summary>
    public readonly int NeighborGradient, AtomGradient;

    private static int Pad(int channels) => (channels + V.Count - 1) / V.Count * V.Count;

    private static T[] Row(ReadOnlySpan<float> values, int width)
    {
        var row = new T[width];
        for (int i = 0; i < values.Length; i++)
            row[i] = T.CreateTruncating(values[i]);
        return row;
    }

    /// <summary>Weight and bias of a layer normalisation.</summary>
    internal readonly struct Norm
    {
        public Norm(WeightMap<T, V> map, string name, int channels, int width)
        {
            (Weight, WeightGradient) = map.Rows(name + ".weight", channels, width);
            (Bias, BiasGradient) = map.Rows(name + ".bias", channels, width);
        }

        public readonly T[] Weight, Bias;

        /// <summary>First elements of their gradients in an array of weight gradients.</summary>
        public readonly int WeightGradient, BiasGradient;
    }

    /// <summary>Matrices of one message-passing layer; those ending in T take gradients back.</summary>
    internal sealed class Layer
    {
        public Layer(ViSNetNetwork<T, V> network, WeightMap<T, V> map, int index)
        {
            int H = network.H, h = network.Header.HiddenChannels;
            string name = $"layers.{index}.";
            First = index == 0;
            UpdatesEdges = index > 0 && index < network.Header.Layers - 1;
            PairFeatures = index < 2;
            Norm = new Norm(map, name + "norm", h, H);
            Attention = new Dense(map, H, 3 * H).Add(name + "q_proj", 0, 0).Add(name + "k_proj", 0, H)
                .Add(name + "v_proj", 0, 2 * H).Pack(out AttentionT);

            var message = new Dense(map, H, MessageBlocks * H);
            for (int part = First ? 1 : 0, column = 0; part < 2; part++, column += H)
                message.AddOutputs(name + "s_proj", part * h, h, 0, column);
            Message = message.Pack(out MessageT);

            var output = new Dense(map, H, OutputBlocks * H);
            for (int part = First ? 2 : 0, column = 0; part < 3; part++, column += H)
                output.AddOutputs(name + "o_proj", part * h, h, 0, column);
            Output = output.Pack(out OutputT);

            if (!First)
            {
                var vectors = new Dense(map, H, VectorBlocks * H);
                for (int part = 0; part < 3; part++)
                    vectors.AddOutputs(name + "vec_proj", part * h, h, 0, part * H);
                if (UpdatesEdges)
                    vectors.Add(name + "w_trg_proj", 0, 3 * H).Add(name + "w_src_proj", 0, 4 * H);
                Vectors = vectors.Pack(out VectorsT);
            }
            var edges = new Dense(map, H, EdgeBlocks * H).Add(name + "dk_proj", 0, 0).Add(name + "dv_proj", 0, H);
            if (UpdatesEdges)
                edges.Add(name + "f_proj", 0, 2 * H);
            Edges = edges.Pack(out EdgesT);
        }

        public readonly bool First, UpdatesEdges, PairFeatures;

        /// <summary>Blocks of H columns: (s1,) s2; (o1, o2,) o3; v1, v2, v3 (, target, source); dk, dv (, f).</summary>
        public int MessageBlocks => First ? 1 : 2;

        public int OutputBlocks => First ? 1 : 3;

        public int VectorBlocks => First ? 0 : UpdatesEdges ? 5 : 3;

        public int EdgeBlocks => UpdatesEdges ? 3 : 2;

        public readonly Norm Norm;
        public readonly PackedMatrix<T, V> Attention, AttentionT, Message, MessageT, Output, OutputT, Edges, EdgesT;
        public readonly PackedMatrix<T, V>? Vectors, VectorsT;
    }

    /// <summary>Matrices of one gated block of the read-out. The last block's gate and vec2_proj do not touch the energy and
    /// are left out.</summary>
    internal sealed class ReadoutBlock
    {
        public ReadoutBlock(WeightMap<T, V> map, int index, int input, int inputUsed, int output, int outputUsed)
        {
            string name = $"readout.{index}.";
            bool last = index == 1;
            Input = input;
            Output = output;
            var vectors = new Dense(map, input, last ? input : input + output).Add(name + "vec1_proj", 0, 0);
            if (!last)
                vectors.Add(name + "vec2_proj", 0, input);
            Vectors = vectors.Pack(out VectorsT);
            Hidden = new Dense(map, 2 * input, input).AddInputs(name + "update.0.weight", 0, inputUsed, 0, 0)
                .AddInputs(name + "update.0.weight", inputUsed, inputUsed, input, 0).AddBias(name + "update.0.bias", 0, inputUsed, 0)
                .Pack(out HiddenT);
            var final = new Dense(map, input, last ? output : 2 * output).AddOutputs(name + "update.2", 0, outputUsed, 0, 0);
            if (!last)
                final.AddOutputs(name + "update.2", outputUsed, outputUsed, 0, output);
            Final = final.Pack(out FinalT);
        }

        public readonly int Input, Output;
        public readonly PackedMatrix<T, V> Vectors, VectorsT, Hidden, HiddenT, Final, FinalT;
    }

    /// <summary>Assembles a matrix [inner, columns] from PyTorch's [outputs, inputs] tensors: notes where each element comes
    /// from.</summary>
    private sealed class Dense
    {
        private readonly WeightMap<T, V> _map;
        private readonly int _inner, _columns;
        private readonly int[] _source; // the matrix, then the bias row

        public Dense(WeightMap<T, V> map, int inner, int columns)
        {
            (_map, _inner, _columns) = (map, inner, columns);
            _source = new int[(inner + 1) * columns];
            Array.Fill(_source, map.Padding);
        }

        /// <summary>A whole linear layer (weight, and bias if the file has one), its inputs from row, its outputs from column.</summary>
        public Dense Add(string layer, int row, int column) =>
            AddOutputs(layer, 0, _map.Parameters[layer + ".weight"].Rows, row, column);

        /// <summary>Some outputs of a linear layer.</summary>
        public Dense AddOutputs(string layer, int firstOutput, int count, int row, int column)
        {
            var weight = _map.Parameters[layer + ".weight"];
            for (int o = 0; o < count; o++)
                for (int i = 0; i < weight.Columns; i++)
                    _source[(row + i) * _columns + column + o] = weight.Offset + (firstOutput + o) * weight.Columns + i;
            return _map.Parameters.Has(layer + ".bias") ? AddBias(layer + ".bias", firstOutput, count, column) : this;
        }

        /// <summary>All outputs of a matrix for some of its inputs, without bias.</summary>
        public Dense AddInputs(string tensor, int firstInput, int count, int row, int column)
        {
            var weight = _map.Parameters[tensor];
            for (int o = 0; o < weight.Rows; o++)
                for (int i = 0; i < count; i++)
                    _source[(row + i) * _columns + column + o] = weight.Offset + o * weight.Columns + firstInput + i;
            return this;
        }

        public Dense AddBias(string tensor, int first, int count, int column)
        {
            for (int o = 0; o < count; o++)
                _source[_inner * _columns + column + o] = _map.Parameters[tensor].Offset + first + o;
            return this;
        }

        /// <summary>The matrix and, for gradients, its transpose without bias.</summary>
        public PackedMatrix<T, V> Pack(out PackedMatrix<T, V> transposed) => _map.Matrix(_inner, _columns, _source, out transposed);
    }
}
