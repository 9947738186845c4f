namespace CudaBn.Tests.Reference;

/// <summary>The sizes of one pooling over windows of every plane of x [planes, depth, height, width].</summary>
public sealed record PoolSizes(
    int Planes, Size3d Input, Size3d Window, Size3d Stride, Size3d Padding, bool CeilMode = false)
{
    public Size3d Output => new(
        OutputSize(Input.Depth, Window.Depth, Stride.Depth, Padding.Depth, CeilMode),
        OutputSize(Input.Height, Window.Height, Stride.Height, Padding.Height, CeilMode),
        OutputSize(Input.Width, Window.Width, Stride.Width, Padding.Width, CeilMode));

    public int InputLength => Planes * Input.Depth * Input.Height * Input.Width;

    public int OutputLength => Planes * Output.Depth * Output.Height * Output.Width;

    /// <summary>How many windows there are along an axis, counted one by one. Rounding down, a window has to end within the
    /// padded input; rounding up, the one before must not have reached its end yet, and the window has to start in the
    /// input or before it.</summary>
    public static int OutputSize(int input, int window, int stride, int padding, bool ceilMode = false)
    {
        var padded = input + 2 * padding;
        var count = 0;
        while (ceilMode
            ? (count - 1) * stride + window < padded && count * stride < padding + input
            : count * stride + window <= padded)
            count++;
        return count > 0
            ? count
            : throw new ArgumentException($"a window of {window} does not fit {input} padded by {padding}");
    }
}
