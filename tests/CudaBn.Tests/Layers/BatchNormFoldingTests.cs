using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

/// <summary>Models whose batch normalizations are folded, against the models themselves in evaluation.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class BatchNormFoldingTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    /// <summary>Relative, of a whole output: each layer rounds its weights once more than the model does.</summary>
    private double Tolerance => DType == DType.Float32 ? 1e-5 : 1e-13;

    [Test]
    public void SeedNetwork_Trained_GivesTheSameLogits()
    {
        var model = OnDevice(SeedNetwork.Create(notebookInitialization: false));
        MakeStateRandom(model, 7);
        var fused = AssertSame(model, [3, 1, 28, 28]);

        Assert.That(fused.Layers.Select(layer => layer.Name), Is.EqualTo(new[]
        {
            "conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "flatten1", "fc1", "relu3", "fc2",
        }));
        Assert.That(fused.IsTraining, Is.False);
    }

    [FsCheck.NUnit.Property(MaxTest = 250)]
    public Property RandomNetworks_GiveTheSameOutputs() => Prop.ForAll(
        Arb.From(
            from seed in Gen.Choose(1, int.MaxValue)
            from layers in Gen.Choose(1, 6)
            select (Seed: seed, Layers: layers)),
        at =>
        {
            try
            {
                var random = new Random(at.Seed);
                var model = OnDevice(RandomNetwork(random, at.Layers, depth: 2));
                MakeStateRandom(model, at.Seed % 1000);
                AssertSame(model, [3, 4, 5, 6]);
            }
            finally
            {
                DisposeOwned();
            }
        });

    private static IEnumerable<TestCaseData> Structures() =>
    [
        Case("convolution with bias", new Sequential(Convolution(bias: true), new BatchNorm(4)), 0),
        Case("convolution without bias", new Sequential(Convolution(bias: false), new BatchNorm(4, epsilon: 0.5)), 0),
        Case("without affine", new Sequential(Convolution(bias: true), new BatchNorm(4, affine: false)), 0),
        Case("fixed gamma", new Sequential(Convolution(bias: true), new BatchNorm(4, fixGamma: true)), 0),
        Case("two in a row", new Sequential(Convolution(bias: true), new BatchNorm(4), new BatchNorm(4)), 0),
        Case("dense", new Sequential(new Flatten(), new Linear(120, 7), new BatchNorm(7), new ReLU()), 0),
        Case("groups", new Sequential(new Conv2d(4, 6, 3, padding: 1, groups: 2), new BatchNorm(6)), 0),
        Case("depthwise, dilated", new Sequential(
            new Conv2d(4, 8, 3, padding: 2, dilation: 2, groups: 4, bias: false), new BatchNorm(8)), 0),
        Case("strides", new Sequential(new Conv2d(4, 5, (3, 2), stride: (2, 3)), new BatchNorm(5)), 0),
        Case("first of all", new Sequential(new BatchNorm(4), Convolution(bias: true)), 1),
        Case("behind a rectifier", new Sequential(Convolution(bias: true), new ReLU(), new BatchNorm(4)), 1),
        Case("over the end of a sequence", new Sequential(new Sequential(Convolution(bias: true)), new BatchNorm(4)), 0),
        Case("a sequence of its own", new Sequential(Convolution(bias: true), new Sequential(new BatchNorm(4))), 0),
        Case("at both ends of a block", new Sequential(
            Convolution(bias: true), new Residual(new Sequential(new BatchNorm(4), Convolution(bias: true))),
            new BatchNorm(4)), 2),
        Case("inside both branches", new Sequential(
            new Residual(
                new Sequential(Convolution(bias: false), new BatchNorm(4)),
                new Sequential(Convolution(bias: true), new BatchNorm(4))),
            new ReLU()), 0),
    ];

    [TestCaseSource(nameof(Structures))]
    public void Fuse_GivesTheSameOutputs_AndFoldsWhatMayBe(Func<Sequential> create, int left)
    {
        var model = OnDevice((Sequential)create().Copy());
        MakeStateRandom(model, 3);

        var fused = AssertSame(model, [3, 4, 5, 6]);

        Assert.That(fused.SelfAndInnerLayers().OfType<BatchNorm>().Count(), Is.EqualTo(left));
    }

    [Test]
    public void Fuse_SignalsAndVolumes_GivesTheSameOutputs()
    {
        var signals = OnDevice(new Sequential(new Conv1d(4, 6, 3, groups: 2), new BatchNorm(6), new ReLU()));
        var volumes = OnDevice(new Sequential(new Conv3d(4, 3, 2, bias: false), new BatchNorm(3), new ReLU()));
        foreach (var (model, shape) in new (Sequential, Shape)[] { (signals, [3, 4, 9]), (volumes, [2, 4, 3, 4, 5]) })
        {
            MakeStateRandom(model, 3);
            Assert.That(AssertSame(model, shape).Layers, Has.Count.EqualTo(2));
        }
    }

    [Test]
    public void Fuse_StatisticsOfTheBatchOrChannelsLast_StaysAsItIs()
    {
        var model = OnDevice(new Sequential(
            new Flatten(), new Linear(120, 6), new BatchNorm(6, trackRunningStatistics: false), new Linear(6, 5),
            new BatchNorm(5, channelsLast: true)));
        MakeStateRandom(model, 3);

        var fused = AssertSame(model, [3, 4, 5, 6]);

        Assert.That(fused.Layers, Has.Count.EqualTo(5));
    }

    [Test]
    public void Fuse_OwnsItsWeights_AndLeavesTheModelAsItIs()
    {
        var model = OnDevice(new Sequential(Convolution(bias: false), new BatchNorm(4), new ReLU()) { FusesLayers = false });
        MakeStateRandom(model, 3);
        var before = model.State.Where(s => s.Tensor.DType.IsReal()).Select(s => Read(s.Tensor)).ToArray();
        var x = TensorOf(Rounded(RandomVector.Normal(1, 3 * 4 * 30)), [3, 4, 5, 6]);

        var fused = Own(model.Fuse());
        var output = Read(fused.Forward(x));

        Assert.That(model.IsTraining, Is.True);
        Assert.That(fused.FusesLayers, Is.False);
        Assert.That(fused.State.Select(s => s.Name), Is.EqualTo(new[] { "conv1.weight", "conv1.bias" }));
        foreach (var (state, values) in model.State.Where(s => s.Tensor.DType.IsReal()).Zip(before))
            ErrorBound.AssertExact(state.Name, Read(state.Tensor), values);
        model.Dispose();
        ErrorBound.AssertExact("output", Read(fused.Forward(x)), output);
    }

    [Test]
    public void Fuse_Backward_IsThatOfTheModelInEvaluation()
    {
        var model = OnDevice(new Sequential(Convolution(bias: true), new BatchNorm(4), new ReLU()));
        MakeStateRandom(model, 3);
        model.IsTraining = false;
        var fused = Own(model.Fuse());
        Shape shape = [3, 4, 5, 6];
        var x = TensorOf(Rounded(RandomVector.Normal(1, (int)shape.ElementCount)), shape);
        var gradOutput = TensorOf(Rounded(RandomVector.Normal(2, (int)shape.ElementCount)), shape);
        model.Forward(x);
        fused.Forward(x);

        Assert.That(
            Comparison.RelativeError(Read(fused.Backward(gradOutput)), Read(model.Backward(gradOutput))),
            Is.LessThan(Tolerance));
    }

    [Test]
    public void Fuse_BeforeInitialize_Throws()
    {
        using var model = new Sequential(Convolution(bias: true), new BatchNorm(4));
        Assert.That(() => model.Fuse(), Throws.InvalidOperationException.With.Message.Contains("Initialize"));
    }

    private Sequential AssertSame(Sequential model, Shape shape)
    {
        var x = TensorOf(Rounded(RandomVector.Normal(1, (int)shape.ElementCount)), shape);
        var fused = Own(model.Fuse());
        model.IsTraining = false;
        var (actual, expected) = (Read(fused.Forward(x)), Read(model.Forward(x)));

        Assert.That(
            Comparison.RelativeError(actual, expected), Is.LessThan(Tolerance),
            () => Comparison.WorstElement(actual, expected));
        return fused;
    }

    private static TestCaseData Case(string name, Sequential model, int left) =>
        new TestCaseData((Func<Sequential>)(() => model), left).SetArgDisplayNames(name, $"{left}");

    private static Conv2d Convolution(bool bias) => new(4, 4, 3, padding: 1, bias: bias);

    /// <summary>Layers that keep the shape, in any order, with blocks and sequences inside.</summary>
    private static Sequential RandomNetwork(Random random, int layers, int depth)
    {
        Layer Next() => random.Next(depth > 0 ? 8 : 6) switch
        {
            0 => new ReLU(),
            1 => Convolution(bias: true),
            2 => Convolution(bias: false),
            3 or 4 => new BatchNorm(4, affine: random.Next(2) == 0),
            5 => new Conv2d(4, 4, 3, padding: 2, dilation: 2, groups: random.Next(2) == 0 ? 2 : 4),
            6 => new Residual(
                RandomNetwork(random, 3, depth - 1), random.Next(2) == 0 ? null : RandomNetwork(random, 2, depth - 1)),
            _ => RandomNetwork(random, 3, depth - 1),
        };

        return new Sequential([.. Enumerable.Range(0, layers).Select(_ => Next())]);
    }

    /// <summary>As after training: variances around 1, gammas about 1, and none of the first values.</summary>
    private void MakeStateRandom(Sequential model, int seed)
    {
        foreach (var (name, tensor) in model.State)
        {
            if (!tensor.DType.IsReal())
                continue;
            var values = RandomVector.Normal(seed++, (int)tensor.ElementCount);
            Write(
                Rounded(name.EndsWith("running_var", StringComparison.Ordinal)
                    ? Array.ConvertAll(values, v => 0.2 + v * v)
                    : tensor.Shape.Rank > 1 ? Array.ConvertAll(values, v => v / Math.Sqrt(tensor.ElementCount / tensor.Shape[0]))
                    : values),
                tensor);
        }
    }
}
