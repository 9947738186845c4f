namespace CudaBn;

/// <summary>Three-dimensional average pooling to a given output size.</summary>
/// <remarks>Input [N, C, D, H, W]; output [N, C, depth, height, width].</remarks>
public sealed class AdaptiveAvgPool3d : AdaptiveAvgPool
{
    /// <summary>Describes the layer.</summary>
    /// <param name="outputSize">Slices, rows and columns of the output.</param>
    /// <exception cref="ArgumentException">A size is not positive.</exception>
    public AdaptiveAvgPool3d(Size3d outputSize)
        : this(outputSize.Depth, outputSize.Height, outputSize.Width)
    {
    }

    /// <summary>Describes the layer.</summary>
    /// <param name="depth">Slices of the output; as many as the input has when null.</param>
    /// <param name="height">Rows of the output; as many as the input has when null.</param>
    /// <param name="width">Columns of the output; as many as the input has when null.</param>
    /// <exception cref="ArgumentException">A size is not positive.</exception>
    public AdaptiveAvgPool3d(int? depth, int? height, int? width)
        : base([depth, height, width])
    {
    }

    /// <summary>Slices of the output; null for as many as the input has.</summary>
    public int? OutputDepth => SizeOf(0);

    /// <summary>Rows of the output; null for as many as the input has.</summary>
    public int? OutputHeight => SizeOf(1);

    /// <summary>Columns of the output; null for as many as the input has.</summary>
    public int? OutputWidth => SizeOf(2);

    internal override Layer Copy() => new AdaptiveAvgPool3d(OutputDepth, OutputHeight, OutputWidth) { IsTraining = IsTraining };
}
