namespace CudaBn;

/// <summary>One-dimensional average pooling to a given output size.</summary>
/// <remarks>Input [N, C, L]; output [N, C, outputSize].</remarks>
public sealed class AdaptiveAvgPool1d : AdaptiveAvgPool
{
    /// <summary>Describes the layer.</summary>
    /// <param name="outputSize">Elements of the output; as many as the input has when null.</param>
    /// <exception cref="ArgumentException">The size is not positive.</exception>
    public AdaptiveAvgPool1d(int? outputSize)
        : base([outputSize])
    {
    }

    /// <summary>Elements of the output; null for as many as the input has.</summary>
    public int? OutputSize => SizeOf(0);

    internal override Layer Copy() => new AdaptiveAvgPool1d(OutputSize) { IsTraining = IsTraining };
}
