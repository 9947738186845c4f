namespace CudaBn;

/// <summary>How images are changed at random when a batch of them is made, anew in every epoch: first cropped, then
/// flipped.</summary>
/// <remarks>What becomes of an image depends on the loader's seed, the epoch and the place of the image in its data set
/// alone: not on the order, the batch size, the device or the number of threads.</remarks>
public sealed class Augmentation
{
    /// <summary>Chooses the changes.</summary>
    /// <param name="cropPadding">How many pixels of 0 are put on each side of an image before a crop of the image's own
    /// size is taken out of it, at any of the (2 * padding + 1)^2 places with the same probability; 0 for no crop. As
    /// torchvision's RandomCrop with padding: the pixels are 0 before they are normalized.</param>
    /// <param name="horizontalFlip">Whether one image in two is mirrored left to right, as by torchvision's
    /// RandomHorizontalFlip.</param>
    /// <exception cref="ArgumentException">The padding is negative.</exception>
    public Augmentation(int cropPadding = 0, bool horizontalFlip = false)
    {
        if (cropPadding < 0)
            throw new ArgumentException(
                $"Augmentation: crop padding {cropPadding} must not be negative.", nameof(cropPadding));
        (CropPadding, HorizontalFlip) = (cropPadding, horizontalFlip);
    }

    /// <summary>How many pixels of 0 surround an image before it is cropped to its own size; 0 where it is not.</summary>
    public int CropPadding { get; }

    /// <summary>Whether one image in two is mirrored left to right.</summary>
    public bool HorizontalFlip { get; }
}
