namespace CudaBn.Bench;

/// <summary>A network in evaluation, image by image and sum by sum, every number with a bound of how far rounding may have
/// taken it: a layer's own roundings, and what it makes of those before it.</summary>
public static class NetworkCheck
{
    private const int CheckedImages = 3;

    /// <param name="layers">Conv2d, BatchNorm, ReLU, MaxPool2d, Flatten and Linear layers.</param>
    /// <param name="input">[N, C, H, W].</param>
    /// <param name="output">[N, classes].</param>
    public static void Forward(IReadOnlyList<Layer> layers, Tensor input, Tensor output)
    {
        ArgumentNullException.ThrowIfNull(layers);
        ArgumentNullException.ThrowIfNull(input);
        using HostValues x = new(input), y = new(output);
        var batch = input.Shape[0];
        foreach (var image in Enumerable.Range(0, CheckedImages).Select(i => (long)i * (batch - 1) / 2).Distinct())
        {
            var size = x.Count / batch;
            var values = new Values(
                [.. Enumerable.Range(0, (int)size).Select(i => x[image * size + i])], new double[size], input.Shape[1],
                input.Shape[2]);
            foreach (var layer in layers)
                values = Apply(layer, values);
            for (var i = 0; i < values.Numbers.Length; i++)
            {
                var index = image * values.Numbers.Length + i;
                Check.Close("output", index, y[index], values.Numbers[i], values.Bounds[i]);
            }
        }
    }

    private static Values Apply(Layer layer, Values x) => layer switch
    {
        Conv2d conv => Convolve(conv, x),
        BatchNorm norm => Normalize(norm, x),
        ReLU => x with { Numbers = Array.ConvertAll(x.Numbers, value => Math.Max(value, 0)) },
        MaxPool2d pool => Pool(pool, x),
        Flatten => x with { Channels = x.Numbers.Length, Size = 1 },
        Linear linear => Multiply(linear, x),
        _ => throw new ArgumentException($"There is no reference of a {layer.GetType().Name}."),
    };

    private static Values Convolve(Conv2d conv, Values x)
    {
        var size = (x.Size + conv.Padding.Top + conv.Padding.Bottom - conv.Kernel.Height) / conv.Stride.Height + 1;
        using HostValues weight = new(conv.Weight!.Value);
        using var bias = conv.Bias is null ? null : new HostValues(conv.Bias.Value);
        var y = Values.Of(conv.OutChannels, size);
        for (var i = 0; i < y.Numbers.Length; i++)
        {
            int channel = i / (size * size), row = i / size % size, column = i % size;
            var sum = new Sum(bias?[channel] ?? 0);
            for (long tap = 0; tap < (long)conv.InChannels * conv.Kernel.Height * conv.Kernel.Width; tap++)
            {
                var (rest, right) = Math.DivRem((int)tap, conv.Kernel.Width);
                var (from, down) = Math.DivRem(rest, conv.Kernel.Height);
                var inRow = row * conv.Stride.Height + down - conv.Padding.Top;
                var inColumn = column * conv.Stride.Width + right - conv.Padding.Left;
                if (inRow < 0 || inRow >= x.Size || inColumn < 0 || inColumn >= x.Size)
                    continue;
                sum.Add(
                    weight[channel * (long)conv.InChannels * conv.Kernel.Height * conv.Kernel.Width + tap], x,
                    (from * x.Size + inRow) * x.Size + inColumn);
            }

            sum.Store(y, i);
        }

        return y;
    }

    private static Values Normalize(BatchNorm norm, Values x)
    {
        using HostValues mean = new(norm.RunningMean!), variance = new(norm.RunningVariance!);
        using HostValues gamma = new(norm.Gamma!.Value), beta = new(norm.Beta!.Value);
        var y = Values.Of(x.Channels, x.Size);
        for (var i = 0; i < y.Numbers.Length; i++)
        {
            var channel = i / (x.Size * x.Size);
            var scale = gamma[channel] / Math.Sqrt(variance[channel] + norm.Epsilon);
            var scaled = scale * (x.Numbers[i] - mean[channel]);
            y.Numbers[i] = scaled + beta[channel];
            y.Bounds[i] = Math.Abs(scale) * (x.Bounds[i] + 2 * Check.UnitRoundoff * Math.Abs(mean[channel]))
                + Check.SumBound(3, Math.Abs(scaled) + Math.Abs(beta[channel]));
        }

        return y;
    }

    private static Values Pool(MaxPool2d pool, Values x)
    {
        var size = (x.Size - pool.Window.Height) / pool.Stride.Height + 1;
        var y = Values.Of(x.Channels, size);
        Array.Fill(y.Numbers, double.NegativeInfinity);
        for (var i = 0; i < y.Numbers.Length; i++)
        {
            int channel = i / (size * size), row = i / size % size, column = i % size;
            for (var place = 0; place < pool.Window.Height * pool.Window.Width; place++)
            {
                var at = (channel * x.Size + row * pool.Stride.Height + place / pool.Window.Width) * x.Size
                    + column * pool.Stride.Width + place % pool.Window.Width;
                y.Numbers[i] = Math.Max(y.Numbers[i], x.Numbers[at]);
                y.Bounds[i] = Math.Max(y.Bounds[i], x.Bounds[at]);
            }
        }

        return y;
    }

    private static Values Multiply(Linear linear, Values x)
    {
        using HostValues weight = new(linear.Weight!.Value), bias = new(linear.Bias!.Value);
        var y = Values.Of(linear.OutFeatures, 1);
        for (var i = 0; i < y.Numbers.Length; i++)
        {
            var sum = new Sum(bias[i]);
            for (var k = 0; k < linear.InFeatures; k++)
                sum.Add(weight[(long)i * linear.InFeatures + k], x, k);
            sum.Store(y, i);
        }

        return y;
    }

    /// <summary>[channels, size, size] numbers and how far each may be off.</summary>
    private sealed record Values(double[] Numbers, double[] Bounds, int Channels, int Size)
    {
        public static Values Of(int channels, int size) =>
            new(new double[channels * size * size], new double[channels * size * size], channels, size);
    }

    private struct Sum(double start)
    {
        private double _sum = start;
        private double _magnitude = Math.Abs(start);
        private double _carried;
        private int _terms = 1;

        public void Add(double weight, Values x, int index)
        {
            _sum += weight * x.Numbers[index];
            _magnitude += Math.Abs(weight * x.Numbers[index]);
            _carried += Math.Abs(weight) * x.Bounds[index];
            _terms++;
        }

        public readonly void Store(Values y, int index) =>
            (y.Numbers[index], y.Bounds[index]) = (_sum, Check.SumBound(_terms, _magnitude) + _carried);
    }
}
