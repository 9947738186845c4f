namespace CudaBn.Cli;

/// <summary>What a network must fit: the size of the images and the number of their classes.</summary>
internal readonly record struct ImageShape(int Channels, int Height, int Width, int Classes)
{
    /// <summary>What the notebook's network takes.</summary>
    public static ImageShape OfNotebook { get; } = new(1, 28, 28, 10);

    public static ImageShape Of(ImageDataset images) =>
        new(images.Channels, images.Height, images.Width, images.ClassNames.Count);

    public override string ToString() => Text.Of($"{Height}x{Width} {Colors} images of {Classes} classes");

    private string Colors => Channels switch
    {
        1 => "grey",
        3 => "RGB",
        _ => Text.Of($"{Channels}-channel"),
    };
}
