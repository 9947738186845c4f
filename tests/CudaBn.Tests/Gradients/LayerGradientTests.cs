using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Gradients;

/// <summary>Every layer's backward pass against central differences of its own forward pass, in double.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InFloat64))]
public class LayerGradientTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private static IEnumerable<TestCaseData> Layers() =>
    [
        Case("conv", () => new Conv2d(2, 3, 3), [3, 2, 5, 6]),
        Case("conv stride padding", () => new Conv2d(3, 5, (3, 2), stride: (2, 1), padding: (1, 2)), [2, 3, 5, 4]),
        Case("conv without bias", () => new Conv2d(1, 13, 2, stride: 3, bias: false), [17, 1, 6, 5]),
        Case("conv groups", () => new Conv2d(4, 6, (3, 2), padding: (1, 0), groups: 2), [2, 4, 4, 5]),
        Case(
            "conv depthwise", () => new Conv2d(3, 6, 3, stride: 2, padding: new Padding2d(0, 1, 2, 0), groups: 3), [2, 3, 5, 6]),
        Case("conv dilated", () => new Conv2d(3, 4, (2, 3), stride: (1, 2), padding: 2, dilation: (3, 2)), [2, 3, 5, 6]),
        Case("conv signal", () => new Conv1d(3, 4, 3, stride: 2, padding: (2, 1), dilation: 2), [3, 3, 9]),
        Case("conv volume", () => new Conv3d(2, 3, (2, 3, 2), stride: (2, 1, 1), padding: (1, 1, 0)), [2, 2, 4, 3, 4]),
        Case("conv volume depthwise", () => new Conv3d(2, 2, 2, dilation: (2, 1, 2), groups: 2), [2, 2, 4, 3, 4]),
        Case("linear", () => new Linear(7, 5), [4, 7]),
        Case("linear without bias", () => new Linear(13, 17, bias: false), [3, 13]),
        Case("flatten", () => new Flatten(), [3, 2, 2, 2]),
        Case("relu", () => new ReLU(), [3, 5, 7]),
        Case("leaky relu", () => new LeakyReLU(0.2), [3, 5, 7]),
        Case("gelu", () => new GELU(), [3, 5, 7]),
        Case("gelu, tanh", () => new GELU(tanhApproximation: true), [3, 5, 7]),
        Case("silu", () => new SiLU(), [3, 5, 7]),
        Case("sigmoid", () => new Sigmoid(), [3, 5, 7]),
        Case("tanh", () => new Tanh(), [3, 5, 7]),
        Case("dropout evaluation", () => new Dropout { IsTraining = false }, [3, 5]),
        Case("pool", () => new MaxPool2d(2), [2, 3, 6, 5]),
        Case("pool overlapping padded", () => new MaxPool2d(3, stride: (2, 1), padding: 1), [2, 2, 5, 6]),
        Case("pool signals", () => new MaxPool1d(3, stride: 2, ceilMode: true), [2, 3, 8]),
        Case("pool volumes", () => new MaxPool3d((2, 3, 2), stride: (2, 1, 2), padding: 1), [2, 2, 3, 4, 5]),
        Case("average pool", () => new AvgPool2d(2), [2, 3, 6, 5]),
        Case(
            "average pool without its padding",
            () => new AvgPool2d(3, stride: 2, padding: 1, ceilMode: true, countIncludePad: false), [2, 2, 5, 6]),
        Case("average pool signals", () => new AvgPool1d(3, stride: 1, padding: 1, divisorOverride: 2), [2, 3, 20]),
        Case("average pool volumes", () => new AvgPool3d(2, stride: 1, padding: 1), [2, 2, 3, 4, 5]),
        Case("adaptive average pool", () => new AdaptiveAvgPool2d(3, null), [2, 2, 7, 5]),
        Case("adaptive average pool volumes", () => new AdaptiveAvgPool3d((4, 2, 3)), [1, 2, 3, 4, 5]),
        Case("global average pool", () => new GlobalAvgPool(), [3, 2, 5, 7]),
        Case("batch norm", () => new BatchNorm(3), [5, 3]),
        Case("batch norm images", () => new BatchNorm(3), [4, 3, 3, 5]),
        Case("batch norm volumes", () => new BatchNorm(2), [2, 2, 2, 3, 3]),
        Case("batch norm without affine", () => new BatchNorm(3, affine: false), [4, 3, 5]),
        Case("batch norm, large epsilon", () => new BatchNorm(3, epsilon: 0.5), [4, 3, 5]),
        Case("batch norm frozen", () => new BatchNorm(3) { FreezeStatistics = true }, [4, 3, 5]),
        Case("batch norm evaluation", () => new BatchNorm(3) { IsTraining = false }, [1, 3, 5]),
        Case("batch norm, relu", () => new Sequential(new BatchNorm(3), new ReLU()), [4, 3, 3, 5]),
        Case("batch norm, relu, columns", () => new Sequential(new BatchNorm(5), new ReLU()), [7, 5]),
        Case("batch norm, relu, frozen", () => CreateRectified(new BatchNorm(3) { FreezeStatistics = true }), [4, 3, 5]),
        Case("batch norm, relu, evaluation", () => CreateRectified(new BatchNorm(3) { IsTraining = false }), [4, 3, 5]),
        Case("residual", () => new Residual(new Linear(5, 5)), [4, 5]),
        Case("residual with shortcut", () => new Residual(new Linear(5, 3), new Linear(5, 3)), [4, 5]),
        Case("residual, batch norm", () => new Residual(CreateConvolved()), [3, 2, 4, 5]),
        Case("residual, relu", () => CreateRectified(new Residual(CreateConvolved())), [3, 2, 4, 5]),
        Case(
            "residual with shortcut, relu",
            () => CreateRectified(new Residual(CreateConvolved(), CreateConvolved())), [3, 2, 4, 5]),
        Case("residual of batch norm, relu", () => CreateRectified(new Residual(new BatchNorm(2))), [3, 2, 4, 5]),
        Case(
            "residual, frozen, relu",
            () => CreateRectified(new Residual(new BatchNorm(2, affine: false) { FreezeStatistics = true })), [3, 2, 4, 5]),
        Case("batch norm channels last", () => new BatchNorm(3, channelsLast: true), [2, 4, 3, 3]),
        Case("batch norm channels last, one channel", () => new BatchNorm(1, channelsLast: true), [2, 5, 1]),
        Case("batch norm channels last, frozen",
            () => new BatchNorm(3, channelsLast: true) { FreezeStatistics = true }, [4, 5, 3]),
        Case("batch norm virtual batches", () => new BatchNorm(3, virtualBatchSize: 2), [5, 3, 4]),
        Case("batch norm virtual batches, channels last",
            () => new BatchNorm(3, channelsLast: true, virtualBatchSize: 3), [5, 4, 3]),
        Case("batch norm evaluation without statistics",
            () => new BatchNorm(3, trackRunningStatistics: false) { IsTraining = false }, [4, 3, 5]),
        Case("batch norm, relu, pool", () => CreatePooledBatchNorm(training: true), [4, 3, 4, 6]),
        Case("batch norm, relu, pool, wide", () => CreatePooledBatchNorm(training: true), [2, 3, 2, 36]),
        Case("batch norm, relu, pool, evaluation", () => CreatePooledBatchNorm(training: false), [1, 3, 4, 6]),
    ];

    [TestCaseSource(nameof(Layers))]
    public void Backward_AgainstFiniteDifferences(Func<Layer> create, Shape shape)
    {
        var layer = OnDevice(create());
        MakeParametersRandom(layer);
        // At distance from the kinks of ReLU and max-pool.
        var input = TensorOf(RandomVector.Spaced(1, (int)shape.ElementCount), shape);
        var output = layer.Forward(input);
        var gradOutput = RandomVector.Normal(2, (int)output.ElementCount);

        var gradInput = Read(layer.Backward(TensorOf(gradOutput, output.Shape)));

        Assert.Multiple(() =>
        {
            AssertGradientOf("input", input, gradInput);
            foreach (var parameter in layer.Parameters)
                AssertGradientOf(parameter.Name, parameter.Value, Read(parameter.Gradient));
        });

        void AssertGradientOf(string name, Tensor tensor, double[] gradient)
        {
            var center = Read(tensor);
            GradientAssert.Matches(name, gradient, at =>
            {
                Write(at, tensor);
                return Read(layer.Forward(input));
            }, center, gradOutput);
            Write(center, tensor);
        }
    }

    [Test]
    public void SoftmaxCrossEntropy_AgainstFiniteDifferences(
        [Values] Reduction reduction, [Values(0, 0.2)] double smoothing)
    {
        var loss = Own(new SoftmaxCrossEntropy(reduction, smoothing));
        var labels = LabelsOf(2, 0, 3, 3, 1);
        var logits = RandomVector.Normal(1, 20);
        var input = TensorOf(logits, [5, 4]);
        loss.Forward(input, labels);
        var gradient = Read(loss.Backward());

        GradientAssert.Matches("logits", gradient, FiniteDifference.Gradient(
            at =>
            {
                Write(at, input);
                return Read(loss.Forward(input, labels))[0];
            }, logits));
    }

    [Test]
    public void MeanSquaredError_AgainstFiniteDifferences([Values] Reduction reduction)
    {
        var loss = Own(new MeanSquaredError(reduction));
        var prediction = RandomVector.Normal(1, 20);
        var (input, target) = (TensorOf(prediction, [5, 4]), TensorOf(RandomVector.Normal(2, 20), [5, 4]));
        loss.Forward(input, target);
        var gradient = Read(loss.Backward());

        GradientAssert.Matches("prediction", gradient, FiniteDifference.Gradient(
            at =>
            {
                Write(at, input);
                return Read(loss.Forward(input, target))[0];
            }, prediction));
    }

    private static TestCaseData Case(string name, Func<Layer> create, Shape shape) =>
        new TestCaseData(create, shape).SetArgDisplayNames(name, shape.ToString());

    private static Sequential CreateRectified(Layer layer) => new(layer, new ReLU());

    private static Sequential CreateConvolved() =>
        new(new Conv2d(2, 2, 3, padding: 1, bias: false), new BatchNorm(2));

    private static Sequential CreatePooledBatchNorm(bool training) =>
        new(new BatchNorm(3), new ReLU(), new MaxPool2d(2)) { IsTraining = training };

    private static void MakeParametersRandom(Layer layer)
    {
        var seed = 50;
        foreach (var parameter in layer.Parameters)
            Write(RandomVector.Normal(seed++, (int)parameter.Value.ElementCount), parameter.Value);
        if (layer is BatchNorm { RunningMean: { } mean, RunningVariance: { } variance })
        {
            Write(RandomVector.Normal(seed++, (int)mean.ElementCount), mean);
            Write(Array.ConvertAll(RandomVector.Normal(seed, (int)mean.ElementCount), v => 0.5 + v * v), variance);
        }
    }
}
