using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

/// <summary>Layers and parameters that training leaves alone.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class FreezeTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private static IEnumerable<TestCaseData> Layers() =>
    [
        Case("conv", () => new Conv2d(2, 3, 2), [4, 2, 4, 5]),
        Case("linear", () => new Linear(6, 5), [4, 6]),
        Case("batch norm", () => new BatchNorm(3), [4, 3, 5]),
        Case("batch norm rows", () => new BatchNorm(3), [7, 3]),
        Case("batch norm, virtual batches", () => new BatchNorm(3, virtualBatchSize: 2), [4, 3, 5]),
        Case("batch norm evaluation", () => new BatchNorm(3) { IsTraining = false }, [4, 3, 5]),
        Case(
            "batch norm, relu, pool",
            () => new Sequential(new BatchNorm(3), new ReLU(), new MaxPool2d(2)), [2, 3, 4, 6]),
    ];

    [TestCaseSource(nameof(Layers))]
    public void EveryChoiceOfParameters_GivesTheSameGradients(Func<Layer> create, Shape shape)
    {
        var x = TensorOf(RandomVector.Normal(1, (int)shape.ElementCount), shape);
        var all = OnDevice(create());
        var gradOutput = TensorOf(RandomVector.Normal(2, (int)all.Forward(x).ElementCount), all.Forward(x).Shape);
        var gradInput = Read(all.Backward(gradOutput));
        for (var choice = 0; choice < 4; choice++)
        {
            var layer = OnDevice(create());
            for (var i = 0; i < 2; i++)
            {
                layer.Parameters[i].RequiresGradient = (choice >> i & 1) == 1;
                Device.Backend.Fill(layer.Parameters[i].Gradient, double.NaN);
            }

            layer.Forward(x);
            ErrorBound.AssertExact($"input gradient, choice {choice}", Read(layer.Backward(gradOutput)), gradInput);
            AssertRequired($"choice {choice}");

            foreach (var parameter in layer.Parameters)
                Device.Backend.Fill(parameter.Gradient, double.NaN);
            layer.BackwardParameters(gradOutput);
            AssertRequired($"choice {choice}, parameters alone");

            void AssertRequired(string when)
            {
                foreach (var (actual, expected) in layer.Parameters.Zip(all.Parameters))
                {
                    if (actual.RequiresGradient)
                        ErrorBound.AssertExact($"{actual.Name}, {when}", Read(actual.Gradient), Read(expected.Gradient));
                }

                if (choice == 0)
                    Assert.That(layer.Parameters.SelectMany(p => Read(p.Gradient)), Is.All.NaN, when);
            }
        }
    }

    [Test]
    public void Freeze_ReachesEveryLayerInside_AndUnfreezeToo()
    {
        var inner = new BatchNorm(4);
        var untracked = new BatchNorm(4, trackRunningStatistics: false);
        var model = OnDevice(new Sequential(
            new Conv2d(1, 4, 3), new Sequential(inner, new ReLU(), untracked), new Flatten(), new Linear(16, 2)));
        Assert.That(model.Parameters.Select(p => p.RequiresGradient), Is.All.True);

        model.Freeze();
        Assert.That(model.Parameters.Select(p => p.RequiresGradient), Is.All.False);
        Assert.That((inner.FreezeStatistics, untracked.FreezeStatistics), Is.EqualTo((true, false)));
        var mean = Read(inner.RunningMean!);
        var x = TensorOf(RandomVector.Normal(1, 48), [3, 1, 4, 4]);
        model.Forward(x);
        Assert.That(Read(inner.RunningMean!), Is.EqualTo(mean));
        Assert.That(model.Backward(TensorOf([1, 2, 3, 4, 5, 6], [3, 2])).Shape, Is.EqualTo(x.Shape));

        model.Unfreeze();
        Assert.That(model.Parameters.Select(p => p.RequiresGradient), Is.All.True);
        Assert.That(inner.FreezeStatistics, Is.False);
        model.Forward(x);
        Assert.That(Read(inner.RunningMean!), Is.Not.EqualTo(mean));
    }

    [Test]
    public void Freeze_BeforeInitialize_SaysWhatToCall()
    {
        using var layer = new Linear(2, 2);
        Assert.That(layer.Freeze, Throws.InvalidOperationException.With.Message.Contains("Initialize"));
        Assert.That(layer.Unfreeze, Throws.InvalidOperationException.With.Message.Contains("Initialize"));
    }

    [Test]
    public void BackwardParameters_EndsAtTheLowestLayerThatLearns()
    {
        var model = OnDevice(new Sequential(new Linear(4, 5), new ReLU(), new Linear(5, 3), new BatchNorm(3), new Linear(3, 2)));
        var x = TensorOf(RandomVector.Normal(1, 24), [6, 4]);
        var gradOutput = TensorOf(RandomVector.Normal(2, 12), [6, 2]);
        model.Forward(x);
        model.BackwardParameters(gradOutput);
        var expected = model.Parameters.Select(p => Read(p.Gradient)).ToArray();
        for (var lowest = 0; lowest <= model.Layers.Count; lowest++)
        {
            model.Forward(x);
            for (var i = 0; i < lowest; i++)
            {
                foreach (var parameter in model.Layers[i].Parameters)
                    parameter.RequiresGradient = false;
                // A layer that were asked for a gradient would refuse now.
                model.Layers[i].ForgetForward();
            }

            foreach (var parameter in model.Parameters)
                Device.Backend.Fill(parameter.Gradient, double.NaN);
            model.BackwardParameters(gradOutput);
            foreach (var (parameter, gradient) in model.Parameters.Zip(expected))
            {
                var nans = Array.ConvertAll(gradient, _ => double.NaN);
                ErrorBound.AssertExact(
                    $"{parameter.Name}, lowest {lowest}", Read(parameter.Gradient),
                    parameter.RequiresGradient ? gradient : nans);
            }
        }
    }

    private static TestCaseData Case(string name, Func<Layer> create, Shape shape) =>
        new TestCaseData(create, shape).SetArgDisplayNames(name);
}
