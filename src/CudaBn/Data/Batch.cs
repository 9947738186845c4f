namespace CudaBn;

/// <summary>Images and labels of one step.</summary>
/// <param name="Images">[N, channels, height, width] of real numbers.</param>
/// <param name="Labels">Int32 [N].</param>
public readonly record struct Batch(Tensor Images, Tensor Labels)
{
    /// <summary>N: the number of images.</summary>
    public int Count => Labels.Shape[0];
}
