using System.Reflection;
using CudaBn.Onnx;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Serialization;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Onnx;

/// <summary>Files that torch.onnx.export wrote, by PyTorch/make.py: read as models, exported again, run by ONNX Runtime, and what
/// PyTorch itself made of the same images.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(nameof(Backends))]
public class PyTorchOnnxTests(TestBackend backend) : BackendFixture(backend, DType.Float32)
{
    private const string Prefix = "PyTorch.";
    private const double Tolerance = 1e-5;

    private TemporaryFolder _folder = null!;

    private static TestFixtureData[] Backends =>
    [
        new(new TestBackend("Cpu", () => Device.Cpu, IsShared: true)),
        new(TestBackends.Cuda),
    ];

    private static string[] Files =>
    [
        .. Assembly.GetExecutingAssembly().GetManifestResourceNames()
            .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal) && name.EndsWith(".onnx", StringComparison.Ordinal))
            .Select(name => name[Prefix.Length..^".onnx".Length])
            .Where(name => !name.StartsWith("unsupported", StringComparison.Ordinal)).Order(StringComparer.Ordinal),
    ];

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [TestCaseSource(nameof(Files))]
    public void LoadAndSave_GiveTheOutputsOfTheRuntimeAndOfPyTorch(string name)
    {
        var file = Write(name);
        var pyTorchs = new PyTorchFile("outputs.safetensors", _folder);
        using var runtime = new OnnxRuntimeModel(File.ReadAllBytes(file));
        var batch = pyTorchs.ShapeOf(name)[0];
        Shape shape = [batch, .. runtime.InputSizes[1..]];
        var images = ImagesOf(shape);

        var model = Own(OnnxImport.Load(file, Device));
        var output = model.Forward(TensorOf(images, shape));

        Assert.That(model.IsTraining, Is.False);
        Assert.That(output.Shape, Is.EqualTo(pyTorchs.ShapeOf(name)));
        AssertSame(Read(output), runtime.Run(images, shape, DType), "ONNX Runtime");
        AssertSame(Read(output), pyTorchs[name], "PyTorch");
        // The files take any number of images.
        Shape one = [1, .. shape.Sizes[1..]];
        AssertSame(
            Read(model.Forward(TensorOf(images[..(int)one.ElementCount], one))), pyTorchs[name][..(pyTorchs[name].Length / batch)],
            "PyTorch, of the first image");

        OnnxExport.Save(model, _folder["exported.onnx"], shape);
        using var exported = new OnnxRuntimeModel(File.ReadAllBytes(_folder["exported.onnx"]));
        AssertSame(exported.Run(images, shape, DType), pyTorchs[name], "ONNX Runtime, of the model exported again");
    }

    [Test]
    public void Load_BatchNormsThatWereNotFolded_AreTrainedFurther()
    {
        var model = Own(OnnxImport.Load(Write("resnet_mean_16"), Device));
        var norms = model.SelfAndInnerLayers().OfType<BatchNorm>().ToArray();
        Assert.That(norms, Has.Length.EqualTo(8));
        Assert.That(model.State.Select(state => state.Name), Does.Contain("layer1.0.bn2.running_var").And.Contain("fc.weight"));
        var before = Array.ConvertAll(norms, norm => Read(norm.RunningMean!));

        model.IsTraining = true;
        var loss = Own(new SoftmaxCrossEntropy());
        var sgd = Own(new Sgd(model.Parameters, 0.05));
        var images = TensorOf(ImagesOf([4, 3, 7, 9]), [4, 3, 7, 9]);
        var losses = new double[8];
        for (var step = 0; step < losses.Length; step++)
        {
            losses[step] = Read(loss.Forward(model.Forward(images), LabelsOf(0, 1, 2, 1)))[0];
            model.BackwardParameters(loss.Backward());
            sgd.Step();
        }

        Assert.That(losses[^1], Is.LessThan(0.9 * losses[0]));
        foreach (var (norm, mean) in norms.Zip(before))
            Assert.That(Read(norm.RunningMean!), Is.Not.EqualTo(mean), norm.Name);
    }

    [Test]
    public void Load_OperatorsThatNoLayerDoes_AreListedWithTheirNodes()
    {
        var file = Write("unsupported_12");
        var fault = Assert.Throws<InvalidDataException>(() => OnnxImport.Load(file, Device))!;
        Assert.That(fault.Message, Does.StartWith($"{file}: byte ").And.EndWith(
            "operators that are not supported: Clip ('/act/Clip', '/relu6/Clip'), ConvTranspose ('/up/ConvTranspose'), "
            + "Softmax ('/softmax/Softmax')."));
    }

    // images_of in PyTorch/make.py.
    private static double[] ImagesOf(Shape shape) =>
        [.. Enumerable.Range(0, (int)shape.ElementCount).Select(i => (i * 37 % 101 - 50) / 32.0)];

    private static void AssertSame(double[] actual, double[] expected, string of) => Assert.That(
        Comparison.RelativeError(actual, expected), Is.LessThan(Tolerance),
        () => $"{of}: {Comparison.WorstElement(actual, expected)}");

    private string Write(string name)
    {
        var path = _folder["model.onnx"];
        File.WriteAllBytes(path, EmbeddedFiles.Bytes($"{Prefix}{name}.onnx"));
        return path;
    }
}
