using CudaBn.Onnx.Format;

namespace CudaBn.Onnx.Export;

/// <summary>Max-pooling and average pooling as nodes. Runtimes differ in what ONNX's ceil_mode means where a window reaches
/// beyond the padding, so that the padding at the end says it: what the last window needs.</summary>
internal static class PoolNodes
{
    public static string Add(GraphBuilder builder, MaxPool pool, string path, string input, Shape shape, Shape output)
    {
        var windows = PoolSizes.Of(pool);
        return builder.Add("MaxPool", path, [input], Attributes(windows, windows.PadsFor(shape, output)));
    }

    public static string Add(GraphBuilder builder, AvgPool pool, string path, string input, Shape shape, Shape output)
    {
        var windows = PoolSizes.Of(pool);
        var pads = windows.PadsFor(shape, output);
        // With every place of a window counted, its sum is the average times so many places.
        var countsAll = pool.CountIncludePad || pool.DivisorOverride is not null;
        AttributeProto[] attributes =
            [.. Attributes(windows, pads), AttributeProto.Of("count_include_pad", countsAll ? 1 : 0)];
        var average = builder.Add("AveragePool", path, [input], attributes);
        if (pool.DivisorOverride is { } divisor)
        {
            var factor = builder.AddConstant($"{path}/factor", [windows.Places / (double)divisor]);
            return builder.Add("Mul", $"{path}/Divisor", [average, factor]);
        }

        if (!pool.CountIncludePad || pads.SequenceEqual(windows.Pads))
            return average;
        var factors = builder.AddConstant(
            $"{path}/factors", windows.FactorsBeyondPadding(shape, output), output.Sizes[2..].ToArray());
        return builder.Add("Mul", $"{path}/Places", [average, factors]);
    }

    private static AttributeProto[] Attributes(PoolSizes windows, int[] pads) =>
    [
        AttributeProto.Of("kernel_shape", windows.Window),
        AttributeProto.Of("strides", windows.Stride),
        AttributeProto.Of("pads", pads),
    ];
}
