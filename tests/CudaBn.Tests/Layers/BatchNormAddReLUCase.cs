namespace CudaBn.Tests.Layers;

/// <summary>One batch normalization and what stands behind it.</summary>
/// <param name="Shape">[N, C, ...].</param>
/// <param name="Mode">Whose statistics.</param>
/// <param name="Affine">Whether there are gamma and beta.</param>
/// <param name="Adds">Whether something is added.</param>
/// <param name="Rectifies">Whether the sum is rectified.</param>
/// <param name="Values">What the tensors hold.</param>
public sealed record BatchNormAddReLUCase(
    Shape Shape, BatchNormAddReLUCase.Statistics Mode, bool Affine, bool Adds, bool Rectifies,
    BatchNormAddReLUCase.Numbers Values)
{
    /// <summary>The statistics that normalize.</summary>
    public enum Statistics
    {
        /// <summary>Those of the batch.</summary>
        Batch,

        /// <summary>The running ones, in training.</summary>
        Frozen,

        /// <summary>The running ones, in evaluation.</summary>
        Evaluation,
    }

    /// <summary>What the tensors hold.</summary>
    public enum Numbers
    {
        /// <summary>Normal numbers.</summary>
        Normal,

        /// <summary>Every channel the same number, gammas of 1 and betas of 0, and addends that are small integers: many
        /// sums lie exactly at the kink.</summary>
        AtTheKink,

        /// <summary>Normal numbers with NaN in the input, the addend and the gradient.</summary>
        NaN,

        /// <summary>A mean of a million deviations, and a first value that is as far from all others.</summary>
        FarMean,

        /// <summary>Normal numbers times 1e30.</summary>
        Huge,
    }

    public int Channels => Shape[1];

    public int Spatial => (int)(Shape.ElementCount / Shape[0] / Shape[1]);

    public override string ToString() =>
        $"{Shape} {Mode}{(Affine ? " affine" : "")}{(Adds ? " add" : "")}{(Rectifies ? " relu" : "")} {Values}";
}
