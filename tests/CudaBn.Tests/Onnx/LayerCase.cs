using CudaBn.Tests.Layers;
using CudaBn.Tests.Reference;

namespace CudaBn.Tests.Onnx;

/// <summary>A layer and the shape of an input that it takes.</summary>
internal sealed record LayerCase(Layer Layer, Shape Input)
{
    /// <summary>A configuration by chance for every kind of layer that a model may hold.</summary>
    public static IReadOnlyDictionary<Type, Func<Random, LayerCase>> OfEveryKind { get; } =
        new Dictionary<Type, Func<Random, LayerCase>>
        {
            [typeof(Conv1d)] = random => Of(Conv(random, axes: 1)),
            [typeof(Conv2d)] = random => Of(Conv(random, axes: 2)),
            [typeof(Conv3d)] = random => Of(Conv(random, axes: 3)),
            [typeof(Linear)] = random =>
            {
                var features = random.Next(1, 20);
                return new(new Linear(features, random.Next(1, 20), bias: Flip(random)), [random.Next(1, 5), features]);
            },
            [typeof(BatchNorm)] = BatchNormalization,
            [typeof(MaxPool1d)] = random => Of(Pool(random, axes: 1), pool => pool.CreateMaxPool()),
            [typeof(MaxPool2d)] = random => Of(Pool(random, axes: 2), pool => pool.CreateMaxPool()),
            [typeof(MaxPool3d)] = random => Of(Pool(random, axes: 3), pool => pool.CreateMaxPool()),
            [typeof(AvgPool1d)] = random => Of(Pool(random, axes: 1), pool => Average(random, pool)),
            [typeof(AvgPool2d)] = random => Of(Pool(random, axes: 2), pool => Average(random, pool)),
            [typeof(AvgPool3d)] = random => Of(Pool(random, axes: 3), pool => Average(random, pool)),
            [typeof(AdaptiveAvgPool1d)] = random => new(new AdaptiveAvgPool1d(Size(random)), Images(random, axes: 1)),
            [typeof(AdaptiveAvgPool2d)] = random =>
                new(new AdaptiveAvgPool2d(Size(random), Size(random)), Images(random, axes: 2)),
            [typeof(AdaptiveAvgPool3d)] = random =>
                new(new AdaptiveAvgPool3d(Size(random), Size(random), Size(random)), Images(random, axes: 3)),
            [typeof(GlobalAvgPool)] = random => new(new GlobalAvgPool(), Images(random, random.Next(1, 4))),
            [typeof(Flatten)] = random => new(new Flatten(), Images(random, random.Next(0, 4))),
            [typeof(Dropout)] = random => new(new Dropout(random.NextDouble()), Images(random, random.Next(0, 4))),
            [typeof(ReLU)] = random => new(new ReLU(), Images(random, random.Next(0, 4))),
            [typeof(LeakyReLU)] = random => new(
                new LeakyReLU(Flip(random) ? 0.01 : random.NextDouble() * 3 - 1), Images(random, random.Next(0, 4))),
            [typeof(GELU)] = random => new(new GELU(tanhApproximation: Flip(random)), Images(random, random.Next(0, 4))),
            [typeof(SiLU)] = random => new(new SiLU(), Images(random, random.Next(0, 4))),
            [typeof(Sigmoid)] = random => new(new Sigmoid(), Images(random, random.Next(0, 4))),
            [typeof(Tanh)] = random => new(new Tanh(), Images(random, random.Next(0, 4))),
            [typeof(Sequential)] = random => Network(random, random.Next(1, 6), depth: 2),
            [typeof(Residual)] = random => new(Block(random, depth: 2), [random.Next(1, 4), 4, 5, 6]),
        };

    /// <summary>Layers that keep the shape, in any order, with blocks and sequences inside.</summary>
    public static LayerCase Network(Random random, int layers, int depth) =>
        new(Chain(random, layers, depth), [random.Next(1, 4), 4, 5, 6]);

    /// <summary>As after training: variances around 1, gammas about 1, and none of the first values.</summary>
    public static void MakeStateRandom(Layer model, int seed)
    {
        foreach (var (name, tensor) in model.State)
        {
            if (tensor.DType == DType.Int64)
            {
                tensor.CopyFrom<long>([seed % 7]);
                continue;
            }

            var values = RandomVector.Normal(seed++, (int)tensor.ElementCount);
            var scale = tensor.Shape.Rank > 1 ? 1 / Math.Sqrt(tensor.ElementCount / tensor.Shape[0]) : 1;
            tensor.CopyFromDoubles(name.EndsWith("running_var", StringComparison.Ordinal)
                ? Array.ConvertAll(values, v => 0.2 + v * v)
                : Array.ConvertAll(values, v => v * scale));
        }
    }

    private static LayerCase Of(ConvCase conv) => new(conv.CreateLayer(), conv.InputShape);

    private static LayerCase Of(PoolCase pool, Func<PoolCase, Layer> create) => new(create(pool), pool.InputShape);

    private static AvgPool Average(Random random, PoolCase pool) =>
        pool.CreateAvgPool(countIncludePad: Flip(random), random.Next(4) == 0 ? random.Next(1, 9) : null);

    private static Sequential Chain(Random random, int layers, int depth) =>
        new([.. Enumerable.Range(0, layers).Select(_ => Next(random, depth))]);

    private static Layer Next(Random random, int depth) => random.Next(depth > 0 ? 9 : 7) switch
    {
        0 => new ReLU(),
        1 => new SiLU(),
        2 => new Dropout(0.3),
        3 or 4 => new Conv2d(4, 4, 3, padding: 1, bias: Flip(random)),
        5 or 6 => new BatchNorm(4, affine: Flip(random)),
        7 => Block(random, depth),
        _ => Chain(random, random.Next(1, 4), depth - 1),
    };

    private static Residual Block(Random random, int depth) => new(
        Branch(random, depth - 1), Flip(random) ? null : Branch(random, depth - 1));

    private static Layer Branch(Random random, int depth) =>
        Flip(random) ? Next(random, depth) : Chain(random, random.Next(1, 4), depth);

    private static ConvCase Conv(Random random, int axes)
    {
        var groups = random.Next(1, 4);
        var (inChannels, outChannels) = (groups * random.Next(1, 4), groups * random.Next(1, 4));
        var (batch, bias) = (random.Next(1, 4), Flip(random));
        return axes switch
        {
            1 => ConvCase.Signal(batch, inChannels, outChannels, Axis(random), bias, groups),
            2 => ConvCase.Image(batch, inChannels, outChannels, Axis(random), Axis(random), bias, groups),
            _ => ConvCase.Volume(batch, inChannels, outChannels, Axis(random), Axis(random), Axis(random), bias, groups),
        };
    }

    private static ReferenceAxis Axis(Random random)
    {
        var (size, begin, end, dilation) = (random.Next(1, 9), random.Next(4), random.Next(4), random.Next(1, 4));
        var kernel = random.Next(1, Math.Min(5, (size + begin + end - 1) / dilation + 1) + 1);
        return new ReferenceAxis(size, kernel, random.Next(1, 4), begin, end, dilation);
    }

    private static PoolCase Pool(Random random, int axes)
    {
        var ceilMode = Flip(random);
        var none = (Size: 1, Window: 1, Stride: 1, Padding: 0);
        var slices = axes < 3 ? none : Windows(random, ceilMode);
        var rows = axes < 2 ? none : Windows(random, ceilMode);
        var columns = Windows(random, ceilMode);
        return new PoolCase(
            axes, random.Next(1, 4), random.Next(1, 4), (slices.Size, rows.Size, columns.Size),
            (slices.Window, rows.Window, columns.Window), (slices.Stride, rows.Stride, columns.Stride),
            (slices.Padding, rows.Padding, columns.Padding), ceilMode);
    }

    private static (int Size, int Window, int Stride, int Padding) Windows(Random random, bool ceilMode)
    {
        var (size, stride) = (random.Next(1, 12), random.Next(1, 5));
        var window = random.Next(1, Math.Min(2 * size, 5) + 1);
        var least = Math.Max(0, (window - size - (ceilMode ? stride - 1 : 0) + 1) / 2);
        return (size, window, stride, random.Next(least, window / 2 + 1));
    }

    private static LayerCase BatchNormalization(Random random)
    {
        var channels = random.Next(1, 6);
        var (last, affine) = (Flip(random), Flip(random));
        var images = Images(random, random.Next(0, 4)).Sizes.ToArray();
        images[last ? ^1 : 1] = channels;
        return new(
            new BatchNorm(
                channels, Flip(random) ? 1e-5 : random.NextDouble() + 1e-3, random.Next(3) switch
                {
                    0 => 0.1,
                    1 => null,
                    _ => random.NextDouble(),
                },
                affine, unbiasedRunningVariance: Flip(random), channelsLast: last,
                virtualBatchSize: Flip(random) ? null : random.Next(2, 5), fixGamma: affine && Flip(random)),
            new Shape(images));
    }

    private static Shape Images(Random random, int axes) => new(
        [random.Next(1, 4), random.Next(1, 5), .. Enumerable.Range(0, axes).Select(_ => random.Next(1, 9))]);

    private static int? Size(Random random) => random.Next(5) == 0 ? null : random.Next(1, 9);

    private static bool Flip(Random random) => random.Next(2) == 0;
}
