namespace PluginBridge.Core.Potentials.ViSNet;

/// <summary>Steps of an evaluation, in the order in which they run (those with a layer once a layer).</summary>
internal enum ViSNetStep
{
    PairGeometry,
    AtomEmbedding,
    PairFeatures,
    PairProducts,
    EdgeMessages,
    AtomUpdate,
    Readout,
    PairProductsAgain,
    EdgeMessagesReverse,
    PairGradients,
    SourceGradients,
    AtomUpdateReverse,
    PairProductsReverse,
    PairFeaturesReverse,
    AtomEmbeddingReverse,
    PairGeometryReverse,
    Gradients,
}

/// <summary>A step, its layer and, of steps that go chunk by chunk, its chunk.</summary>
internal readonly record struct ViSNetStage(ViSNetStep Step, int Layer = 0, int Chunk = 0);

internal sealed unsafe partial class ViSNetGraph<T, V>
{
    /// <summary>All stages for the molecule at hand; the first <see cref="EnergyStages"/> of them give the energy.</summary>
    public List<ViSNetStage> Stages { get; } = [];

    public int EnergyStages { get; private set; }

    private int NodeBlocks => (_atoms + NodeBlock - 1) / NodeBlock;

    private int PairBlocks => (_pairs + PairBlock - 1) / PairBlock;

    /// <summary>Whether the blocks of a step are pairs.</summary>
    private static bool IsOfPairs(ViSNetStep step) => step is ViSNetStep.PairGeometry or ViSNetStep.PairFeatures or ViSNetStep.PairProducts or ViSNetStep.PairProductsAgain
        or ViSNetStep.PairGradients or ViSNetStep.PairProductsReverse or ViSNetStep.PairFeaturesReverse
        or ViSNetStep.PairGeometryReverse;

    /// <summary>Blocks of a stage for the molecule at hand.</summary>
    public int Blocks(ViSNetStage stage) => stage.Step switch
    {
        _ when IsOfPairs(stage.Step) => PairBlocks,
        ViSNetStep.EdgeMessages => _edgeBlocks,
        ViSNetStep.EdgeMessagesReverse => _chunkBlock[stage.Chunk + 1] - _chunkBlock[stage.Chunk],
        _ => NodeBlocks,
    };

    /// <summary>Runs one block of a stage.</summary>
    public void Run(ViSNetStage stage, int block, ViSNetScratch<T> scratch)
    {
        switch (stage.Step)
        {
            case var step when IsOfPairs(step):
                int pair = block * PairBlock;
                RunPairs(stage, pair, Math.Min(pair + PairBlock, _pairs), scratch);
                break;
            case ViSNetStep.EdgeMessages:
                EdgeMessages(stage.Layer, _blockStart.Pointer[block], _blockStart.Pointer[block + 1], scratch);
                break;
            case ViSNetStep.EdgeMessagesReverse:
                block += _chunkBlock[stage.Chunk];
                EdgeMessagesReverse(stage.Layer, stage.Chunk, _blockStart.Pointer[block], _blockStart.Pointer[block + 1], scratch);
                break;
            default:
                int atom = block * NodeBlock;
                RunAtoms(stage, atom, Math.Min(atom + NodeBlock, _atoms), scratch);
                break;
        }
    }

    /// <summary>Sum over atoms of the network's output, in its energy unit before scale and reference.</summary>
    public double Energy()
    {
        double sum = 0;
        for (int i = 0; i < _atoms; i++)
            sum += _atomEnergy.Pointer[i];
        return sum;
    }

    private void RunPairs(ViSNetStage stage, int first, int end, ViSNetScratch<T> scratch)
    {
        switch (stage.Step)
        {
            case ViSNetStep.PairGeometry:
                PairGeometry(first, end, scratch);
                break;
            case ViSNetStep.PairFeatures:
                PairFeatures(first, end, scratch);
                break;
            case ViSNetStep.PairProducts or ViSNetStep.PairProductsAgain:
                PairProducts(stage.Layer, first, end, stage.Step == ViSNetStep.PairProductsAgain);
                break;
            case ViSNetStep.PairGradients:
                SumPairGradients(stage.Layer, stage.Chunk, first, end);
                break;
            case ViSNetStep.PairProductsReverse:
                PairProductsReverse(stage.Layer, first, end, scratch);
                break;
            case ViSNetStep.PairFeaturesReverse:
                PairFeaturesReverse(first, end);
                break;
            default:
                AddNeighborEmbedding(first, end);
                PairGeometryReverse(first, end, scratch);
                AddRadial(first, end);
                break;
        }
    }

    private void RunAtoms(ViSNetStage stage, int first, int end, ViSNetScratch<T> scratch)
    {
        switch (stage.Step)
        {
            case ViSNetStep.AtomEmbedding:
                AtomEmbedding(first, end, scratch);
                break;
            case ViSNetStep.AtomUpdate:
                AtomUpdate(stage.Layer, first, end, scratch);
                break;
            case ViSNetStep.Readout:
                Readout(first, end, scratch);
                break;
            case ViSNetStep.SourceGradients:
                for (int j = first; j < end; j++)
                    SumSourceGradients(stage.Layer, stage.Chunk, j);
                break;
            case ViSNetStep.AtomUpdateReverse:
                AtomUpdateReverse(stage.Layer, first, end, scratch);
                break;
            case ViSNetStep.AtomEmbeddingReverse:
                AtomEmbeddingReverse(first, end, scratch);
                break;
            default:
                SumGradients(first, end);
                break;
        }
    }

    private void BuildStages()
    {
        int layers = _net.Header.Layers;
        Stages.Clear();
        Stages.Add(new(ViSNetStep.PairGeometry));
        Stages.Add(new(ViSNetStep.AtomEmbedding));
        Stages.Add(new(ViSNetStep.PairFeatures));
        for (int l = 0; l < layers; l++)
        {
            if (_lean && l < 2)
                Stages.Add(new(ViSNetStep.PairProducts, l));
            Stages.Add(new(ViSNetStep.EdgeMessages, l));
            Stages.Add(new(ViSNetStep.AtomUpdate, l));
        }
        Stages.Add(new(ViSNetStep.Readout, layers));
        EnergyStages = Stages.Count;
        for (int l = layers - 1; l >= 0; l--)
            AddReverseStages(l);
        if (_lean)
            Stages.Add(new(ViSNetStep.PairGeometry)); // its radial projections have made room for others
        Stages.Add(new(ViSNetStep.PairFeaturesReverse));
        Stages.Add(new(ViSNetStep.AtomEmbeddingReverse));
        Stages.Add(new(ViSNetStep.PairGeometryReverse));
        Stages.Add(new(ViSNetStep.Gradients));
    }

    private void AddReverseStages(int l)
    {
        if (_lean && l < 2)
            Stages.Add(new(ViSNetStep.PairProductsAgain, l));
        for (int chunk = 0; chunk < _chunks; chunk++)
        {
            Stages.Add(new(ViSNetStep.EdgeMessagesReverse, l, chunk));
            if (_lean && l < 2)
                Stages.Add(new(ViSNetStep.PairGradients, l, chunk));
            Stages.Add(new(ViSNetStep.SourceGradients, l, chunk));
        }
        if (l < 2)
            Stages.Add(new(ViSNetStep.PairProductsReverse, l));
        Stages.Add(new(ViSNetStep.AtomUpdateReverse, l));
    }
}
