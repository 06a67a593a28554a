namespace PluginBridge.Core.Potentials.ViSNet;

/// <summary>Steps of an evaluation, in the order in which they run (those with a layer once a layer).</summary>
internal enum ViSNetStep
{
    PairGeometry,
    AtomEmbedding,
    PairFeatures,
    EdgeMessages,
    AtomUpdate,
    Readout,
    EdgeMessagesReverse,
    AtomUpdateReverse,
    PairProductsReverse,
    PairFeaturesReverse,
    AtomEmbeddingReverse,
    PairGeometryReverse,
    Gradients,
}

/// <summary>A step and its layer.</summary>
internal readonly record struct ViSNetStage(ViSNetStep Step, int Layer);

internal sealed unsafe partial class ViSNetGraph<T, V>
{
    /// <summary>All stages; the first <see cref="EnergyStages"/> of them give the energy.</summary>
    public ViSNetStage[] Stages { get; }

    public int EnergyStages { get; private set; }

    private int NodeBlocks => (_atoms + NodeBlock - 1) / NodeBlock;

    private int PairBlocks => (_pairs + PairBlock - 1) / PairBlock;

    /// <summary>Blocks of a stage for the molecule at hand.</summary>
    public int Blocks(ViSNetStage stage) => stage.Step switch
    {
        ViSNetStep.PairGeometry or ViSNetStep.PairFeatures or ViSNetStep.PairProductsReverse
            or ViSNetStep.PairFeaturesReverse or ViSNetStep.PairGeometryReverse => PairBlocks,
        ViSNetStep.EdgeMessages or ViSNetStep.EdgeMessagesReverse => _edgeBlocks,
        _ => NodeBlocks,
    };

    /// <summary>Runs one block of a stage.</summary>
    public void Run(ViSNetStage stage, int block, ViSNetScratch<T> scratch)
    {
        switch (stage.Step)
        {
            case ViSNetStep.PairGeometry or ViSNetStep.PairFeatures or ViSNetStep.PairProductsReverse
                or ViSNetStep.PairFeaturesReverse or ViSNetStep.PairGeometryReverse:
                int pair = block * PairBlock;
                RunPairs(stage, pair, Math.Min(pair + PairBlock, _pairs), scratch);
                break;
            case ViSNetStep.EdgeMessages:
                EdgeMessages(stage.Layer, _blockStart.Pointer[block], _blockStart.Pointer[block + 1], scratch);
                break;
            case ViSNetStep.EdgeMessagesReverse:
                EdgeMessagesReverse(stage.Layer, _blockStart.Pointer[block], _blockStart.Pointer[block + 1], scratch);
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
            case ViSNetStep.PairProductsReverse:
                PairProductsReverse(stage.Layer, first, end);
                break;
            case ViSNetStep.PairFeaturesReverse:
                PairFeaturesReverse(first, end, scratch);
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

    private ViSNetStage[] BuildStages()
    {
        int layers = _net.Header.Layers;
        List<ViSNetStage> stages = [new(ViSNetStep.PairGeometry, 0), new(ViSNetStep.AtomEmbedding, 0), new(ViSNetStep.PairFeatures, 0)];
        for (int l = 0; l < layers; l++)
        {
            stages.Add(new(ViSNetStep.EdgeMessages, l));
            stages.Add(new(ViSNetStep.AtomUpdate, l));
        }
        stages.Add(new(ViSNetStep.Readout, layers));
        EnergyStages = stages.Count;
        for (int l = layers - 1; l >= 0; l--)
        {
            stages.Add(new(ViSNetStep.EdgeMessagesReverse, l));
            if (l < 2)
                stages.Add(new(ViSNetStep.PairProductsReverse, l));
            stages.Add(new(ViSNetStep.AtomUpdateReverse, l));
        }
        stages.Add(new(ViSNetStep.PairFeaturesReverse, 0));
        stages.Add(new(ViSNetStep.AtomEmbeddingReverse, 0));
        stages.Add(new(ViSNetStep.PairGeometryReverse, 0));
        stages.Add(new(ViSNetStep.Gradients, 0));
        return [.. stages];
    }
}
