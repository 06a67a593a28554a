using System.Numerics;

namespace PluginBridge.Core.Potentials.ViSNet;

/// <summary>Sums of a row of channels within attention heads (contiguous groups of channels).</summary>
/// <param name="heads">Number of heads.</param>
/// <param name="channels">Channels, a multiple of the heads, without padding.</param>
internal readonly unsafe struct AttentionHeads<T, V>(int heads, int channels)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where V : unmanaged, ISimd<V, T>
{
    private readonly int _width = channels / heads;
    private readonly int _padded = (channels + V.Count - 1) / V.Count * V.Count;

    /// <summary>Replaces each channel by the sum over its head. Padding must be zero.</summary>
    public void Sum(T* row)
    {
        if (V.Count % _width == 0 && BitOperations.IsPow2(_width))
            SumWithinRegisters(row);
        else if (_width % V.Count == 0)
            SumRegisters(row);
        else
            SumScalars(row);
    }

    private void SumWithinRegisters(T* row)
    {
        for (int c = 0; c < _padded; c += V.Count)
            V.SumGroups(V.Load(row + c), _width).Store(row + c);
    }

    private void SumRegisters(T* row)
    {
        for (T* head = row; head < row + _padded; head += _width)
        {
            V sum = V.Load(head);
            for (int c = V.Count; c < _width; c += V.Count)
                sum += V.Load(head + c);
            sum = V.SumGroups(sum, V.Count);
            for (int c = 0; c < _width; c += V.Count)
                sum.Store(head + c);
        }
    }

    private void SumScalars(T* row)
    {
        for (int h = 0; h < heads; h++, row += _width)
        {
            T sum = row[0];
            for (int c = 1; c < _width; c++)
                sum += row[c];
            for (int c = 0; c < _width; c++)
                row[c] = sum;
        }
    }
}
