namespace CudaBn.Bench;

/// <summary>The seed network on some images, in batches.</summary>
public sealed record NetworkShape(int Images, int Batch)
{
    /// <summary>A step as it is trained.</summary>
    public static NetworkShape Step { get; } = new(256, 256);

    /// <summary>All of Fashion-MNIST.</summary>
    public static NetworkShape Epoch { get; } = new(60_000, 256);

    /// <summary>One image, and a batch.</summary>
    public static IReadOnlyList<NetworkShape> Inferences { get; } = [new(1, 1), new(256, 256)];

    /// <summary>Convolutions and dense layers alone, as is the custom; the bytes of every operator of the network, batch
    /// norm, ReLU and pooling being one.</summary>
    public Work Forward
    {
        get
        {
            var (first, second, hidden, last) = Products(Images);
            var flops = first.Work.Flops + second.Work.Flops + hidden.Forward.Flops + last.Forward.Flops;
            return new Work(
                flops,
                first.Work.Bytes + FirstBlock(Images).Forward.Bytes + second.Work.Bytes
                + SecondBlock(Images).Forward.Bytes + hidden.Forward.Bytes + last.Forward.Bytes);
        }
    }

    /// <summary>Forward, then the gradients of every layer but that by the images, and the update.</summary>
    public Work Train
    {
        get
        {
            var (first, second, hidden, last) = Products(Images);
            var loss = new ClassificationShape(Images, last.OutFeatures);
            return new Work(
                Forward.Flops + first.Work.Flops + 2 * second.Work.Flops + hidden.Backward.Flops + last.Backward.Flops,
                Forward.Bytes + first.Work.Bytes + FirstBlock(Images).Backward.Bytes + 2 * second.Work.Bytes
                + SecondBlock(Images).Backward.Bytes + hidden.Backward.Bytes + last.Backward.Bytes + loss.Forward.Bytes
                + loss.Backward.Bytes + Math.Max(1, Images / Batch) * SgdShape.Usual[0].Step.Bytes);
        }
    }

    public override string ToString() => Images == Batch ? $"{Images}x1x28x28" : $"{Images}x1x28x28 by {Batch}";

    private static (Conv2dShape First, Conv2dShape Second, LinearShape Hidden, LinearShape Last) Products(int images) =>
        (new(images, 1, 20, 28, 5), new(images, 20, 50, 12, 3), new(images, 1250, 128), new(images, 128, 10));

    private static BatchNormReLUMaxPoolShape FirstBlock(int images) => new(images, 20, 24);

    private static BatchNormReLUMaxPoolShape SecondBlock(int images) => new(images, 50, 10);
}
