using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;

namespace CudaBn.Tests.Layers;

/// <summary>The sizes of one convolution.</summary>
public sealed record Conv2dCase(
    int Batch, int InChannels, int Height, int Width, int OutChannels, Size2d Kernel, Size2d Stride, Size2d Padding,
    bool Bias)
{
    public Shape InputShape => [Batch, InChannels, Height, Width];

    public Shape WeightShape => [OutChannels, InChannels, Kernel.Height, Kernel.Width];

    public Shape OutputShape =>
    [
        Batch,
        OutChannels,
        ReferenceConv2d.OutputSize(Height, Kernel.Height, Stride.Height, Padding.Height),
        ReferenceConv2d.OutputSize(Width, Kernel.Width, Stride.Width, Padding.Width),
    ];

    public Conv2d CreateLayer() => new(InChannels, OutChannels, Kernel, Stride, Padding, Bias);

    /// <summary>Forward and backward by the reference.</summary>
    public AffineResult Reference(double[] x, double[] weight, double[] bias, double[] gradOutput)
    {
        var y = ReferenceConv2d.Forward(
            x, weight, Bias ? bias : null, Batch, InChannels, Height, Width, OutChannels,
            Kernel.Height, Kernel.Width, Stride.Height, Stride.Width, Padding.Height, Padding.Width);
        var (gradInput, gradWeight, gradBias) = ReferenceConv2d.Backward(
            gradOutput, x, weight, Batch, InChannels, Height, Width, OutChannels,
            Kernel.Height, Kernel.Width, Stride.Height, Stride.Width, Padding.Height, Padding.Width);
        return new AffineResult(y, gradInput, gradWeight, Bias ? gradBias : null);
    }

    public override string ToString() =>
        $"{Batch}x{InChannels}x{Height}x{Width} to {OutChannels} k{Kernel} s{Stride} p{Padding}{(Bias ? " bias" : "")}";
}
