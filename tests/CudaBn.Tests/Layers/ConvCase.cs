using CudaBn.Backends.OpArgs;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;

namespace CudaBn.Tests.Layers;

/// <summary>The sizes of one convolution: of images, unless said otherwise.</summary>
public sealed record ConvCase(
    int Batch, int InChannels, int Height, int Width, int OutChannels, Size2d Kernel, Size2d Stride, Padding2d Padding,
    bool Bias)
{
    public Size2d Dilation { get; init; } = 1;

    public int Groups { get; init; } = 1;

    /// <summary>The third axis of volumes.</summary>
    public ReferenceAxis? Depth { get; init; }

    /// <summary>Whether the rows are no axis: signals have one row.</summary>
    public bool IsSignal { get; init; }

    public Shape InputShape => [Batch, InChannels, .. Sizes(axis => axis.Size)];

    public Shape WeightShape => [OutChannels, InChannels / Groups, .. Sizes(axis => axis.Kernel)];

    public Shape OutputShape => [Batch, OutChannels, .. Sizes(axis => axis.OutputSize)];

    /// <summary>The sizes that the layer gives its backend.</summary>
    public ConvGeometry Geometry
    {
        get
        {
            using var layer = CreateLayer();
            return layer.Geometry(InputShape, OutputShape);
        }
    }

    private ReferenceAxis Rows => new(Height, Kernel.Height, Stride.Height, Padding.Top, Padding.Bottom, Dilation.Height);

    private ReferenceAxis Columns => new(Width, Kernel.Width, Stride.Width, Padding.Left, Padding.Right, Dilation.Width);

    /// <summary>A signal: one row.</summary>
    public static ConvCase Signal(
        int batch, int inChannels, int outChannels, ReferenceAxis axis, bool bias, int groups = 1) =>
        new(batch, inChannels, 1, axis.Size, outChannels, (1, axis.Kernel), (1, axis.Stride),
            new Padding2d(0, 0, axis.Begin, axis.End), bias)
        {
            Dilation = (1, axis.Dilation),
            Groups = groups,
            IsSignal = true,
        };

    /// <summary>A volume.</summary>
    public static ConvCase Volume(
        int batch, int inChannels, int outChannels, ReferenceAxis depth, ReferenceAxis rows, ReferenceAxis columns, bool bias,
        int groups = 1) =>
        Image(batch, inChannels, outChannels, rows, columns, bias, groups) with { Depth = depth };

    public static ConvCase Image(
        int batch, int inChannels, int outChannels, ReferenceAxis rows, ReferenceAxis columns, bool bias, int groups = 1) =>
        new(batch, inChannels, rows.Size, columns.Size, outChannels, (rows.Kernel, columns.Kernel),
            (rows.Stride, columns.Stride), new Padding2d(rows.Begin, rows.End, columns.Begin, columns.End), bias)
        {
            Dilation = (rows.Dilation, columns.Dilation),
            Groups = groups,
        };

    public Conv CreateLayer()
    {
        if (IsSignal)
            return new Conv1d(
                InChannels, OutChannels, Kernel.Width, Stride.Width, (Padding.Left, Padding.Right), Dilation.Width, Groups,
                Bias);
        return Depth is { } z
            ? new Conv3d(
                InChannels, OutChannels, (z.Kernel, Kernel.Height, Kernel.Width), (z.Stride, Stride.Height, Stride.Width),
                new Padding3d(z.Begin, z.End, Padding.Top, Padding.Bottom, Padding.Left, Padding.Right),
                (z.Dilation, Dilation.Height, Dilation.Width), Groups, Bias)
            : new Conv2d(InChannels, OutChannels, Kernel, Stride, Padding, Dilation, Groups, Bias);
    }

    /// <summary>Forward and backward by the reference.</summary>
    public AffineResult Reference(double[] x, double[] weight, double[] bias, double[] gradOutput)
    {
        var reference = new ReferenceConv(Batch, InChannels, OutChannels, Groups, Depth ?? ReferenceAxis.None, Rows, Columns);
        var y = reference.Forward(x, weight, Bias ? bias : null);
        var (gradInput, gradWeight, gradBias) = reference.Backward(gradOutput, x, weight);
        return new AffineResult(y, gradInput, gradWeight, Bias ? gradBias : null);
    }

    public override string ToString() =>
        $"{Batch}x{InChannels}x{(Depth is { } z ? $"{z.Size}x" : "")}{(IsSignal ? "" : $"{Height}x")}{Width} to {OutChannels} "
        + $"k{(Depth is { } k ? $"{k.Kernel}x" : "")}{Kernel} s{(Depth is { } s ? $"{s.Stride}x" : "")}{Stride} "
        + $"p{(Depth is { } p ? $"{p.Begin}+{p.End}x" : "")}{Padding}"
        + (Depth is { Dilation: > 1 } || Dilation != 1 ? $" d{(Depth is { } d ? $"{d.Dilation}x" : "")}{Dilation}" : "")
        + (Groups == 1 ? "" : $" g{Groups}") + (Bias ? " bias" : "");

    private int[] Sizes(Func<ReferenceAxis, int> size) => IsSignal
        ? [size(Columns)]
        : [.. Depth is { } depth ? [size(depth)] : Array.Empty<int>(), size(Rows), size(Columns)];
}
