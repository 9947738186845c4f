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

        Layer Create(bool ceil) => CreateAverage(windows, ceil, countsPadding, divisor);
    }

    /// <summary>An average over places of the input and of the zeros that a Pad puts around it: a padding that counts.</summary>
    public static ImportedLayer ReadPaddedAverage(NodeCall call, ZeroBorder border)
    {
        var (windows, begin, end, ceilMode) = Read(call, border);
        var countsPadding = call.Attributes.Int("count_include_pad", 0) != 0;
        if (begin.Any(size => size > 0) || (countsPadding && end.Any(size => size > 0)))
            throw call.Fault(
                "no padding that counts beside that of the Pad in front, found pads "
                + $"[{string.Join(", ", begin.Concat(end))}], which are not supported");
        if (!border.Begin.AsSpan().SequenceEqual(border.End))
            throw call.Fault(
                "a Pad of the same sizes at begin and end in front, found "
                + $"[{string.Join(", ", border.Begin.Concat(border.End))}], which are not supported");
        windows = windows with { Padding = border.Begin };
        return WithWindows(
                call, windows, border, end, ceilMode, ceil => CreateAverage(windows, ceil, countsPadding: true, divisor: null))
            ?? throw call.Fault("as many windows as a layer with the padding of the Pad in front has");
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

    private static AvgPool CreateAverage(PoolSizes windows, bool ceil, bool countsPadding, int? divisor) =>
        windows switch
        {
            { Window: [var window], Stride: [var stride], Padding: [var padding] } =>
                new AvgPool1d(window, stride, padding, ceil, countsPadding, divisor),
            { Window.Length: 2 } => new AvgPool2d(
                Two(windows.Window), Two(windows.Stride), Two(windows.Padding), ceil, countsPadding, divisor),
            _ => new AvgPool3d(
                Three(windows.Window), Three(windows.Stride), Three(windows.Padding), ceil, countsPadding, divisor),
        };

    private static (PoolSizes Windows, int[] Begin, int[] End, bool CeilMode) Read(NodeCall call, ZeroBorder? border = null)
    {
        var axes = call.Axes;
        if (axes is < 1 or > 3)
            throw call.Fault($"an input of 3 to 5 axes, found {call.Input}");
        var attributes = call.Attributes;
        int[] window = attributes.Sizes("kernel_shape", axes, 0), strides = attributes.Sizes("strides", axes, 1);
        var dilations = attributes.Sizes("dilations", axes, 1);
        if (dilations.Any(dilation => dilation != 1))
            throw call.Fault($"dilations of 1, found [{string.Join(", ", dilations)}], which are not supported");
        var (begin, end) = WindowPadding.Read(call, window, strides, dilations, border ?? ZeroBorder.None(axes));
        var ceilMode = attributes.Int("ceil_mode", 0) != 0;
        return (new PoolSizes(window, strides, begin), begin, end, ceilMode);
    }

    /// <summary>The layer that has as many windows as the node: with more padding at an end than at the begin, that is one
    /// whose last window may reach beyond.</summary>
    private static ImportedLayer Fitting(
        NodeCall call, PoolSizes windows, int[] begin, int[] end, bool ceilMode, Func<bool, Layer> create)
    {
        if (begin.SequenceEqual(end))
            return call.Layer(() => create(ceilMode));
        return WithWindows(call, windows, ZeroBorder.None(call.Axes), end, ceilMode, create)
            ?? throw call.Fault(
                $"pads that are the same at begin and end, or those of a last window that reaches beyond, found "
                + $"[{string.Join(", ", begin.Concat(end))}], which are not supported");
    }

    /// <summary>The layer that rounds the number of windows down or up, whichever gives those of the node; null where neither
    /// does.</summary>
    private static ImportedLayer? WithWindows(
        NodeCall call, PoolSizes windows, ZeroBorder border, int[] end, bool ceilMode, Func<bool, Layer> create)
    {
        foreach (var ceil in new[] { false, true })
        {
            var layer = call.Layer(() => create(ceil));
            if (HasWindows(call, windows, border, end, ceilMode, layer.Layer))
                return layer;
        }

        return null;
    }

    private static bool HasWindows(
        NodeCall call, PoolSizes windows, ZeroBorder border, int[] end, bool ceilMode, Layer layer)
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
            var (window, stride) = (windows.Window[axis], windows.Stride[axis]);
            // Windows start before the padding at the end.
            var starts = (long)call.Input[axis + 2] + windows.Padding[axis] + border.End[axis];
            var room = starts + end[axis] - window;
            var last = ceilMode ? Math.Min((room + stride - 1) / stride, (starts - 1) / stride) : room / stride;
            if (room < 0 || output[axis + 2] != last + 1)
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
