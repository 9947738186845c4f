using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

/// <summary>Pooling of square images with square windows.</summary>
public abstract record Pool2dShape(int Batch, int Channels, int Size, int Window, int Stride, int Padding)
{
    public int OutSize => (Size + 2 * Padding - Window) / Stride + 1;

    public long Planes => (long)Batch * Channels;

    public long InputElements => Planes * Size * Size;

    public long OutputElements => Planes * OutSize * OutSize;

    public PoolGeometry Geometry => new(
        Planes, (1, Size, Size), (1, OutSize, OutSize), (1, Window, Window), (1, Stride, Stride), (0, Padding, Padding));

    /// <summary>[N, C, H, W].</summary>
    public Shape Input => [Batch, Channels, Size, Size];

    /// <summary>[N, C, H, W].</summary>
    public Shape Output => [Batch, Channels, OutSize, OutSize];

    public sealed override string ToString() => Window == Size
        ? $"{Batch}x{Channels}x{Size}x{Size}"
        : $"{Batch}x{Channels}x{Size}x{Size}, k{Window} s{Stride}" + (Padding == 0 ? "" : $" p{Padding}");
}
