namespace CudaBn.Onnx.Import;

/// <summary>Poolings out of nodes.</summary>
internal static class PoolReading
{
    public static ImportedLayer ReadMax(NodeCall call)
    {
        call.Attributes.RequireInt("storage_order", 0);
        var (windows, begin, end, ceilMode) = Read(call);
        return Fitting(
            call, windows, begin, end, ceilMode,
            ceil => call.Axes switch
            {
                1 => new MaxPool1d(windows.Window[0], windows.Stride[0], begin[0], ceil),
                2 => new MaxPool2d(Two(windows.Window), Two(windows.Stride), Two(begin), ceil),
                _ => new MaxPool3d(Three(windows.Window), Three(windows.Stride), Three(begin), ceil),
            });
    }

    /// <summary>An average, and the factors behind it that make another of it: see <see cref="Export.PoolNodes"/>.</summary>
    public static ImportedLayer ReadAverage(NodeCall call, NodeCall? next, out int taken)
    {
        var (windows, begin, end, ceilMode) = Read(call);
        var countsPadding = call.Attributes.Int("count_include_pad", 0) != 0;
        if (call.Graph.Options.Has(call.OwnPath, LayerOptions.Adaptive))
        {
            taken = 1;
            return AdaptiveAvgPoolReading.ReadWindows(call, windows, end);
        }

        var factors = next is { Operator: "Mul" } ? Array.FindIndex([0, 1], next.HasConstant) : -1;
        taken = factors < 0 ? 1 : 2;
        int? divisor = null;
        if (factors >= 0 && next!.Reals(factors) is { Count: 1 } factor)
            divisor = DivisorOf(next, windows.Places / factor.Doubles()[0], countsPadding);
        var layer = Fitting(call, windows, begin, end, ceilMode, Create);
        // What is not divided by a number of its own is divided by places, which must be the same.
        var isSame = divisor is not null || !countsPadding || begin.SequenceEqual(end);
        if (factors >= 0 && divisor is null)
            RequireFactors(next!, factors, windows, call.OutputOf(layer.Layer), call.Input);
        else if (!isSame)
            throw call.Fault(
                $"the same pads at begin and end, found [{string.Join(", ", begin.Concat(end))}] with count_include_pad, which are "
                + "not supported");
        return layer;

        Layer Create(bool ceil) => call.Axes switch
        {
            1 => new AvgPool1d(windows.Window[0], windows.Stride[0], begin[0], ceil, countsPadding, divisor),
            2 => new AvgPool2d(Two(windows.Window), Two(windows.Stride), Two(begin), ceil, countsPadding, divisor),
            _ => new AvgPool3d(Three(windows.Window), Three(windows.Stride), Three(begin), ceil, countsPadding, divisor),
        };
    }

    /// <summary>A mean over all of space.</summary>
    public static ImportedLayer ReadMean(NodeCall call)
    {
        call.Attributes.Int("keepdims", 1);
        call.Attributes.RequireInt("noop_with_empty_axes", 0);
        var axes = call.Graph.OperatorSet >= 18 && call.HasConstant(1)
            ? call.Constant(1).Integers()
            : call.Attributes.Ints("axes") ?? [];
        var rank = call.Input.Rank;
        return axes.Select(axis => axis < 0 ? axis + rank : axis).Order()
            .SequenceEqual(Enumerable.Range(2, Math.Max(0, rank - 2)).Select(axis => (long)axis))
            ? call.Layer(() => new GlobalAvgPool())
            : throw call.Fault($"axes of all of space, found [{string.Join(", ", axes.Take(8))}], which are not supported");
    }

    private static (PoolSizes Windows, int[] Begin, int[] End, bool CeilMode) Read(NodeCall call)
    {
        var axes = call.Axes;
        if (axes is < 1 or > 3)
            throw call.Fault($"an input of 3 to 5 axes, found {call.Input}");
        var attributes = call.Attributes;
        int[] window = attributes.Sizes("kernel_shape", axes, 0), strides = attributes.Sizes("strides", axes, 1);
        var dilations = attributes.Sizes("dilations", axes, 1);
        if (dilations.Any(dilation => dilation != 1))
            throw call.Fault($"dilations of 1, found [{string.Join(", ", dilations)}], which are not supported");
        var (begin, end) = WindowPadding.Read(call, window, strides, dilations);
        var ceilMode = attributes.Int("ceil_mode", 0) != 0;
        return (new PoolSizes(window, strides, begin), begin, end, ceilMode);
    }

    /// <summary>The layer that has as many windows as the node: with more padding at an end than at the begin, that is one
    /// whose last window may reach beyond.</summary>
    private static ImportedLayer Fitting(
        NodeCall call, PoolSizes windows, int[] begin, int[] end, bool ceilMode, Func<bool, Layer> create)
    {
        if (ceilMode && begin.SequenceEqual(end))
            return call.Layer(() => create(true));
        foreach (var ceil in new[] { false, true })
        {
            var layer = call.Layer(() => create(ceil));
            if (begin.SequenceEqual(end) || HasWindows(call, windows, end, ceilMode, layer.Layer))
                return layer;
        }

        throw call.Fault(
            $"pads that are the same at begin and end, or those of a last window that reaches beyond, found "
            + $"[{string.Join(", ", begin.Concat(end))}], which are not supported");
    }

    private static bool HasWindows(NodeCall call, PoolSizes windows, int[] end, bool ceilMode, Layer layer)
    {
        Shape output;
        try
        {
            output = layer.CachedOutputShape(call.Input);
        }
        catch (ArgumentException)
        {
            // No window fits this way of rounding; the other may do.
            return false;
        }

        for (var axis = 0; axis < end.Length; axis++)
        {
            var room = (long)call.Input[axis + 2] + windows.Padding[axis] + end[axis] - windows.Window[axis];
            if (room < 0 || output[axis + 2] != (room + (ceilMode ? windows.Stride[axis] - 1 : 0)) / windows.Stride[axis] + 1)
                return false;
        }

        return true;
    }

    private static int DivisorOf(NodeCall call, double divisor, bool countsPadding)
    {
        var rounded = Math.Round(divisor);
        return countsPadding && rounded is >= 1 and <= int.MaxValue && Math.Abs(divisor - rounded) < 1e-5 * rounded
            ? (int)rounded
            : throw call.Fault($"a factor that makes another divisor of an average, found one that makes {divisor:G6}");
    }

    private static void RequireFactors(NodeCall call, int index, PoolSizes windows, Shape output, Shape input)
    {
        var factors = call.Reals(index);
        var isFit = factors.Sizes.AsSpan().SequenceEqual(output.Sizes[2..]) && factors.Doubles().Zip(
            windows.FactorsBeyondPadding(input, output)).All(pair => Math.Abs(pair.First - pair.Second) < 1e-6 * pair.Second);
        if (!isFit)
            throw call.Fault("the factors of windows that reach beyond the padding, found others");
    }

    private static Size2d Two(int[] sizes) => (sizes[0], sizes[1]);

    private static Size3d Three(int[] sizes) => (sizes[0], sizes[1], sizes[2]);
}
