namespace CudaBn.Onnx.Import;

/// <summary>Average pooling to a size out of products with matrices of averages, one for each axis, the last axis
/// first.</summary>
internal static class AdaptiveAvgPoolReading
{
    /// <summary>A product with images [N, C, ...spatial].</summary>
    public static ImportedLayer Read(NodeCall call)
    {
        var sizes = new int?[call.Axes];
        var (axis, size) = SizeOf(call);
        sizes[axis] = size;
        return call.Layer(() => Create(sizes));
    }

    /// <summary>An average of windows that lie side by side and cover the input.</summary>
    public static ImportedLayer ReadWindows(NodeCall call, PoolSizes windows, int[] end)
    {
        int?[] sizes = [.. windows.Window.Select((window, axis) =>
            window > 0 && window == windows.Stride[axis] && windows.Padding[axis] == 0 && end[axis] == 0
            && call.Input[axis + 2] % window == 0
                ? (int?)(call.Input[axis + 2] / window)
                : throw call.Fault("windows side by side that cover the input, of a pooling to a size"))];
        return call.Layer(() => Create(sizes));
    }

    /// <summary>A product between two transpositions.</summary>
    public static ImportedLayer ReadSlices(NodeCall call, int[] moved)
    {
        if (!moved.AsSpan().SequenceEqual([0, 1, 3, 2, 4]) || !call.HasConstant(0))
            throw call.Fault($"averages of slices between Transpose of [0, 1, 3, 2, 4], found [{string.Join(", ", moved)}]");
        return call.Layer(() => Create([Size(call, 0, call.Input[2]), null, null]));
    }

    /// <summary>One pooling that does what two in a row do along different axes; null where they are no such two.</summary>
    public static ImportedLayer? Merged(ImportedLayer first, ImportedLayer second)
    {
        if (first.Layer is not AdaptiveAvgPool one || second.Layer is not AdaptiveAvgPool other)
            return null;
        var (sizes, others) = (SizesOf(one), SizesOf(other));
        if (sizes.Length != others.Length || sizes.Zip(others).Any(pair => pair is { First: not null, Second: not null }))
            return null;
        return first with { Layer = Create([.. sizes.Zip(others, (size, another) => size ?? another)]) };
    }

    private static int?[] SizesOf(AdaptiveAvgPool pool) => pool switch
    {
        AdaptiveAvgPool1d line => [line.OutputSize],
        AdaptiveAvgPool2d image => [image.OutputHeight, image.OutputWidth],
        AdaptiveAvgPool3d volume => [volume.OutputDepth, volume.OutputHeight, volume.OutputWidth],
        _ => throw new ArgumentException($"{pool.Label} has no counterpart in ONNX."),
    };

    private static Layer Create(int?[] sizes) => sizes.Length switch
    {
        1 => new AdaptiveAvgPool1d(sizes[0]),
        2 => new AdaptiveAvgPool2d(sizes[0], sizes[1]),
        3 => new AdaptiveAvgPool3d(sizes[0], sizes[1], sizes[2]),
        _ => throw new ArgumentException($"Adaptive pooling has 1 to 3 axes of space, not {sizes.Length}."),
    };

    // A matrix on the left works on the axis before the last, one on the right on the last.
    private static (int Axis, int Size) SizeOf(NodeCall call)
    {
        if (call.HasConstant(0) && call.Axes > 1)
            return (call.Axes - 2, Size(call, 0, call.Input.Sizes[^2]));
        return call.HasConstant(1)
            ? (call.Axes - 1, Size(call, 1, call.Input.Sizes[^1]))
            : throw call.Fault("a matrix and images of rows and columns");
    }

    private static int Size(NodeCall call, int index, int from)
    {
        var matrix = call.Reals(index);
        var isLeft = index == 0;
        var to = matrix.Sizes is [var rows, var columns] && (isLeft ? columns : rows) == from ? isLeft ? rows : columns : 0;
        if (to == 0 || !IsOfAverages(matrix.Doubles(), from, to, isLeft, call.Graph.DType))
            throw call.Fault(
                $"a matrix that averages {from} places, found another of [{string.Join(", ", matrix.Sizes)}], which is not "
                + "supported");
        return to;
    }

    private static bool IsOfAverages(double[] found, int from, int to, bool isLeft, DType dtype)
    {
        var averages = AdaptiveAverages.Matrix(from, to);
        for (var row = 0; row < to; row++)
        {
            for (var column = 0; column < from; column++)
            {
                var expected = averages[row * from + column];
                var element = found[isLeft ? row * from + column : column * to + row];
                if (element != (dtype == DType.Float32 ? (float)expected : expected))
                    return false;
            }
        }

        return true;
    }
}
