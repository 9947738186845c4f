namespace CudaBn;

/// <summary>The training and the test part of one set of images, and where they come from.</summary>
/// <param name="Name">What the images are: "Fashion-MNIST", "CIFAR-10" or "drawn garments".</param>
/// <param name="Source">A place to show to people: a folder, "downloaded to" a folder, or "built in".</param>
/// <param name="Train">The images to train on.</param>
/// <param name="Test">The images to judge by, of the same size and classes.</param>
/// <param name="IsBuiltIn">Whether the images are drawn by code instead of read from files.</param>
public sealed record ImageDataSplits(
    string Name, string Source, ImageDataset Train, ImageDataset Test, bool IsBuiltIn)
{
    /// <summary>One line on why these images stand in for others that were asked for; null where none do.</summary>
    public string? Notice { get; init; }
}
