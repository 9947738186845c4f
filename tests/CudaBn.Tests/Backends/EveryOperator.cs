using CudaBn.Backends.OpArgs;
using CudaBn.Tests.Data;
using CudaBn.Tests.Reference;

namespace CudaBn.Tests.Backends;

/// <summary>Runs every operator once, on sizes that are cut into many chunks.</summary>
public sealed class EveryOperator : IDisposable
{
    private readonly Device _device;
    private readonly DType _dtype;
    private readonly Stack<IDisposable> _owned = new();
    private readonly List<(string Name, byte[] Bits)> _results = [];

    private EveryOperator(Device device, DType dtype) => (_device, _dtype) = (device, dtype);

    /// <summary>The bits of all results, named.</summary>
    public static IReadOnlyList<(string Name, byte[] Bits)> Run(Device device, DType dtype)
    {
        using var run = new EveryOperator(device, dtype);
        run.RunLayer("conv", new Conv2d(3, 13, 3, padding: 1), [65, 3, 14, 14]);
        run.RunLayer("conv strided", new Conv2d(20, 50, (3, 2), stride: 2), [33, 20, 9, 8]);
        run.RunLayer("conv one channel", new Conv2d(1, 20, 5), [33, 1, 28, 28]);
        run.RunCompiledPerLayer();
        run.RunLayer("conv dilated", new Conv2d(4, 6, 3, padding: 2, dilation: 2), [3, 4, 21, 40]);
        run.RunLayer("conv signal", new Conv1d(6, 9, 5, stride: 2, padding: (4, 0)), [20, 6, 100]);
        run.RunLayer("conv volume", new Conv3d(3, 7, 3, padding: 1), [4, 3, 6, 9, 11]);
        run.RunLayer("conv volume depthwise", new Conv3d(3, 3, 3, padding: 1, groups: 3), [4, 3, 6, 9, 11]);
        run.RunLayer("linear", new Linear(257, 100), [300, 257]);
        run.RunLayer("batch norm", new BatchNorm(5), [40, 5, 33, 33]);
        run.RunLayer("batch norm matrix", new BatchNorm(7), [20000, 7]);
        run.RunLayer("batch norm frozen", new BatchNorm(5) { FreezeStatistics = true }, [40, 5, 33, 33]);
        run.RunLayer("batch norm channels last", new BatchNorm(19, channelsLast: true), [40, 33, 33, 19]);
        run.RunLayer("batch norm wide", new BatchNorm(1100), [300, 1100]);
        run.RunLayer(
            "batch norm wide frozen", new BatchNorm(1100) { FreezeStatistics = true }, [300, 1100]);
        run.RunLayer("batch norm virtual batches", new BatchNorm(5, virtualBatchSize: 16), [40, 5, 33, 33]);
        run.RunLayer("relu", new ReLU(), [100, 1001]);
        run.RunLayer("leaky relu", new LeakyReLU(), [100, 1001]);
        run.RunLayer("gelu", new GELU(), [100, 1001]);
        run.RunLayer("gelu, tanh", new GELU(tanhApproximation: true), [100, 1001]);
        run.RunLayer("silu", new SiLU(), [100, 1001]);
        run.RunLayer("sigmoid", new Sigmoid(), [100, 1001]);
        run.RunLayer("tanh", new Tanh(), [100, 1001]);
        run.RunLayer("dropout", new Dropout(0.3), [100, 1001]);
        run.RunLayer("pool", new MaxPool2d(3, stride: 2, padding: 1), [40, 5, 31, 30]);
        run.RunLayer("pool pairs", new MaxPool2d(2), [40, 5, 40, 40]);
        run.RunLayer("pool volumes", new MaxPool3d(3, stride: 2, padding: 1, ceilMode: true), [20, 3, 9, 11, 12]);
        run.RunLayer("average pool", new AvgPool2d(3, stride: 2, padding: 1), [40, 5, 31, 30]);
        run.RunLayer("average pool volumes", new AvgPool3d(3, stride: 1, padding: 1), [20, 3, 7, 9, 12]);
        run.RunLayer("adaptive average pool", new AdaptiveAvgPool2d(7), [40, 5, 31, 30]);
        run.RunLayer("global average pool", new GlobalAvgPool(), [40, 50, 7, 7]);
        run.RunLayer("global average pool of few planes", new GlobalAvgPool(), [1, 2, 200, 203]);
        run.RunLayer("batch norm, relu", new Sequential(new BatchNorm(5), new ReLU()), [40, 5, 33, 33]);
        run.RunLayer(
            "batch norm frozen, relu", new Sequential(new BatchNorm(5) { FreezeStatistics = true }, new ReLU()),
            [40, 5, 33, 33]);
        run.RunLayer("residual", new Residual(new ReLU()), [100, 1001]);
        run.RunLayer(
            "residual, relu", new Sequential(new Residual(new BatchNorm(5), new ReLU()), new ReLU()), [40, 5, 33, 33]);
        run.RunLayer(
            "residual frozen, relu",
            new Sequential(new Residual(new BatchNorm(5) { FreezeStatistics = true }), new ReLU()), [40, 5, 40, 40]);
        run.RunLayer(
            "batch norm, relu, pool", new Sequential(new BatchNorm(5), new ReLU(), new MaxPool2d(2)), [40, 5, 40, 40]);
        run.RunBatches();
        run.RunLoss();
        run.RunMeanSquaredError();
        run.RunOptimizer("sgd", parameters => new Sgd(parameters, 0.1, momentum: 0.9, weightDecay: 0.01));
        run.RunOptimizer("sgd clipped", parameters => new Sgd(parameters, 0.1, maxGradientNorm: 0.5));
        run.RunOptimizer("adam", parameters => new Adam(parameters, weightDecay: 0.01));
        run.RunOptimizer("adamw", parameters => new AdamW(parameters));
        run.RunInitializers();
        run.RunFirstNonFinite();
        return run._results;
    }

    /// <summary>Only those convolutions whose kernels are compiled when a layer first needs them, see
    /// <see cref="CudaBn.Backends.Cuda.CudaBackend.WarmUp"/>.</summary>
    public static void RunCompiledPerLayer(Device device, DType dtype)
    {
        using var run = new EveryOperator(device, dtype);
        run.RunCompiledPerLayer();
    }

    public void Dispose()
    {
        while (_owned.TryPop(out var owned))
            owned.Dispose();
    }

    private void RunCompiledPerLayer()
    {
        RunLayer("conv groups", new Conv2d(8, 12, 3, padding: 1, groups: 2), [33, 8, 9, 14]);
        RunLayer("conv depthwise", new Conv2d(5, 10, 3, stride: 2, padding: 1, groups: 5), [33, 5, 31, 30]);
        RunLayer("conv depthwise steps", new Conv2d(5, 5, 3, stride: 2, padding: 1, groups: 5), [33, 5, 31, 30]);
        RunLayer("conv patches", new Conv2d(3, 96, 8, stride: 8), [20, 3, 32, 32]);
    }

    private void RunLayer(string name, Layer layer, Shape shape)
    {
        Own(layer).Initialize(_device, _dtype, seed: 5);
        var output = layer.Forward(Normal(1, shape));
        Keep($"{name} output", output);
        Keep($"{name} input gradient", layer.Backward(Normal(2, output.Shape)));
        foreach (var parameter in layer.Parameters)
            Keep($"{name} gradient of {parameter.Name}", parameter.Gradient);
        foreach (var state in layer.State)
            Keep($"{name} {state.Name}", state.Tensor);
    }

    private void RunBatches()
    {
        var dataset = new ImageDataset(
            "random", 3, 29, 31, IdxBytes.Random(9, 70 * 3 * 29 * 31), new byte[70], ["any"]);
        var loader = Own(new DataLoader(
            dataset, 70, _device, _dtype, shuffle: true, seed: 2, augmentation: new Augmentation(4, horizontalFlip: true),
            normalization: new Normalization([0.5, 0.4, 0.3], [0.2, 0.3, 0.4])));
        foreach (var batch in loader)
            Keep("augmented batch", batch.Images);
    }

    private void RunLoss()
    {
        var loss = Own(new SoftmaxCrossEntropy());
        var labels = Own(Tensor.From([.. Enumerable.Range(0, 5000).Select(i => i * 7 % 10)], [5000], _device));
        Keep("loss", loss.Forward(Normal(3, [5000, 10]), labels));
        Keep("loss gradient", loss.Backward());
        var smoothed = Own(new SoftmaxCrossEntropy(labelSmoothing: 0.1));
        Keep("smoothed loss", smoothed.Forward(Normal(3, [5000, 10]), labels));
        Keep("smoothed loss gradient", smoothed.Backward());
        var totals = loss.ReadTotals();
        _results.Add(("totals", [.. BitConverter.GetBytes(totals.Loss), .. BitConverter.GetBytes(totals.Correct)]));
    }

    private void RunMeanSquaredError()
    {
        var loss = Own(new MeanSquaredError());
        Keep("squared error", loss.Forward(Normal(6, [400, 301]), Normal(7, [400, 301])));
        Keep("squared error gradient", loss.Backward());
    }

    private void RunOptimizer(string name, Func<IReadOnlyList<Parameter>, Optimizer> create)
    {
        var layer = Own(new Linear(300, 257));
        layer.Initialize(_device, _dtype, seed: 6);
        var optimizer = Own(create(layer.Parameters));
        layer.Forward(Normal(4, [33, 300]));
        layer.Backward(Normal(5, [33, 257]));
        optimizer.Step();
        optimizer.Step();
        Keep(name, layer.Weight!.Value);
    }

    private void RunInitializers()
    {
        Initializer[] initializers = [Initializer.Normal(1, 2), Initializer.Uniform(-1, 3)];
        foreach (var initializer in initializers)
        {
            var tensor = Own(new Tensor([100_003], _dtype, _device));
            initializer.Fill(tensor, new Fan(3, 4), seed: 7, stream: 8);
            Keep("initializer", tensor);
        }
    }

    private void RunFirstNonFinite()
    {
        var indices = Own(new Tensor([2], DType.Int64, _device));
        _device.Backend.FirstNonFinite(new FirstNonFiniteArgs([Normal(8, [100_003]), Normal(9, [3])], indices));
        Keep("first that is not finite", indices);
    }

    private Tensor Normal(int seed, Shape shape)
    {
        var values = RandomVector.Normal(seed, (int)shape.ElementCount);
        return Own(_dtype == DType.Float32
            ? Tensor.From(Array.ConvertAll(values, value => (float)value), shape, _device)
            : Tensor.From(values, shape, _device));
    }

    private void Keep(string name, Tensor tensor) => _results.Add((name, TensorBits.Of(tensor)));

    private T Own<T>(T disposable)
        where T : IDisposable
    {
        _owned.Push(disposable);
        return disposable;
    }
}
