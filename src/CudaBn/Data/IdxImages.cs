namespace CudaBn;

/// <summary>The images of one IDX file.</summary>
/// <param name="Count">The number of images, at least 1.</param>
/// <param name="Height">Rows per image, at least 1.</param>
/// <param name="Width">Columns per image, at least 1.</param>
/// <param name="Pixels">[Count, Height, Width], row-major, 0 to 255.</param>
public sealed record IdxImages(int Count, int Height, int Width, ReadOnlyMemory<byte> Pixels);
