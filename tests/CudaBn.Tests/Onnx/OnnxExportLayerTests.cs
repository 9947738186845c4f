using CudaBn.Onnx;
using CudaBn.Onnx.Format;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.ML.OnnxRuntime;
using NUnit.Framework;

namespace CudaBn.Tests.Onnx;

/// <summary>Layers in all their configurations, as ONNX Runtime runs them after export.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixture(DType.Float32)]
[TestFixture(DType.Float64)]
public class OnnxExportLayerTests(DType dtype) : BackendFixture(new TestBackend("Cpu", () => Device.Cpu, IsShared: true), dtype)
{
    private const int Configurations = 40;

    /// <summary>What the runtime has in Float32 alone.</summary>
    private static readonly string[] _missingInFloat64 = ["AveragePool", "Conv", "GlobalAveragePool", "LeakyRelu"];

    private static Type[] Kinds => [.. LayerCase.OfEveryKind.Keys];

    /// <summary>Relative, of a whole output: the runtime adds up in another order, and in Float64, too, attributes have the
    /// precision of Float32.</summary>
    private double Tolerance => DType == DType.Float32 ? 1e-5 : 1e-7;

    [TestCaseSource(nameof(Kinds))]
    public void Export_RandomConfigurations_GiveTheSameOutputs(Type kind) => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(Configurations),
        Prop.ForAll(Arb.From(Gen.Choose(1, int.MaxValue)), seed => AssertSame(LayerCase.OfEveryKind[kind], seed)));

    [Test]
    public void EveryKindOfLayer_IsExportedHere() => Assert.That(
        typeof(Layer).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(Layer)) && !type.IsAbstract),
        Is.EquivalentTo(LayerCase.OfEveryKind.Keys));

    // The runtime takes an exact GELU apart, and has no error function.
    private static bool IsMissingInFloat64(NodeProto node) =>
        _missingInFloat64.Contains(node.OpType) || (node.OpType == "Gelu" && node.Attributes[0].String == "none");

    private void AssertSame(Func<Random, LayerCase> create, int seed)
    {
        try
        {
            var (layer, shape) = create(new Random(seed));
            OnDevice(layer);
            LayerCase.MakeStateRandom(layer, seed % 1000);
            layer.IsTraining = false;
            var x = Rounded(RandomVector.Normal(seed, (int)shape.ElementCount));
            var expected = Read(layer.Forward(TensorOf(x, shape)));

            var (file, _) = OnnxExport.Describe(layer, shape, new OnnxExportOptions());
            if (DType == DType.Float64 && file.Graph!.Nodes.Any(IsMissingInFloat64))
            {
                Assert.That(
                    () => new OnnxRuntimeModel(file),
                    Throws.InstanceOf<OnnxRuntimeException>().With.Message.Contains("Could not find an implementation"));
                return;
            }

            using var model = new OnnxRuntimeModel(file);
            var actual = model.Run(x, shape, DType);

            Assert.That(
                Comparison.RelativeError(actual, expected), Is.LessThan(Tolerance),
                () => $"{layer.GetType().Name} of {shape}: {Comparison.WorstElement(actual, expected)}");
        }
        finally
        {
            DisposeOwned();
        }
    }
}
