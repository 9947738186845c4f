namespace CudaBn;

/// <summary>A height and a width: of a kernel, a window, a stride or a padding. An int stands for both.</summary>
/// <param name="Height">Along rows.</param>
/// <param name="Width">Along columns.</param>
public readonly record struct Size2d(int Height, int Width)
{
    /// <summary>The same size both ways.</summary>
    /// <param name="size">Height and width.</param>
    public static implicit operator Size2d(int size) => new(size, size);

    /// <summary>Height, then width.</summary>
    /// <param name="size">Height and width.</param>
    public static implicit operator Size2d((int Height, int Width) size) => new(size.Height, size.Width);

    /// <summary>The sizes as <c>3x5</c>.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => $"{Height}x{Width}";
}
