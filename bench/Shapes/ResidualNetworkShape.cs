namespace CudaBn.Bench;

/// <summary>ResNet-20 on grey images of 28 x 28, in one batch.</summary>
public sealed record ResidualNetworkShape(int Batch)
{
    public const int Classes = 10;

    /// <summary>A step as it is usually trained.</summary>
    public static ResidualNetworkShape Step { get; } = new(128);

    /// <summary>All convolutions, in the order of the forward pass; the projections of the shortcuts stand behind their
    /// block.</summary>
    public IReadOnlyList<Conv2dShape> Convolutions =>
    [
        new(Batch, 1, 16, 28, 3, Padding: 1),
        .. Stage(Batch, 16, 16, 28, stride: 1, blocks: 3),
        .. Stage(Batch, 16, 32, 28, stride: 2, blocks: 3),
        .. Stage(Batch, 32, 64, 14, stride: 2, blocks: 3),
    ];

    /// <summary>The elements of every parameter: each convolution's weight, the scale and shift of the normalization behind
    /// it, and the dense layer's weight and bias.</summary>
    public IReadOnlyList<int> Parameters =>
    [
        .. Convolutions.SelectMany<Conv2dShape, int>(
            conv => [(int)conv.WeightElements, conv.OutChannels, conv.OutChannels]),
        64 * Classes, Classes,
    ];

    /// <summary>Forward, the weight gradient and, but for the first, the input gradient of every convolution.</summary>
    public Work ConvolutionsWork
    {
        get
        {
            var convolutions = Convolutions;
            long flops = -convolutions[0].Work.Flops, bytes = -convolutions[0].Work.Bytes;
            foreach (var convolution in convolutions)
            {
                flops += 3 * convolution.Work.Flops;
                bytes += 3 * convolution.Work.Bytes;
            }

            return new Work(flops, bytes);
        }
    }

    public override string ToString() => $"{Batch}x1x28x28";

    /// <summary>The convolutions of a stage of blocks of two; that of the shortcut stands behind its block.</summary>
    public static IEnumerable<Conv2dShape> Stage(
        int batch, int inChannels, int outChannels, int size, int stride, int blocks)
    {
        var first = new Conv2dShape(batch, inChannels, outChannels, size, 3, stride, Padding: 1);
        var further = first with { InChannels = outChannels, Size = first.OutSize, Stride = 1 };
        Conv2dShape[] projection = stride == 1 ? [] : [first with { Kernel = 1, Padding = 0 }];
        return [first, further, .. projection, .. Enumerable.Repeat(further, 2 * (blocks - 1))];
    }
}
