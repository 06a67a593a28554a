using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using PluginBridge.Core.Potentials;
using PluginBridge.Core.Potentials.ViSNet;

namespace PluginBridge.Core.Tests;

/// <summary>Model files with random weights, written by the tests themselves, whole or spoilt.</summary>
internal sealed class ViSNetTestModel
{
    private static readonly int[] _elements = [1, 6, 7, 8, 16];

    public ViSNetTestModel(int channels = 32, int layers = 3, int heads = 4, int radial = 8, double cutoff = 5, int seed = 1,
        int envelopeExponent = 4, double normFloor = 0.01, double vectorNorm = 0)
    {
        Header = new JsonObject
        {
            ["format"] = 1,
            ["name"] = "random",
            ["architecture"] = new JsonObject
            {
                ["type"] = "visnet",
                ["hidden_channels"] = channels,
                ["num_layers"] = layers,
                ["num_heads"] = heads,
                ["num_rbf"] = radial,
                ["l_max"] = 1,
                ["cutoff"] = cutoff,
                ["envelope_exponent"] = envelopeExponent,
                ["norm_floor"] = normFloor,
                ["vector_norm"] = vectorNorm,
            },
            ["elements"] = new JsonArray([.. _elements.Select(z => (JsonNode)z)]),
            ["target"] = "E_QM - E_MM",
            ["base_force_field"] = "amber-ff14sb",
            ["reference_method"] = "none",
            ["units"] = new JsonObject { ["length"] = "angstrom", ["energy"] = "kcal/mol" },
            ["energy_scale"] = 1.0,
            ["reference_energies"] = new JsonObject
            {
                ["elements"] = new JsonObject([.. _elements.Select(z => KeyValuePair.Create($"{z}", (JsonNode?)(-0.5 * z)))]),
                ["charge"] = 0.3,
            },
        };
        AddTensors(channels, layers, radial, cutoff, new Random(seed));
    }

    public JsonObject Header { get; }

    public Dictionary<string, (int[] Shape, float[] Values)> Tensors { get; } = [];

    /// <summary>The potential of a default or given model.</summary>
    public static ViSNetPotential Potential(ViSNetTestModel? model = null) =>
        ViSNetPotential.Load((model ?? new ViSNetTestModel()).Bytes(), "random.safetensors");

    /// <summary>Random atoms at about a molecule's density, none closer than 0.08 nm; positions in nm.</summary>
    public static (Molecule Molecule, double[] Positions) Cluster(int atoms, int seed)
    {
        var random = new Random(seed);
        double size = 0.17 * Math.Cbrt(atoms) + 0.05;
        var points = new List<double[]>();
        while (points.Count < atoms)
        {
            double[] p = [size * random.NextDouble(), size * random.NextDouble(), size * random.NextDouble()];
            if (points.TrueForAll(q => p.Zip(q, (a, b) => (a - b) * (a - b)).Sum() > 0.0064))
                points.Add(p);
        }
        return (new Molecule([.. points.Select(_ => _elements[random.Next(_elements.Length)])], 1), [.. points.SelectMany(p => p)]);
    }

    /// <summary>The file: header length, header, data.</summary>
    public byte[] Bytes(bool withMetadata = true)
    {
        var json = new JsonObject();
        if (withMetadata)
            json["__metadata__"] = new JsonObject { ["pluginbridge"] = Header.ToJsonString() };
        using var data = new MemoryStream();
        foreach (var (name, (shape, values)) in Tensors)
        {
            long begin = data.Length;
            data.Write(MemoryMarshal.AsBytes(values.AsSpan()));
            json[name] = new JsonObject
            {
                ["dtype"] = "F32",
                ["shape"] = new JsonArray([.. shape.Select(n => (JsonNode)n)]),
                ["data_offsets"] = new JsonArray(begin, data.Length),
            };
        }
        return Assemble(json.ToJsonString(), data.ToArray());
    }

    public static byte[] Assemble(string header, byte[] data)
    {
        byte[] text = Encoding.UTF8.GetBytes(header), bytes = new byte[8 + text.Length + data.Length];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, text.Length);
        text.CopyTo(bytes, 8);
        data.CopyTo(bytes, 8 + text.Length);
        return bytes;
    }

    private void AddTensors(int h, int layers, int radial, double cutoff, Random random)
    {
        void Add(string name, double spread, params int[] shape) =>
            Tensors[name] = (shape, [.. Enumerable.Range(0, shape.Aggregate(1, (a, b) => a * b))
                .Select(_ => (float)(spread * (2 * random.NextDouble() - 1)))]);
        void Linear(string name, int outputs, int inputs, bool bias = true)
        {
            Add(name + ".weight", Math.Sqrt(6.0 / (inputs + outputs)), outputs, inputs);
            if (bias)
                Add(name + ".bias", 0.3, outputs);
        }

        void Norm(string name)
        {
            Add(name + ".weight", 0.3, h);
            Tensors[name + ".weight"] = ([h], [.. Tensors[name + ".weight"].Values.Select(w => 1 + w)]);
            Add(name + ".bias", 0.3, h);
        }

        Add("embedding.weight", 1, _elements.Length, h);
        double start = Math.Exp(-cutoff);
        Tensors["rbf.means"] = ([radial], [.. Enumerable.Range(0, radial).Select(k => (float)(start + k * (1 - start) / (radial - 1)))]);
        Tensors["rbf.betas"] = ([radial], [.. Enumerable.Repeat((float)Math.Pow(2.0 / radial * (1 - start), -2), radial)]);
        Add("neighbor.embedding.weight", 1, _elements.Length, h);
        Linear("neighbor.distance_proj", h, radial);
        Linear("neighbor.combine", h, 2 * h);
        Linear("edge.proj", h, radial);
        for (int l = 0; l < layers; l++)
        {
            string layer = $"layers.{l}.";
            Norm(layer + "norm");
            foreach (string name in (string[])["q_proj", "k_proj", "v_proj", "dk_proj", "dv_proj"])
                Linear(layer + name, h, h);
            Linear(layer + "vec_proj", 3 * h, h, bias: false);
            Linear(layer + "s_proj", 2 * h, h);
            Linear(layer + "o_proj", 3 * h, h);
            if (l == layers - 1)
                continue;
            Linear(layer + "f_proj", h, h);
            Linear(layer + "w_src_proj", h, h, bias: false);
            Linear(layer + "w_trg_proj", h, h, bias: false);
        }
        Norm("out_norm");
        for (int block = 0, input = h; block < 2; block++, input = h / 2)
        {
            int output = block == 0 ? h / 2 : 1;
            Linear($"readout.{block}.vec1_proj", input, input, bias: false);
            Linear($"readout.{block}.vec2_proj", output, input, bias: false);
            Linear($"readout.{block}.update.0", input, 2 * input);
            Linear($"readout.{block}.update.2", 2 * output, input);
        }
    }
}
