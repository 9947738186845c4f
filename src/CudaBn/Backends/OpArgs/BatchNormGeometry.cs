namespace CudaBn.Backends.OpArgs;

/// <summary>The sizes of one batch normalization, which sees every input as [N, C, S]. Channels-last images
/// [N, ..., C] are a view of it as well: [N * ..., C, 1].</summary>
/// <param name="Batch">N.</param>
/// <param name="Channels">C.</param>
/// <param name="Spatial">S: the product of the sizes after the channel, 1 for [N, C].</param>
public readonly record struct BatchNormGeometry(long Batch, int Channels, long Spatial)
{
    /// <summary>N * S: how many values a channel has.</summary>
    public long ValuesPerChannel => Batch * Spatial;

    /// <summary>Whether the tensor is a matrix [N, C] of several columns, whose neighbours in memory are of different
    /// channels.</summary>
    internal bool IsRows => Spatial == 1 && Channels > 1;
}
