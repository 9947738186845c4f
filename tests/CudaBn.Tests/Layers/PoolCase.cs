using CudaBn.Tests.Reference;
using FsCheck;
using FsCheck.Fluent;

namespace CudaBn.Tests.Layers;

/// <summary>The sizes of one pooling of signals, images or volumes.</summary>
public sealed record PoolCase(
    int Axes, int Batch, int Channels, Size3d Input, Size3d Window, Size3d Stride, Size3d Padding, bool CeilMode)
{
    /// <summary>Windows that fit the padded input, or with ceil mode reach beyond it.</summary>
    public static Arbitrary<PoolCase> Random => Arb.From(
        from axes in Gen.Choose(1, 3)
        from batch in Gen.Choose(1, 3)
        from channels in Gen.Choose(1, 3)
        from ceilMode in Gen.Elements(true, false)
        from slices in axes < 3 ? Gen.Constant(new Axis(1, 1, 1, 0)) : RandomAxis(6, ceilMode)
        from rows in axes < 2 ? Gen.Constant(new Axis(1, 1, 1, 0)) : RandomAxis(axes == 2 ? 14 : 7, ceilMode)
        from columns in RandomAxis(axes == 3 ? 24 : 45, ceilMode)
        select new PoolCase(
            axes, batch, channels, (slices.Size, rows.Size, columns.Size),
            (slices.Window, rows.Window, columns.Window), (slices.Stride, rows.Stride, columns.Stride),
            (slices.Padding, rows.Padding, columns.Padding), ceilMode));

    public PoolSizes Sizes => new(Batch * Channels, Input, Window, Stride, Padding, CeilMode);

    public Shape InputShape => ShapeOf(Input);

    public Shape OutputShape => ShapeOf(Sizes.Output);

    public static PoolCase Signals(
        int batch, int channels, int length, int window, int stride, int padding, bool ceilMode = false) =>
        new(1, batch, channels, (1, 1, length), (1, 1, window), (1, 1, stride), (0, 0, padding), ceilMode);

    public static PoolCase Images(
        int batch, int channels, int height, int width, Size2d window, Size2d stride, Size2d padding,
        bool ceilMode = false) => new(
            2, batch, channels, (1, height, width), (1, window.Height, window.Width), (1, stride.Height, stride.Width),
            (0, padding.Height, padding.Width), ceilMode);

    public static PoolCase Volumes(
        int batch, int channels, Size3d input, Size3d window, Size3d stride, Size3d padding, bool ceilMode = false) =>
        new(3, batch, channels, input, window, stride, padding, ceilMode);

    public MaxPool CreateMaxPool() => Axes switch
    {
        1 => new MaxPool1d(Window.Width, Stride.Width, Padding.Width, CeilMode),
        2 => new MaxPool2d(
            (Window.Height, Window.Width), (Stride.Height, Stride.Width), (Padding.Height, Padding.Width), CeilMode),
        _ => new MaxPool3d(Window, Stride, Padding, CeilMode),
    };

    public AvgPool CreateAvgPool(bool countIncludePad, int? divisorOverride) => Axes switch
    {
        1 => new AvgPool1d(Window.Width, Stride.Width, Padding.Width, CeilMode, countIncludePad, divisorOverride),
        2 => new AvgPool2d(
            (Window.Height, Window.Width), (Stride.Height, Stride.Width), (Padding.Height, Padding.Width), CeilMode,
            countIncludePad, divisorOverride),
        _ => new AvgPool3d(Window, Stride, Padding, CeilMode, countIncludePad, divisorOverride),
    };

    public override string ToString() =>
        $"{InputShape} w{Window} s{Stride} p{Padding}{(CeilMode ? " ceil" : "")}";

    private static Gen<Axis> RandomAxis(int largest, bool ceilMode) =>
        from size in Gen.Choose(1, largest)
        from stride in Gen.Choose(1, 4)
        from window in Gen.Choose(1, Math.Min(2 * size, largest < 10 ? 4 : 9))
        from padding in Gen.Choose(
            Math.Max(0, (window - size - (ceilMode ? stride - 1 : 0) + 1) / 2), window / 2)
        select new Axis(size, window, stride, padding);

    private Shape ShapeOf(Size3d size) => Axes switch
    {
        1 => [Batch, Channels, size.Width],
        2 => [Batch, Channels, size.Height, size.Width],
        _ => [Batch, Channels, size.Depth, size.Height, size.Width],
    };

    private readonly record struct Axis(int Size, int Window, int Stride, int Padding);
}
