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
        run.RunLayer("pool", new MaxPool2d(3, stride: 2, padding: 1), [40, 5, 31, 30]);
        run.RunLayer("pool pairs", new MaxPool2d(2), [40, 5, 40, 40]);
        run.RunLayer(
            "batch norm, relu, pool", new Sequential(new BatchNorm(5), new ReLU(), new MaxPool2d(2)), [40, 5, 40, 40]);
        run.RunLoss();
        run.RunSgd();
        run.RunInitializers();
        return run._results;
    }

    public void Dispose()
    {
        while (_owned.TryPop(out var owned))
            owned.Dispose();
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

    private void RunLoss()
    {
        var loss = Own(new SoftmaxCrossEntropy());
        var labels = Own(Tensor.From([.. Enumerable.Range(0, 5000).Select(i => i * 7 % 10)], [5000], _device));
        Keep("loss", loss.Forward(Normal(3, [5000, 10]), labels));
        Keep("loss gradient", loss.Backward());
        var totals = loss.ReadTotals();
        _results.Add(("totals", [.. BitConverter.GetBytes(totals.Loss), .. BitConverter.GetBytes(totals.Correct)]));
    }

    private void RunSgd()
    {
        var layer = Own(new Linear(300, 257));
        layer.Initialize(_device, _dtype, seed: 6);
        var optimizer = Own(new Sgd(layer.Parameters, 0.1, momentum: 0.9, weightDecay: 0.01));
        layer.Forward(Normal(4, [33, 300]));
        layer.Backward(Normal(5, [33, 257]));
        optimizer.Step();
        optimizer.Step();
        Keep("sgd", layer.Weight!.Value);
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
