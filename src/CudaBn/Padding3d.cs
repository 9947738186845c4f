namespace CudaBn;

/// <summary>Slices, rows and columns of zeros around a volume. An int stands for all sides, three numbers or a
/// <see cref="Size3d"/> for those of depth, of height and of width.</summary>
/// <param name="Front">Slices before the first.</param>
/// <param name="Back">Slices after the last.</param>
/// <param name="Top">Rows above the first.</param>
/// <param name="Bottom">Rows below the last.</param>
/// <param name="Left">Columns before the first.</param>
/// <param name="Right">Columns after the last.</param>
public readonly record struct Padding3d(int Front, int Back, int Top, int Bottom, int Left, int Right)
{
    /// <summary>The same on all sides.</summary>
    /// <param name="padding">Slices, rows and columns on each side.</param>
    public static implicit operator Padding3d(int padding) => (padding, padding, padding);

    /// <summary>The slices before and after, the rows above and below, the columns left and right.</summary>
    /// <param name="padding">Slices, rows and columns on each side.</param>
    public static implicit operator Padding3d((int Depth, int Height, int Width) padding) =>
        new(padding.Depth, padding.Depth, padding.Height, padding.Height, padding.Width, padding.Width);

    /// <summary>The slices before and after, the rows above and below, the columns left and right.</summary>
    /// <param name="padding">Slices, rows and columns on each side.</param>
    public static implicit operator Padding3d(Size3d padding) => (padding.Depth, padding.Height, padding.Width);

    /// <summary>The padding as <c>1x2x3</c>, or as <c>0+1x2x3</c> where front and back differ.</summary>
    /// <returns>The text.</returns>
    public override string ToString() =>
        $"{AxisPadding.Text(Front, Back)}x{AxisPadding.Text(Top, Bottom)}x{AxisPadding.Text(Left, Right)}";
}
