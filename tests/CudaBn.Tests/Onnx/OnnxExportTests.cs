using CudaBn.Onnx;
using CudaBn.Onnx.Format;
using CudaBn.Tests.Core;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Serialization;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Onnx;

/// <summary>Whole models as ONNX files, as ONNX Runtime reads and runs them.</summary>
[Parallelizable(ParallelScope.Self)]
public class OnnxExportTests
{
    private const double Tolerance = 1e-5;
    private static readonly Shape _images = [1, 1, 28, 28];

    private TemporaryFolder _folder = null!;

    private string File => _folder["model.onnx"];

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    private static TestCaseData[] Networks() =>
    [
        new TestCaseData((Func<Sequential>)(() => SeedNetwork.Create(notebookInitialization: false)))
            .SetArgDisplayNames(nameof(SeedNetwork)),
        new TestCaseData((Func<Sequential>)(() => ResNet20.Create(1, 10))).SetArgDisplayNames(nameof(ResNet20)),
        new TestCaseData((Func<Sequential>)(() => ResNet18.Create(1, 10))).SetArgDisplayNames(nameof(ResNet18)),
    ];

    [TestCaseSource(nameof(Networks))]
    public void Save_Network_GivesTheSameLogitsOnGenuineImages(Func<Sequential> create)
    {
        GenuineData.Require();
        var data = FashionMnist.Load();
        using var model = create();
        model.Initialize(Device.Cpu, seed: 3);
        LayerCase.MakeStateRandom(model, 11);
        var normalization = Normalization.Of(data.Train.Take(1000));
        using var loader = new DataLoader(data.Test.Take(6), batchSize: 6, Device.Cpu, normalization: normalization);
        using var raw = new DataLoader(data.Test.Take(6), batchSize: 6, Device.Cpu);

        OnnxExport.Save(model, File, _images, new OnnxExportOptions { Normalization = normalization });

        model.IsTraining = false;
        var expected = model.Forward(loader.First().Images).ToDoubles();
        using var runtime = new OnnxRuntimeModel(System.IO.File.ReadAllBytes(File));
        var pixels = raw.First().Images.ToDoubles();
        var all = runtime.Run(pixels, [6, 1, 28, 28], DType.Float32);
        Assert.That(
            Comparison.RelativeError(all, expected), Is.LessThan(Tolerance), () => Comparison.WorstElement(all, expected));
        // Of another number of images, and in another order of sums.
        var two = runtime.Run(pixels[..(2 * 784)], [2, 1, 28, 28], DType.Float32);
        Assert.That(Comparison.RelativeError(two, expected.AsSpan(0, 20)), Is.LessThan(Tolerance));
    }

    [Test]
    public void Save_NamesEverything()
    {
        using var model = SmallModel();
        var signature = OnnxExport.Save(model, File, _images, new OnnxExportOptions
        {
            InputName = "pixels",
            OutputName = "logits",
            GraphName = "small",
            ClassNames = ["shirt", "shoe"],
            Metadata = new Dictionary<string, string> { ["origin"] = "a test" },
        });

        using var runtime = new OnnxRuntimeModel(System.IO.File.ReadAllBytes(File));
        Assert.Multiple(() =>
        {
            Assert.That((runtime.InputName, runtime.OutputName), Is.EqualTo(("pixels", "logits")));
            Assert.That(runtime.InputSizes, Is.EqualTo(new[] { -1, 1, 28, 28 }));
            Assert.That(runtime.InputSizeNames[0], Is.EqualTo("batch"));
            Assert.That(runtime.OutputSizes, Is.EqualTo(new[] { -1, 2 }));
            Assert.That(runtime.Metadata.ProducerName, Is.EqualTo("CudaBn"));
            Assert.That(runtime.Metadata.GraphName, Is.EqualTo("small"));
            Assert.That(runtime.Metadata.CustomMetadataMap["class_names"], Is.EqualTo("shirt\nshoe"));
            Assert.That(runtime.Metadata.CustomMetadataMap["origin"], Is.EqualTo("a test"));
            Assert.That((signature.InputName, signature.OutputName), Is.EqualTo(("pixels", "logits")));
            Assert.That(signature.InputShape, Is.EqualTo(new int?[] { null, 1, 28, 28 }));
            Assert.That(signature.OutputShape, Is.EqualTo(new int?[] { null, 2 }));
            Assert.That((signature.DType, signature.OperatorSet), Is.EqualTo((DType.Float32, 20)));
        });
        var file = Read();
        Assert.That(file.ProducerVersion, Does.Match(@"^\d+\.\d+\.\d+"));
        Assert.That(file.Graph!.Nodes.Select(node => node.Name), Is.EqualTo(new[]
        {
            "conv1", "bn1", "relu1", "flatten1", "fc1",
        }));
        Assert.That(file.Graph.Initializers.Select(tensor => tensor.Name), Is.EqualTo(new[]
        {
            "conv1.weight", "conv1.bias", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var", "fc1.weight",
            "fc1.bias",
        }));
    }

    [Test]
    public void Save_Weights_AreTheModelsBits()
    {
        using var model = SmallModel();
        OnnxExport.Save(model, File, _images);
        var tensors = Read().Graph!.Initializers.ToDictionary(tensor => tensor.Name);
        foreach (var (name, tensor) in model.State.Where(state => state.Tensor.DType == DType.Float32))
        {
            var bytes = tensors[name].Elements.ToArray();
            Assert.That(Enumerable.Range(0, bytes.Length / 4).Select(i => BitConverter.ToSingle(bytes, 4 * i)),
                Is.EqualTo(tensor.ToArray<float>()), name);
            Assert.That(tensors[name].Dims, Is.EqualTo(tensor.Shape.Sizes.ToArray().Select(size => (long)size)), name);
        }
    }

    [Test]
    public void Save_InTraining_WritesEvaluationAndKeepsTheMode()
    {
        using var model = new Sequential(new Dropout(0.5), new BatchNorm(3));
        model.Initialize(Device.Cpu);
        OnnxExport.Save(model, File, [8, 3]);
        Assert.That(model.IsTraining, Is.True);
        using var runtime = new OnnxRuntimeModel(System.IO.File.ReadAllBytes(File));
        var output = runtime.Run([1, 2, 3], [1, 3], DType.Float32);
        Assert.That(output, Is.EqualTo(new[] { 1.0, 2, 3 }).Within(1e-4));
    }

    [Test]
    public void Save_NamesThatClash_AreToldApart()
    {
        using var model = new Sequential(
            new ReLU { Name = "input" }, new Residual(new Sequential(new BatchNorm(2) { Name = "weight" }) { Name = "main" }),
            new ReLU { Name = "output" });
        model.Initialize(Device.Cpu);
        OnnxExport.Save(model, File, [1, 2]);
        using var runtime = new OnnxRuntimeModel(System.IO.File.ReadAllBytes(File));
        Assert.That(runtime.Run([-1, 2], [1, 2], DType.Float32), Is.EqualTo(new[] { 0.0, 4 }).Within(1e-4));
    }

    [Test]
    public void Save_OverAnOlderFile_ReplacesItWhole_AndLeavesNothingBeside()
    {
        System.IO.File.WriteAllText(File, "older");
        using var model = SmallModel();
        OnnxExport.Save(model, File, _images);
        Assert.That(_folder.FileNames(), Is.EqualTo(new[] { "model.onnx" }));
        Assert.That(Read().Graph!.Nodes, Has.Count.EqualTo(5));
    }

    [Test]
    public void Save_Refused_LeavesTheOlderFile()
    {
        System.IO.File.WriteAllText(File, "older");
        using var model = new Sequential(new BatchNorm(3, trackRunningStatistics: false) { Name = "free" });
        Assert.That(() => OnnxExport.Save(model, File, [1, 3]), Throws.InvalidOperationException.With.Message.Contains("Initialize"));
        model.Initialize(Device.Cpu);
        ErrorAssert.Throws<ArgumentException>(() => OnnxExport.Save(model, File, [1, 3]), "'free'", "running statistics");
        Assert.That(System.IO.File.ReadAllText(File), Is.EqualTo("older"));
        Assert.That(_folder.FileNames(), Has.Length.EqualTo(1));
    }

    [Test]
    public void Save_WrongArguments_AreNamed()
    {
        using var model = SmallModel();
        ErrorAssert.Throws<ArgumentException>(() => OnnxExport.Save(model, File, [1, 3, 28, 28]), "'conv1'", "[1, 3, 28, 28]");
        ErrorAssert.Throws<ArgumentException>(
            () => OnnxExport.Save(model, File, _images, new OnnxExportOptions { Normalization = new([1, 2], [1, 2]) }),
            "[N, 2, ...]");
        ErrorAssert.Throws<ArgumentException>(
            () => OnnxExport.Save(model, File, _images, new OnnxExportOptions { InputName = "x", OutputName = "x" }), "'x'");
        ErrorAssert.Throws<ArgumentException>(() => _ = new OnnxExportOptions { InputName = "" }, "InputName");
        ErrorAssert.Throws<ArgumentException>(() => _ = new OnnxExportOptions { ClassNames = ["a\nb"] }, "'a b'");
        Assert.That(() => OnnxExport.Save(model, _folder["missing/model.onnx"], _images), Throws.InstanceOf<IOException>());
        Assert.That(_folder.FileNames(), Is.Empty);
    }

    [Test]
    public void SizeOf_IsTheSizeOfTheFile_AndCountsBeyondWhatItCanHold()
    {
        using var model = SmallModel();
        var (file, _) = OnnxExport.Describe(model, _images, new OnnxExportOptions());
        Assert.That(MessageWriter.SizeOf(file), Is.EqualTo(MessageWriter.ToArray(file).Length));
        var large = new byte[1 << 24];
        for (var i = 0; i < 130; i++)
            file.Graph!.Initializers.Add(new TensorProto { Name = $"{i}", Elements = large });
        Assert.That(MessageWriter.SizeOf(file), Is.GreaterThan(130L << 24));
        var fault = Assert.Throws<ArgumentException>(() => OnnxExport.Write(file, File, "the model"))!;
        Assert.That(fault.Message, Does.Contain($"{MessageWriter.SizeOf(file)} bytes").And.Contain("2147483647"));
        Assert.That(_folder.FileNames(), Is.Empty);
    }

    private ModelProto Read() => MessageReader.Read(File, System.IO.File.ReadAllBytes(File), ModelProto.Read);

    private static Sequential SmallModel()
    {
        var model = new Sequential(
            new Conv2d(1, 3, kernel: 5, stride: 3), new BatchNorm(3), new ReLU(), new Flatten(), new Linear(192, 2));
        model.Initialize(Device.Cpu, seed: 1);
        return model;
    }
}
