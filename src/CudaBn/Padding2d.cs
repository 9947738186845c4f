namespace CudaBn;

/// <summary>Rows and columns of zeros around an image. An int stands for all sides, a pair or a <see cref="Size2d"/> for
/// those of height and of width.</summary>
/// <param name="Top">Rows above the first.</param>
/// <param name="Bottom">Rows below the last.</param>
/// <param name="Left">Columns before the first.</param>
/// <param name="Right">Columns after the last.</param>
public readonly record struct Padding2d(int Top, int Bottom, int Left, int Right)
{
    /// <summary>The same on all sides.</summary>
    /// <param name="padding">Rows and columns on each side.</param>
    public static implicit operator Padding2d(int padding) => new(padding, padding, padding, padding);

    /// <summary>The rows above and below, then the columns left and right.</summary>
    /// <param name="padding">Rows and columns on each side.</param>
    public static implicit operator Padding2d((int Height, int Width) padding) =>
        new(padding.Height, padding.Height, padding.Width, padding.Width);

    /// <summary>The rows above and below, and the columns left and right.</summary>
    /// <param name="padding">Rows and columns on each side.</param>
    public static implicit operator Padding2d(Size2d padding) => (padding.Height, padding.Width);

    /// <summary>The padding as <c>1x2</c>, or as <c>0+1x2</c> where top and bottom differ.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => $"{AxisPadding.Text(Top, Bottom)}x{AxisPadding.Text(Left, Right)}";
}
