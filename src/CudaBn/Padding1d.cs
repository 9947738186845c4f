namespace CudaBn;

/// <summary>Zeros before and after a signal. An int stands for both.</summary>
/// <param name="Left">Before the first element.</param>
/// <param name="Right">After the last element.</param>
public readonly record struct Padding1d(int Left, int Right)
{
    /// <summary>The same on both sides.</summary>
    /// <param name="padding">Elements on each side.</param>
    public static implicit operator Padding1d(int padding) => new(padding, padding);

    /// <summary>Left, then right.</summary>
    /// <param name="padding">Elements before and after.</param>
    public static implicit operator Padding1d((int Left, int Right) padding) => new(padding.Left, padding.Right);

    /// <summary>The padding as <c>1</c>, or as <c>1+2</c> where the sides differ.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => AxisPadding.Text(Left, Right);
}
