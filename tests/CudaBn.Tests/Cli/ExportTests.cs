using CudaBn.Onnx;
using CudaBn.Tests.Data;
using CudaBn.Tests.Onnx;
using CudaBn.Tests.Reference;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

/// <summary><c>cudabn export</c> as a process.</summary>
[Parallelizable(ParallelScope.Self)]
public class ExportTests
{
    private readonly TestFolder _folder = new();

    [OneTimeSetUp]
    public void Train()
    {
        using var train = CudabnProcess.Run(
            _folder[""], "train", "--limit", "256", "--epochs", "1", "--normalize", "--out", "run");
        Assert.That(train.ExitCode, Is.Zero, train.Error);
    }

    [OneTimeTearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Export_Run_WritesAFileThatTakesPixels()
    {
        using var export = CudabnProcess.Run(_folder[""], "export", "run", "pixels.onnx");
        Assert.That(export.ExitCode, Is.Zero, export.Error);
        Assert.That(export.Output, Does.Contain("input    input, float32 [batch, 1, 28, 28]: pixels / 255; the file normalizes them"));
        Assert.That(export.Output, Does.Contain("output   output, float32 [batch, 10]: a logit for each class"));
        Assert.That(export.Output, Does.Match(@"file     pixels\.onnx, 0\.6\d MB, opset 20"));

        var trained = CudaBn.Cli.TrainedModel.Find(_folder["run"]);
        using var model = trained.Load(Device.Cpu, trained.Shape, out _);
        var images = DrawnGarments.Create(20, 20).Test;
        using var loader = new DataLoader(images, 20, Device.Cpu, normalization: trained.Normalization);
        using var raw = new DataLoader(images, 20, Device.Cpu);
        var expected = model.Forward(loader.First().Images).ToDoubles();
        var pixels = raw.First().Images;
        using var runtime = new OnnxRuntimeModel(File.ReadAllBytes(_folder["pixels.onnx"]));
        var actual = runtime.Run(pixels.ToDoubles(), pixels.Shape, DType.Float32);
        Assert.That(Comparison.RelativeError(actual, expected), Is.LessThan(1e-5));
        Assert.That(
            runtime.Metadata.CustomMetadataMap[OnnxExportOptions.ClassNamesKey].Split('\n'), Is.EqualTo(trained.ClassNames));
    }

    [Test]
    public void Export_OverAFile_NeedsForce()
    {
        File.WriteAllText(_folder["there.onnx"], "older");
        using var refused = CudabnProcess.Run(_folder[""], "export", "run", "there.onnx");
        Assert.That(refused.ExitCode, Is.EqualTo(2));
        Assert.That(refused.Error, Is.EqualTo("cudabn: there.onnx: exists; --force replaces it.\n"));
        Assert.That(File.ReadAllText(_folder["there.onnx"]), Is.EqualTo("older"));

        using var forced = CudabnProcess.Run(_folder[""], "export", "run", "there.onnx", "--force");
        Assert.That(forced.ExitCode, Is.Zero, forced.Error);
        using var imported = OnnxImport.Load(_folder["there.onnx"]);
        Assert.That(imported.Layers[^1].Name, Is.EqualTo("fc2"));
    }

    [Test]
    public void Export_Faults_AreOneLine()
    {
        using var nothing = CudabnProcess.Run(_folder[""], "export", "elsewhere", "model.onnx");
        Assert.That(nothing.ExitCode, Is.EqualTo(1));
        Assert.That(nothing.Error, Is.EqualTo("cudabn: elsewhere: there is no such run or file.\n"));
        using var nowhere = CudabnProcess.Run(_folder[""], "export", "run", "missing/model.onnx");
        Assert.That(nowhere.ExitCode, Is.EqualTo(1));
        Assert.That(nowhere.Error, Does.Match(@"^cudabn: cannot write missing/model\.onnx: .*\n$"));
    }
}
