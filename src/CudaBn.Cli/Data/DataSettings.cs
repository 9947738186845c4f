namespace CudaBn.Cli;

/// <summary>Which images are asked for.</summary>
/// <param name="Set">The data set.</param>
/// <param name="Folder">Where it lies; null for the places that are searched.</param>
/// <param name="ImageSize">What the images of a folder are brought to; null for the size they have.</param>
/// <param name="Color">What the images of a folder are read as.</param>
/// <param name="Limit">How many images of each part are used; null for all.</param>
internal sealed record DataSettings(
    DataSetChoice Set, string? Folder, Size2d? ImageSize, ImageColor Color, int? Limit);
