namespace CudaBn.Bench;

/// <summary>ResNet-18 on images of 224 x 224 in colour, in one batch.</summary>
public sealed record ResidualInferenceShape(int Batch)
{
    public const int Classes = 1000;

    /// <summary>Convolutions and dense layers that a value passes one after the other.</summary>
    public const int Depth = 18;

    /// <summary>One image, and a few.</summary>
    public static IReadOnlyList<ResidualInferenceShape> Usual { get; } = [new(1), new(8)];

    public Shape Input => [Batch, 3, 224, 224];

    /// <summary>All convolutions, in the order of the forward pass; the projections of the shortcuts stand behind their
    /// block.</summary>
    public IReadOnlyList<Conv2dShape> Convolutions =>
    [
        new(Batch, 3, 64, 224, 7, Stride: 2, Padding: 3),
        .. ResidualNetworkShape.Stage(Batch, 64, 64, 56, stride: 1, blocks: 2),
        .. ResidualNetworkShape.Stage(Batch, 64, 128, 56, stride: 2, blocks: 2),
        .. ResidualNetworkShape.Stage(Batch, 128, 256, 28, stride: 2, blocks: 2),
        .. ResidualNetworkShape.Stage(Batch, 256, 512, 14, stride: 2, blocks: 2),
    ];

    /// <summary>That of the convolutions and the dense layer, as is the custom.</summary>
    public Work Work
    {
        get
        {
            var dense = new LinearShape(Batch, 512, Classes).Forward;
            return new Work(
                dense.Flops + Convolutions.Sum(conv => conv.Work.Flops), dense.Bytes + Convolutions.Sum(conv => conv.Work.Bytes));
        }
    }

    /// <summary>The largest number of products in a sum.</summary>
    public int MostTerms => Convolutions.Max(conv => conv.InChannels * conv.Kernel * conv.Kernel);

    public override string ToString() => $"{Batch}x3x224x224";
}
