using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

/// <summary>Networks that fuse their layers against the same networks layer by layer: everything the same to the last
/// bit.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class FusedResidualTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private static readonly Shape InputShape = [5, 4, 6, 6];

    /// <summary>How a network runs.</summary>
    public enum Mode
    {
        Training,
        Frozen,
        Evaluation,
    }

    private static IEnumerable<TestCaseData> Networks() =>
        from network in new (string Name, Func<Sequential> Create)[]
        {
            ("batch norm, relu", () => new Sequential(new BatchNorm(4), new ReLU())),
            ("pooled in another way", () => new Sequential(
                Convolution(), new BatchNorm(4), new ReLU(), new MaxPool2d(3, stride: 2, padding: 1), Convolution(),
                new BatchNorm(4), new ReLU(), new MaxPool2d(2))),
            ("identity", () => new Sequential(new Residual(Block()), new ReLU())),
            ("identity, no rectifier", () => new Sequential(new Residual(Block()), Convolution())),
            ("projection", () => new Sequential(
                new Residual(Block(stride: 2), Projection(stride: 2)), new ReLU(), Convolution())),
            ("batch norm alone", () => new Sequential(new Residual(new BatchNorm(4)), new ReLU())),
            ("sequence of batch norm alone", () => new Sequential(
                new Residual(new Sequential(new BatchNorm(4)), new ReLU()), new ReLU())),
            ("no batch norm at the end", () => new Sequential(
                new Residual(new Sequential(new BatchNorm(4), new ReLU(), Convolution())), new ReLU())),
            ("convolution, relu", () => new Sequential(
                Convolution(), new ReLU(), Convolution(), new ReLU(), new MaxPool2d(2), new Flatten(), new Linear(4 * 9, 5),
                new ReLU())),
            ("blocks without batch norm", () => new Sequential(
                Convolution(), new ReLU(),
                new Residual(new Sequential(Convolution(), new ReLU(), Convolution()), Projection()), new ReLU(),
                new Residual(new Sequential(Convolution(), new ReLU(), Convolution()), new ReLU()), new ReLU())),
            ("blocks that end in other layers", () => new Sequential(
                new Residual(new Sequential(Convolution(), new ReLU())), new ReLU(), new Residual(new LeakyReLU()),
                new Residual(Convolution()))),
            ("blocks in a row", () => new Sequential(
                Convolution(), new BatchNorm(4), new ReLU(), new Residual(Block()), new ReLU(), new Residual(Block()),
                new ReLU(), new Flatten(), new Linear(4 * 36, 3), new BatchNorm(3), new ReLU())),
            ("block in a block", () => new Sequential(
                new Residual(new Sequential(new Residual(Block()), new ReLU(), new BatchNorm(4))), new ReLU())),
            ("rectified block in a sequence", () => new Sequential(
                new Sequential(new Residual(Block()), new ReLU()), new Sequential(new BatchNorm(4), new ReLU()))),
        }
        from mode in Enum.GetValues<Mode>()
        select new TestCaseData(network.Create, mode).SetArgDisplayNames(network.Name, mode.ToString());

    [TestCaseSource(nameof(Networks))]
    public void ForwardAndBackward_GiveWhatTheLayersGive(Func<Sequential> create, Mode mode)
    {
        var (fused, unfused) = (OnDevice(create()), OnDevice(create()));
        unfused.FusesLayers = false;
        foreach (var network in new[] { fused, unfused })
        {
            SetMode(network, mode);
            network.Backward(Poison(network.Forward(Poison(InputShape)).Shape));
            MakeStateRandom(network);
        }

        // Twice: what a step leaves behind must not matter to the next.
        for (var step = 0; step < 2; step++)
        {
            var x = TensorOf(Rounded(RandomVector.Normal(step, (int)InputShape.ElementCount)), InputShape);
            var output = fused.Forward(x);
            ErrorBound.AssertExact("output", Read(output), Read(unfused.Forward(x)));

            var gradOutput = TensorOf(Rounded(RandomVector.Normal(9, (int)output.ElementCount)), output.Shape);
            AssertSameGradients(fused.Backward(gradOutput), unfused.Backward(gradOutput), fused, unfused);
            AssertSameState(fused, unfused);
        }
    }

    [TestCaseSource(nameof(Networks))]
    public void BackwardParameters_GivesTheGradientsOfBackward(Func<Sequential> create, Mode mode)
    {
        var network = OnDevice(create());
        SetMode(network, mode);
        MakeStateRandom(network);
        var output = network.Forward(TensorOf(Rounded(RandomVector.Normal(1, (int)InputShape.ElementCount)), InputShape));
        var gradOutput = TensorOf(Rounded(RandomVector.Normal(2, (int)output.ElementCount)), output.Shape);
        network.Backward(gradOutput);
        var expected = network.Parameters.Select(parameter => Read(parameter.Gradient)).ToArray();
        network.Backward(Poison(output.Shape));

        network.BackwardParameters(gradOutput);

        foreach (var (parameter, gradient) in network.Parameters.Zip(expected))
            ErrorBound.AssertExact(parameter.Name, Read(parameter.Gradient), gradient);
    }

    [Test]
    public void ModeAndFusionChangedBetweenForwardAndBackward_BackwardIsThatOfTheForward(
        [Values] bool training, [Values] bool fuses)
    {
        Sequential Create() => OnDevice(new Sequential(new Residual(Block(), Projection()), new ReLU()));
        var (changed, steady) = (Create(), Create());
        var x = TensorOf(Rounded(RandomVector.Normal(1, (int)InputShape.ElementCount)), InputShape);
        var gradOutput = TensorOf(Rounded(RandomVector.Normal(2, (int)InputShape.ElementCount)), InputShape);
        foreach (var network in new[] { changed, steady })
        {
            MakeStateRandom(network);
            network.IsTraining = training;
            network.FusesLayers = fuses;
            network.Forward(x);
        }

        changed.IsTraining = !training;
        changed.FusesLayers = !fuses;

        AssertSameGradients(changed.Backward(gradOutput), steady.Backward(gradOutput), changed, steady);
    }

    [Test]
    public void AlternatingShapes_DoNotMix()
    {
        var (fused, unfused) = (
            OnDevice(new Sequential(new Residual(Block(), Projection()), new ReLU())),
            OnDevice(new Sequential(new Residual(Block(), Projection()), new ReLU()) { FusesLayers = false }));
        Shape[] shapes = [[2, 4, 5, 5], [7, 4, 3, 9], [1, 4, 8, 2]];
        for (var step = 0; step < 9; step++)
        {
            var shape = shapes[step % 3];
            fused.IsTraining = unfused.IsTraining = step % 4 != 3;
            var x = TensorOf(Rounded(RandomVector.Normal(step, (int)shape.ElementCount)), shape);
            ErrorBound.AssertExact($"output {step}", Read(fused.Forward(x)), Read(unfused.Forward(x)));
            var gradOutput = TensorOf(Rounded(RandomVector.Normal(-step, (int)shape.ElementCount)), shape);
            AssertSameGradients(fused.Backward(gradOutput), unfused.Backward(gradOutput), fused, unfused);
        }

        AssertSameState(fused, unfused);
    }

    private static Conv2d Convolution() => new(4, 4, 3, padding: 1, bias: false);

    private static Sequential Block(int stride = 1) => new(
        new Conv2d(4, 4, 3, stride, padding: 1, bias: false), new BatchNorm(4), new ReLU(), Convolution(),
        new BatchNorm(4));

    private static Sequential Projection(int stride = 1) =>
        new(new Conv2d(4, 4, 1, stride, bias: false), new BatchNorm(4));

    private static IEnumerable<BatchNorm> BatchNormsOf(Layer layer) => layer switch
    {
        BatchNorm batchNorm => [batchNorm],
        Container container => container.Layers.SelectMany(BatchNormsOf),
        _ => [],
    };

    private static void SetMode(Sequential network, Mode mode)
    {
        network.IsTraining = mode != Mode.Evaluation;
        foreach (var batchNorm in BatchNormsOf(network))
            batchNorm.FreezeStatistics = mode == Mode.Frozen;
    }

    private void MakeStateRandom(Sequential network)
    {
        var seed = 50;
        foreach (var (name, tensor) in network.State)
        {
            if (!tensor.DType.IsReal())
                continue;
            var values = RandomVector.Normal(seed++, (int)tensor.ElementCount);
            if (name.EndsWith("running_var", StringComparison.Ordinal))
                values = Array.ConvertAll(values, v => 0.5 + v * v);
            Write(Rounded(values), tensor);
        }
    }

    private static void AssertSameGradients(Tensor actual, Tensor expected, Layer fused, Layer unfused)
    {
        ErrorBound.AssertEqual("input gradient", Read(actual), Read(expected));
        foreach (var (parameter, wanted) in fused.Parameters.Zip(unfused.Parameters))
            ErrorBound.AssertEqual(parameter.Name, Read(parameter.Gradient), Read(wanted.Gradient));
    }

    private static void AssertSameState(Layer fused, Layer unfused)
    {
        foreach (var ((name, actual), (_, expected)) in fused.State.Zip(unfused.State))
        {
            if (actual.DType.IsReal())
                ErrorBound.AssertExact(name, Read(actual), Read(expected));
            else
                Assert.That(actual.ToArray<long>(), Is.EqualTo(expected.ToArray<long>()), name);
        }
    }
}
