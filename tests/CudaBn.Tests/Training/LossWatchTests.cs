using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Training;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class LossWatchTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private static readonly Func<IReadOnlyList<Parameter>, Optimizer>[] Optimizers =
    [
        parameters => new Sgd(parameters, 0.5),
        parameters => new Sgd(parameters, 0.5, momentum: 0.5),
        parameters => new Adam(parameters),
        parameters => new AdamW(parameters, maxGradientNorm: 1),
    ];

    [Test]
    public void Losses_AreCountedAndTheFirstThatIsNotFiniteIsKept([Values(1, 5, 70)] int batch, [Values] bool recorded)
    {
        var watch = Own(new LossWatch(Device));
        var loss = Own(new SoftmaxCrossEntropy());
        var logits = TensorOf(new double[3 * batch], [batch, 3]);
        var labels = LabelsOf([.. Enumerable.Range(0, batch).Select(row => row % 3)]);
        var values = new double[3 * batch];
        Action step = () => loss.Forward(logits, labels, watch.Tensor);
        step();
        if (recorded)
            step = Repeated(step);
        Assert.That(watch.Look(), Is.Null);

        for (var number = 2; number <= 6; number++)
        {
            values[^1] = number is 4 or 6 ? double.NaN : 1;
            Write(values, logits);
            step();
            Assert.That(watch.Tensor.ToArray<long>(), Is.EqualTo(new long[] { number, number < 4 ? 0 : 4 }));
            Assert.That(watch.Look(), number < 4 ? Is.Null : Is.EqualTo(number - 4));
        }

        watch.Reset();
        Assert.That(watch.Tensor.ToArray<long>(), Is.EqualTo(new long[] { 0, 0 }));
    }

    [Test]
    public void InfiniteLoss_IsNoted()
    {
        // The logit of the label is further behind than numbers go.
        var greatest = DType == DType.Float32 ? float.MaxValue : double.MaxValue;
        var watch = Own(new LossWatch(Device));
        var loss = Own(new SoftmaxCrossEntropy()).Forward(
            TensorOf([greatest, -greatest, 0, 0], [2, 2]), LabelsOf(1, 0), watch.Tensor);
        Assert.That(Read(loss)[0], Is.EqualTo(double.PositiveInfinity));
        Assert.That(watch.Look(), Is.Zero);
    }

    [Test]
    public void Optimizers_AfterALossThatIsNotFinite_ChangeNothing(
        [ValueSource(nameof(Optimizers))] Func<IReadOnlyList<Parameter>, Optimizer> create, [Values] bool recorded)
    {
        var parameter = Own(new Parameter("p", [2100], DType, Device));
        Write(RandomVector.Normal(1, 2100), parameter.Value);
        Write(RandomVector.Normal(2, 2100), parameter.Gradient);
        var optimizer = Own(create([parameter]));
        var watch = Tensor.From([3L, 0L], [2], Device);
        Own(watch);
        var start = Read(parameter.Value);
        optimizer.Step(watch);
        Action step = () => optimizer.Step(watch);
        if (recorded)
            step = Repeated(step);
        step();
        var before = All();
        Assert.That(Read(parameter.Value), Is.Not.EqualTo(start));

        watch.CopyFrom<long>([4, 4]);
        Write(Array.ConvertAll(start, _ => double.NaN), parameter.Gradient);
        step();
        step();

        Assert.That(All(), Is.EqualTo(before));
        watch.CopyFrom<long>([0, 0]);
        Write(RandomVector.Normal(2, 2100), parameter.Gradient);
        step();
        Assert.That(All(), Is.Not.EqualTo(before));
        Assert.That(Read(parameter.Value), Has.None.NaN);

        double[] All() =>
        [
            .. Read(parameter.Value), .. optimizer.StateOfParameters.SelectMany(state => Read(state.Tensor)),
            .. optimizer is AdamOptimizer adam ? adam.Steps.ToArray<long>().Select(steps => (double)steps) : [],
        ];
    }
}
