namespace CudaBn;

/// <summary>A depth, a height and a width: of a kernel, a window, a stride, a dilation or a padding of volumes. An int stands
/// for all three.</summary>
/// <param name="Depth">Along planes.</param>
/// <param name="Height">Along rows.</param>
/// <param name="Width">Along columns.</param>
public readonly record struct Size3d(int Depth, int Height, int Width)
{
    /// <summary>The same size all three ways.</summary>
    /// <param name="size">Depth, height and width.</param>
    public static implicit operator Size3d(int size) => new(size, size, size);

    /// <summary>Depth, then height, then width.</summary>
    /// <param name="size">Depth, height and width.</param>
    public static implicit operator Size3d((int Depth, int Height, int Width) size) => new(size.Depth, size.Height, size.Width);

    /// <summary>The sizes as <c>2x3x5</c>.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => $"{Depth}x{Height}x{Width}";
}
