namespace CudaBn;

/// <summary>Two-dimensional average pooling to a given output size.</summary>
/// <remarks>Input [N, C, H, W]; output [N, C, height, width].</remarks>
public sealed class AdaptiveAvgPool2d : AdaptiveAvgPool
{
    /// <summary>Describes the layer.</summary>
    /// <param name="outputSize">Rows and columns of the output.</param>
    /// <exception cref="ArgumentException">A size is not positive.</exception>
    public AdaptiveAvgPool2d(Size2d outputSize)
        : this(outputSize.Height, outputSize.Width)
    {
    }

    /// <summary>Describes the layer.</summary>
    /// <param name="height">Rows of the output; as many as the input has when null.</param>
    /// <param name="width">Columns of the output; as many as the input has when null.</param>
    /// <exception cref="ArgumentException">A size is not positive.</exception>
    public AdaptiveAvgPool2d(int? height, int? width)
        : base([height, width])
    {
    }

    /// <summary>Rows of the output; null for as many as the input has.</summary>
    public int? OutputHeight => SizeOf(0);

    /// <summary>Columns of the output; null for as many as the input has.</summary>
    public int? OutputWidth => SizeOf(1);

    internal override Layer Copy() => new AdaptiveAvgPool2d(OutputHeight, OutputWidth) { IsTraining = IsTraining };
}
