namespace CudaBn.Backends.OpArgs;

/// <summary>What becomes of images [channels, height, width] on their way into a batch: a crop out of the image surrounded
/// by pixels of 0, a mirror image, a number for every byte.</summary>
/// <param name="Levels">[channels, 256], of the element type of the batch: what a byte of a channel becomes.</param>
/// <param name="CropPadding">How far, in pixels, the crop may lie off the image to each side; below height and width.</param>
/// <param name="HorizontalFlip">Whether one image in two is mirrored left to right, after the crop.</param>
/// <param name="Seed">Which random numbers.</param>
/// <param name="Epoch">Int32 [1], not negative. With the seed and the number of the image in the data set it decides on crop
/// and mirror image, as <see cref="CropAndFlip.Draw"/> says. It lives on the device, so that a recorded step needs no new
/// arguments.</param>
public readonly record struct ImageTransform(
    Tensor Levels, int CropPadding, bool HorizontalFlip, ulong Seed, Tensor Epoch);
