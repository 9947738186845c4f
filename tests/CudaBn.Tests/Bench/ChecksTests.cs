using CudaBn.Backends.OpArgs;
using CudaBn.Bench;
using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Bench;

/// <summary>What is wrong is not timed. Every check here sees a tensor that is right but for one number.</summary>
public class ChecksTests
{
    private static readonly Conv2dShape _conv = new(2, 3, 4, 6, 3, Padding: 1);
    private static readonly Conv2dShape _grouped = new(2, 6, 4, 9, 3, Padding: 2, Dilation: 2, Groups: 2);
    private static readonly AvgPool2dShape _global = new(2, 3, 5, 5, 5);
    private static readonly VirtualBatchNormShape _virtual = new(12, 3, 2, Size: 4);
    private static readonly BatchNormTailShape _tail = new(4, 3, 5);
    private static readonly BatchNormTailShape _added = _tail with { Adds = true };
    private static readonly MaxPool2dShape _pool = new(2, 3, 7, 3, 2, Padding: 1);
    private static readonly LinearShape _linear = new(3, 5, 4);
    private static readonly BatchNormShape _norm = new(4, 3, 5);
    private static readonly BatchNormReLUMaxPoolShape _fused = new(8, 3, 6);

    /// <summary>Every benchmark class, with a benchmark of each operator prepared at a small shape: its check passes.</summary>
    private static IEnumerable<TestCaseData> Benchmarks()
    {
        yield return Case("conv", new Conv2dBenchmarks { Shape = _conv }, b => b.SetUpForward());
        yield return Case("conv input", new Conv2dBenchmarks { Shape = _conv }, b => b.SetUpInputGradient());
        yield return Case("conv weight", new Conv2dBenchmarks { Shape = _conv with { Stride = 2 } }, b => b.SetUpWeightGradient());
        yield return Case("grouped conv", new Conv2dBenchmarks { Shape = _grouped }, b => b.SetUpForward());
        yield return Case("grouped conv input", new Conv2dBenchmarks { Shape = _grouped }, b => b.SetUpInputGradient());
        yield return Case("grouped conv weight", new Conv2dBenchmarks { Shape = _grouped }, b => b.SetUpWeightGradient());
        yield return Case("pool", new MaxPool2dBenchmarks { Shape = _pool }, b => b.SetUpForward());
        yield return Case("pool backward", new MaxPool2dBenchmarks { Shape = _pool }, b => b.SetUpBackward());
        foreach (var shape in new AvgPool2dShape[] { new(2, 3, 7, 3, 2, Padding: 1), new(2, 3, 6, 2, 2) })
        {
            yield return Case($"average pool {shape}", new AvgPool2dBenchmarks { Shape = shape }, b => b.SetUpForward());
            yield return Case($"average pool backward {shape}", new AvgPool2dBenchmarks { Shape = shape }, b => b.SetUpBackward());
        }

        yield return Case("global pool", new GlobalAvgPoolBenchmarks { Shape = _global }, b => b.SetUpForward());
        yield return Case("global pool backward", new GlobalAvgPoolBenchmarks { Shape = _global }, b => b.SetUpBackward());
        yield return Case("norm", new BatchNormBenchmarks { Shape = _norm }, b => b.SetUpForward());
        yield return Case("norm backward", new BatchNormBenchmarks { Shape = _norm }, b => b.SetUpBackward());
        yield return Case("norm evaluate", new BatchNormBenchmarks { Shape = _norm }, b => b.SetUpEvaluate());
        yield return Case("norm of rows", new BatchNormBenchmarks { Shape = new(9, 5) }, b => b.SetUpForward());
        yield return Case("norm of rows backward", new BatchNormBenchmarks { Shape = new(9, 5) }, b => b.SetUpBackward());
        yield return Case("virtual batches", new VirtualBatchNormBenchmarks { Shape = _virtual }, b => b.SetUpForward());
        yield return Case("virtual batches backward", new VirtualBatchNormBenchmarks { Shape = _virtual }, b => b.SetUpBackward());
        yield return Case("norm, ReLU", new BatchNormReLUBenchmarks { Shape = _tail }, b => b.SetUpForward());
        yield return Case("norm, ReLU backward", new BatchNormReLUBenchmarks { Shape = _tail }, b => b.SetUpBackward());
        yield return Case("norm, add, ReLU", new BatchNormAddReLUBenchmarks { Shape = _added }, b => b.SetUpForward());
        yield return Case("norm, add, ReLU backward", new BatchNormAddReLUBenchmarks { Shape = _added }, b => b.SetUpBackward());
        yield return Case("fused", new BatchNormReLUMaxPoolBenchmarks { Shape = _fused }, b => b.SetUpForward());
        yield return Case("fused backward", new BatchNormReLUMaxPoolBenchmarks { Shape = _fused }, b => b.SetUpBackward());
        yield return Case("ReLU", new ReLUBenchmarks { Shape = new(2, 3, 5) }, b => b.SetUpForward());
        yield return Case("ReLU backward", new ReLUBenchmarks { Shape = new(2, 3, 5) }, b => b.SetUpBackward());
        foreach (var kind in Enum.GetValues<ActivationKind>())
        {
            yield return Case($"{kind}", new ActivationBenchmarks { Shape = new(kind, 20, 3, 5) }, b => b.SetUpForward());
            yield return Case($"{kind} backward", new ActivationBenchmarks { Shape = new(kind, 20, 3, 5) }, b => b.SetUpBackward());
        }

        yield return Case("dropout", new DropoutBenchmarks { Shape = new(2, 3, 5) }, b => b.SetUpForward());
        yield return Case("dropout backward", new DropoutBenchmarks { Shape = new(2, 3, 5) }, b => b.SetUpBackward());
        yield return Case("squared error", new MeanSquaredErrorBenchmarks { Shape = new(2, 3, 5) }, b => b.SetUpForward());
        yield return Case("squared error backward", new MeanSquaredErrorBenchmarks { Shape = new(2, 3, 5) }, b => b.SetUpBackward());
        yield return Case("Adam", new AdamBenchmarks { Shape = new("Adam", 0, 50, 9) }, b => b.SetUp());
        yield return Case("AdamW", new AdamBenchmarks { Shape = new("AdamW", 0.01, 50, 9) }, b => b.SetUp());
        yield return Case("linear", new LinearBenchmarks { Shape = _linear }, b => b.SetUpForward());
        yield return Case("linear backward", new LinearBenchmarks { Shape = _linear }, b => b.SetUpBackward());
        yield return Case("loss", new SoftmaxCrossEntropyBenchmarks { Shape = new(5, 7) }, b => b.SetUpForward());
        yield return Case("loss backward", new SoftmaxCrossEntropyBenchmarks { Shape = new(5, 7) }, b => b.SetUpBackward());
        yield return Case("sgd", new SgdBenchmarks { Shape = new("momentum", 0.9, 50, 9) }, b => b.SetUp());
        yield return Case("sgd plain", new SgdBenchmarks { Shape = new("plain", 0, 50, 9) }, b => b.SetUp());
        yield return Case("inference", new InferenceBenchmarks { Shape = NetworkShape.Inferences[0] }, b => b.SetUpForward());
        yield return Case("inference of a residual network", new ResidualInferenceBenchmarks { Shape = new(1) }, b => b.SetUpForward());
        yield return Case("training", new TrainingBenchmarks { Shape = new(32, 32) }, b => b.SetUp());
        yield return Case("residual network", new ResidualNetworkBenchmarks { Shape = new(16) }, b => b.SetUpStep());
        yield return Case(
            "convolutions of a residual network", new ResidualNetworkBenchmarks { Shape = new(2) }, b => b.SetUpConvolutions());
        yield return Case("epoch", new EpochBenchmarks { Shape = new(100, 32) }, b => b.SetUp());

        static TestCaseData Case<T>(string name, T benchmarks, Action<T> setUp)
            where T : class
        {
            var cleanup = typeof(T).GetMethod("Cleanup")!.CreateDelegate<Action>(benchmarks);
            return new TestCaseData((Action)(() => setUp(benchmarks)), cleanup).SetArgDisplayNames(name);
        }
    }

    [Test]
    public void Suite_HasEveryClassOfBenchmarks() => Assert.That(
        SuiteRun.AllClasses,
        Is.EquivalentTo(typeof(SuiteRun).Assembly.GetTypes()
            .Where(type => !type.IsAbstract && !type.IsNested && type.IsAssignableTo(typeof(IOperatorBenchmarks)))));

    [TestCaseSource(nameof(Benchmarks))]
    public void Check_OfWhatTheBackendComputes_Passes(Action setUp, Action cleanup)
    {
        Assert.That(setUp.Invoke, Throws.Nothing);
        cleanup();
    }

    /// <summary>Each check, given all its tensors; the one at the index has a wrong number, and none where it is
    /// -1.</summary>
    private static IEnumerable<TestCaseData> Faults()
    {
        Tensor x = Normal(2, 3, 6, 6), w = Normal(4, 3, 3, 3), dy = Normal(2, 4, 6, 6);
        yield return Fault("conv output", Normal(2, 4, 6, 6), wrong => Conv2dCheck.Forward(_conv.Geometry, x, w, wrong));
        yield return Fault("conv gradInput", Normal(2, 3, 6, 6), wrong => Conv2dCheck.InputGradient(_conv.Geometry, w, dy, wrong));
        yield return Fault("conv gradWeight", Normal(4, 3, 3, 3), wrong => Conv2dCheck.WeightGradient(_conv.Geometry, x, dy, wrong));
        yield return Fault(
            "linear output", Normal(3, 4),
            wrong => LinearCheck.Forward(_linear.Geometry, Normal(3, 5), Normal(4, 5), Normal(4), wrong));
        yield return Fault("ReLU output", Normal(2, 8), wrong => ReLUCheck.Forward(Normal(2, 8), wrong));
        yield return Fault("ReLU gradInput", Normal(2, 8), wrong => ReLUCheck.Backward(Normal(2, 8), Normal(2, 8), wrong));

        static TestCaseData Fault(string name, Tensor wrong, Action<Tensor> check) =>
            new TestCaseData(wrong, check).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Faults))]
    public void Check_OfSomethingElse_Throws(Tensor wrong, Action<Tensor> check) =>
        Assert.That(() => check(wrong), Throws.TypeOf<WrongResultException>());

    [Test]
    public void Check_OneWrongNumberAtEitherEnd_Throws([Values(0, 143, 287)] int index)
    {
        Tensor x = Normal(2, 3, 6, 6), w = Normal(4, 3, 3, 3);
        using var y = new Tensor([2, 4, 6, 6], DType.Float32, Device.Cpu);
        Device.Cpu.Backend.ConvForward(new(_conv.Geometry, x, w, Bias: null, y));
        Assert.That(() => Conv2dCheck.Forward(_conv.Geometry, x, w, y), Throws.Nothing);
        y.AsSpan<float>()[index] += 1e-4f;
        Assert.That(
            () => Conv2dCheck.Forward(_conv.Geometry, x, w, y),
            Throws.TypeOf<WrongResultException>().With.Message.StartWith($"output[{index}] is "));
    }

    [Test]
    public void Close_NaN_IsNeverClose() =>
        Assert.That(() => Check.Close("x", 0, double.NaN, 0, double.PositiveInfinity), Throws.TypeOf<WrongResultException>());

    [TestCase(1)]
    [TestCase(79)]
    [TestCase(1000)]
    [TestCase(1L << 40)]
    public void Samples_AreInOrder_AndHaveBothEnds(long count)
    {
        var samples = Check.Samples(count);
        Assert.That(samples, Is.Ordered.Ascending);
        Assert.That(samples, Is.Unique);
        Assert.That(samples, Is.All.InRange(0, count - 1));
        Assert.That(samples, Does.Contain(0).And.Contain(count - 1));
        Assert.That(samples, Has.Count.EqualTo(Math.Min(count, samples.Count)));
    }

    [Test]
    public void Suite_TimesWhatIsRight_AndNamesWhatIsWrong()
    {
        using var folder = new TemporaryFolder();
        var results = new SuiteRun(
            new SuiteSettings
            {
                Devices = [Device.Cpu],
                Shapes = ShapeChoice.Quick,
                InProcess = true,
                Verbose = false,
                Output = folder["out"],
                Arguments = ["--filter", "*"],
            },
            typeof(WrongResultBenchmarks)).Run();

        Assert.That(results.Rows.Select(row => (row.Operator, row.Part)), Is.EqualTo(new[] { ("WrongResult", "Right") }));
        Assert.That(results.Failures, Has.Count.EqualTo(1));
        Assert.That(
            results.Failures[0],
            Does.StartWith("WrongResult Wrong, 2x3x8x8, cpu: WrongResultException: output[383] is "));
    }

    private static Tensor Normal(params int[] shape)
    {
        var tensor = new Tensor(new Shape(shape), DType.Float32, Device.Cpu);
        Device.Cpu.Backend.FillNormal(new(tensor, Seed: 3, Stream: 0, First: 0, Second: 1));
        return tensor;
    }
}
