namespace CudaBn.Backends.OpArgs;

/// <summary>The sizes of one batch normalization, which sees every input as [N, C, S].</summary>
/// <param name="Batch">N.</param>
/// <param name="Channels">C.</param>
/// <param name="Spatial">S: the product of the sizes after the channel, 1 for [N, C].</param>
public readonly record struct BatchNormGeometry(int Batch, int Channels, long Spatial)
{
    /// <summary>N * S: how many values a channel has.</summary>
    public long ValuesPerChannel => Batch * Spatial;
}
