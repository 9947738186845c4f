using CudaBn.Onnx;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Serialization;
using CudaBn.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace CudaBn.Tests.Onnx;

/// <summary>Models that are exported and imported again.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixture(DType.Float32)]
[TestFixture(DType.Float64)]
public class OnnxRoundTripTests(DType dtype) : BackendFixture(new TestBackend("Cpu", () => Device.Cpu, IsShared: true), dtype)
{
    private const int Configurations = 40;

    private TemporaryFolder _folder = null!;

    private static Type[] Kinds => [.. LayerCase.OfEveryKind.Keys];

    private string File => _folder["model.onnx"];

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [TestCaseSource(nameof(Kinds))]
    public void RandomConfigurations_GiveTheSameBits(Type kind) => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(Configurations),
        Prop.ForAll(Arb.From(Gen.Choose(1, int.MaxValue)), seed => AssertSame(LayerCase.OfEveryKind[kind], seed)));

    [Test]
    public void Networks_KeepTheirState()
    {
        foreach (var create in (Func<Sequential>[])[() => SeedNetwork.Create(), () => ResNet20.Create(1)])
        {
            var model = OnDevice(create());
            LayerCase.MakeStateRandom(model, 5);
            OnnxExport.Save(model, File, [1, 1, 28, 28]);
            AssertState(Own(OnnxImport.Load(File)), model);
        }
    }

    [Test]
    public void Network_TrainedFurther_StepsAsTheOriginal()
    {
        var model = OnDevice(new Sequential(
            new Conv2d(1, 4, 3, bias: false),
            new BatchNorm(4, epsilon: 1.0 / 3, momentum: 0.3, unbiasedRunningVariance: false, virtualBatchSize: 4),
            new Residual(
                new Sequential(new Conv2d(4, 4, 3, padding: 1), new BatchNorm(4, momentum: null, fixGamma: true)),
                new Conv2d(4, 4, 1)),
            new ReLU(), new GlobalAvgPool(), new Flatten(), new Linear(4, 3)));
        LayerCase.MakeStateRandom(model, 5);
        OnnxExport.Save(model, File, [8, 1, 9, 9]);
        var imported = Own(OnnxImport.Load(File));
        var x = TensorOf(Rounded(RandomVector.Normal(2, 8 * 81)), [8, 1, 9, 9]);
        var labels = LabelsOf(0, 1, 2, 0, 1, 2, 0, 1);

        Assert.That(imported.IsTraining, Is.False);
        foreach (var each in new[] { model, imported })
        {
            each.IsTraining = true;
            using var loss = new SoftmaxCrossEntropy();
            using var sgd = new Sgd(each.Parameters, learningRate: 0.1, momentum: 0.9);
            for (var step = 0; step < 2; step++)
            {
                loss.Forward(each.Forward(x), labels);
                each.BackwardParameters(loss.Backward());
                sgd.Step();
            }
        }

        AssertState(imported, model);
    }

    [Test]
    public void Normalization_InFront_BecomesAFrozenLayer()
    {
        var model = OnDevice(new Sequential(new Conv2d(2, 3, 3)));
        OnnxExport.Save(
            model, File, [1, 2, 5, 5], new OnnxExportOptions { Normalization = new([0.5, -0.25], [0.3, 2]) });
        var imported = Own(OnnxImport.Load(File));
        var x = RandomVector.Normal(2, 2 * 25);
        var normalized = x.Select((v, i) => i < 25 ? (v - 0.5) / 0.3 : (v + 0.25) / 2).ToArray();

        // In training, too: the statistics are frozen.
        imported.IsTraining = true;
        var actual = Read(imported.Forward(TensorOf(x, [1, 2, 5, 5])));

        var expected = Read(model.Forward(TensorOf(normalized, [1, 2, 5, 5])));
        Assert.That(Comparison.RelativeError(actual, expected), Is.LessThan(DType == DType.Float32 ? 1e-6 : 1e-14));
        Assert.That(imported.Layers.Select(layer => layer.Name), Is.EqualTo(new[] { "normalization", "conv1" }));
    }

    private void AssertSame(Func<Random, LayerCase> create, int seed)
    {
        try
        {
            var (layer, shape) = create(new Random(seed));
            var model = OnDevice(new Sequential(layer));
            LayerCase.MakeStateRandom(model, seed % 1000);
            model.IsTraining = false;
            var x = TensorOf(Rounded(RandomVector.Normal(seed, (int)shape.ElementCount)), shape);
            OnnxExport.Save(model, File, shape);

            var imported = Own(OnnxImport.Load(File));

            AssertState(imported, model);
            Assert.That(Read(imported.Forward(x)), Is.EqualTo(Read(model.Forward(x))), () => Describe(model));
        }
        finally
        {
            DisposeOwned();
        }
    }

    private static void AssertState(Sequential actual, Sequential expected)
    {
        Assert.That(actual.State.Select(state => state.Name), Is.EqualTo(expected.State.Select(state => state.Name)));
        foreach (var (one, other) in actual.State.Zip(expected.State))
        {
            // Where gamma is fixed it counts as 1, whatever it holds.
            if (IsFixed(expected, other.Tensor))
                continue;
            if (other.Tensor.DType == DType.Int64)
                Assert.That(one.Tensor.ToArray<long>(), Is.EqualTo(other.Tensor.ToArray<long>()), one.Name);
            else
                Assert.That(one.Tensor.ToDoubles(), Is.EqualTo(other.Tensor.ToDoubles()), one.Name);
        }
    }

    private static bool IsFixed(Sequential model, Tensor tensor) => model.SelfAndInnerLayers().OfType<BatchNorm>().Any(
        norm => norm.FixesGamma && norm.Gamma!.Value == tensor);

    private static string Describe(Layer layer) =>
        string.Join(" ", layer.SelfAndInnerLayers().Select(inner => inner.GetType().Name));
}
