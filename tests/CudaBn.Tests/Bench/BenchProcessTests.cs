using System.Diagnostics;
using System.Globalization;
using CudaBn.Bench;
using CudaBn.Tests.Serialization;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Bench;

/// <summary>The suite as a process, from where it was built.</summary>
public class BenchProcessTests
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(3);

    [Test]
    public void Quick_LeavesATableAndItsFiles()
    {
        using var folder = new TemporaryFolder();
        var (code, output) = Run(
            folder, "--quick", "--device", "cpu", "--out", folder["out"], "--filter", "*Sgd*", "*ReLUBenchmarks.Forward*");
        Assert.That(code, Is.EqualTo(BenchCommand.Done), output);

        var results = SuiteResults.ReadJson(Path.Combine(folder["out"], "results.json"));
        Assert.That(
            results.Rows.Select(row => (row.Operator, row.Part)).Distinct(),
            Is.EquivalentTo(new[] { ("Sgd", "Step"), ("ReLU", "Forward") }));
        Assert.That(results.Rows.Select(row => row.MedianNanoseconds), Is.All.GreaterThan(0));
        Assert.That(results.Limits["cpu"].GigaFlops, Is.GreaterThan(0));
        Assert.That(output, Does.Contain("| ReLU Forward").And.Contain("of limit"));
        foreach (var file in new[] { "results.md", "results.csv", "roofline-cpu.png" })
            Assert.That(new FileInfo(Path.Combine(folder["out"], file)), Has.Length.GreaterThan(100), file);
    }

    [Test]
    public void Peer_ComputesTheSame_AndItsRatioIsThere()
    {
        using var folder = new TemporaryFolder();
        // A result at all means that what it computed was compared with the reference.
        var (code, output) = Run(
            folder, "--quick", "--device", "cpu", "--out", folder["out"], "--filter", "*MaxPool2dBenchmarks.OnnxRuntime*",
            "*MaxPool2dBenchmarks.Forward*", "*.OnnxRuntime*");
        Assert.That(code, Is.EqualTo(BenchCommand.Done), output);
        var rows = SuiteResults.ReadJson(Path.Combine(folder["out"], "results.json")).Rows;
        Assert.That(
            rows.Where(row => row.IsPeer).Select(row => row.Operator).Distinct(),
            Is.EquivalentTo(new[] { "Conv2d", "BatchNorm", "MaxPool2d", "AvgPool2d", "GlobalAvgPool", "Activation", "Inference" }));
        Assert.That(output, Does.Contain("x (ONNX Runtime)"));
    }

    [Test]
    public void OnCuda_LaunchesAreTimedOnTheDevice()
    {
        CudaUnderTest.Open();
        using var folder = new TemporaryFolder();
        var (code, output) = RunWith(
            folder, seesGpu: true, "--quick", "--device", "cuda", "--out", folder["out"], "--filter",
            "*SoftmaxCrossEntropyBenchmarks.Backward*");
        Assert.That(code, Is.EqualTo(BenchCommand.Done), output);
        var results = SuiteResults.ReadJson(Path.Combine(folder["out"], "results.json"));
        Assert.That(results.Rows, Has.Count.EqualTo(2));
        foreach (var row in results.Rows)
        {
            Assert.That(row.Device, Is.EqualTo("cuda:0"));
            Assert.That(row.DeviceTimes, Is.Not.Null);
            Assert.That(row.DeviceTimes!.HotNanoseconds, Is.GreaterThan(0));
        }

        Assert.That(results.Limits["cuda:0"].GigaBytes, Is.GreaterThan(0));
        Assert.That(output, Does.Contain("device hot").And.Contain("device cold"));
    }

    [Test]
    public void NothingMeasured_ExitsNonZero()
    {
        using var folder = new TemporaryFolder();
        var (code, output) = Run(folder, "--quick", "--device", "cpu", "--filter", "*NoSuchBenchmark*");
        Assert.That(code, Is.EqualTo(BenchCommand.Incomplete), output);
        Assert.That(output, Does.Contain("No benchmark has a result"));
    }

    [TestCase(1, BenchCommand.Done)]
    [TestCase(1.5, BenchCommand.Slower)]
    public void Compare_BeyondTheThreshold_ExitsNonZero(double factor, int expected)
    {
        using var folder = new TemporaryFolder();
        SampleResults.Of(SampleResults.Row(milliseconds: 2)).WriteJson(folder["old.json"]);
        SampleResults.Of(SampleResults.Row(milliseconds: 2 * factor)).WriteJson(folder["new.json"]);
        var (code, output) = Run(
            folder, "--from", folder["new.json"], "--compare", folder["old.json"], "--out", folder["out"]);
        Assert.That(code, Is.EqualTo(expected), output);
        Assert.That(output, Does.Contain(factor.ToString("F2", CultureInfo.InvariantCulture)).And.Contain("1 rows compared"));
    }

    [Test]
    public void Threshold_IsWhatMayBeLonger()
    {
        using var folder = new TemporaryFolder();
        SampleResults.Of(SampleResults.Row(milliseconds: 2)).WriteJson(folder["old.json"]);
        SampleResults.Of(SampleResults.Row(milliseconds: 3)).WriteJson(folder["new.json"]);
        var (code, output) = Run(
            folder, "--from", folder["new.json"], "--compare", folder["old.json"], "--threshold", "0.6", "--out", folder["out"]);
        Assert.That(code, Is.EqualTo(BenchCommand.Done), output);
    }

    [TestCase("--compare")]
    [TestCase("--from")]
    public void File_ThatIsNotThere_IsNamed(string option)
    {
        using var folder = new TemporaryFolder();
        var (code, output) = Run(folder, "--quick", "--filter", "*Sgd*", option, folder["nowhere.json"]);
        Assert.That(code, Is.EqualTo(BenchCommand.Unusable), output);
        Assert.That(output, Does.Contain("nowhere.json"));
    }

    [Test]
    public void List_NamesEveryClass()
    {
        using var folder = new TemporaryFolder();
        var (code, output) = Run(folder, "--list", "flat");
        Assert.That(code, Is.EqualTo(BenchCommand.Done), output);
        foreach (var type in SuiteRun.AllClasses)
            Assert.That(output, Does.Contain(type.Name));
        Assert.That(output, Does.Contain("Conv2dBenchmarks.WeightGradient"));
    }

    [Test]
    public void Help_NamesItsOptions()
    {
        using var folder = new TemporaryFolder();
        var (code, output) = Run(folder, "--help");
        Assert.That(code, Is.Zero);
        foreach (var option in new[] { "--quick", "--device", "--compare", "--threshold", "--out", "--filter" })
            Assert.That(output, Does.Contain(option));
    }

    private static (int Code, string Output) Run(TemporaryFolder folder, params string[] arguments) =>
        RunWith(folder, seesGpu: false, arguments);

    private static (int Code, string Output) RunWith(TemporaryFolder folder, bool seesGpu, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", ["exec", ProgramPath(), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetDirectoryName(folder["x"])!,
        };
        start.Environment["CUDABN_CACHE"] = "off";
        if (!seesGpu)
        {
            start.Environment.Remove("CUDABN_CUDA_PATH");
            start.Environment["CUDA_VISIBLE_DEVICES"] = "-1";
        }

        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(_patience))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"The suite does not end: {output.Result}{error.Result}");
        }

        return (process.ExitCode, output.Result + error.Result);
    }

    // The native library of the peer lies beside the program, not beside the tests.
    private static string ProgramPath()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var configuration = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;
            var program = Path.Combine(folder.FullName, "bench", "bin", configuration, "net10.0", "CudaBn.Bench.dll");
            if (File.Exists(program))
                return program;
        }

        throw new FileNotFoundException("bench was not built beside the tests.");
    }
}
