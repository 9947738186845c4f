namespace CudaBn.Cli;

/// <summary>Some images, as a network takes them.</summary>
/// <param name="Names">File and index of each.</param>
/// <param name="Pixels">[count, channels, height, width].</param>
/// <param name="Failed">Images that would have been among them, but cannot be read.</param>
internal sealed record ReadImages(
    IReadOnlyList<(string File, int Index)> Names, ReadOnlyMemory<byte> Pixels, IReadOnlyList<FailedImage> Failed);
