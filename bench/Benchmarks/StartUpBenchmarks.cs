using System.Diagnostics;
using System.Globalization;
using BenchmarkDotNet.Attributes;

namespace CudaBn.Bench;

/// <summary>From nothing to the end of the first training step, in a process of its own.</summary>
[IterationCount(3)]
[WarmupCount(1)]
[InvocationCount(1)]
public class StartUpBenchmarks : NetworkBenchmarks
{
    /// <summary>What the process of its own is called with.</summary>
    public const string Argument = "first-step";

    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"cudabn-start-up-{Guid.NewGuid():N}");
    private int _processes;
    private double _loss = double.NaN;

    public override IEnumerable<NetworkShape> Shapes => [NetworkShape.Step];

    protected override bool WorksHere => false;

    public override Work WorkOf(string benchmark) => Shape.Train;

    /// <inheritdoc/>
    /// <remarks>On the CPU no kernels are compiled by this library.</remarks>
    public override bool RunsOn(string benchmark, string device) => benchmark == nameof(FirstStep) || device != "cpu";

    /// <summary>Takes the first step and prints its loss; for the process of its own.</summary>
    public static void TakeFirstStep(string device)
    {
        using var benchmarks = new FirstStepOf(device);
        Console.WriteLine(benchmarks.Take().ToString(CultureInfo.InvariantCulture));
    }

    [GlobalSetup(Target = nameof(FirstStep))]
    public void SetUpFirstStep() => SetUp(nameof(FirstStep), () => StartProcess(Path.Combine(_folder, "warm")));

    /// <summary>All kernels are in the cache on disk.</summary>
    [Benchmark]
    public void FirstStep() => Run();

    [GlobalSetup(Target = nameof(FirstStepCompiling))]
    public void SetUpFirstStepCompiling() =>
        SetUp(nameof(FirstStepCompiling), () => StartProcess(Path.Combine(_folder, $"cold{_processes++}")));

    /// <summary>All kernels are compiled.</summary>
    [Benchmark]
    public void FirstStepCompiling() => Run();

    public override void Cleanup()
    {
        base.Cleanup();
        Directory.Delete(_folder, recursive: true);
    }

    private void SetUp(string benchmark, Action process)
    {
        Directory.CreateDirectory(_folder);
        PrepareNetwork(benchmark, () => new(process, () =>
        {
            // The first loss of ten classes, before anything is learned, is about the logarithm of ten.
            if (!(_loss is > 1 and < 5))
                throw new WrongResultException($"the first step's loss is {_loss}");
        }));
    }

    private void StartProcess(string cache)
    {
        var assembly = typeof(StartUpBenchmarks).Assembly.Location;
        var program = Path.ChangeExtension(assembly, OperatingSystem.IsWindows() ? ".exe" : null);
        var start = new ProcessStartInfo(program, [Argument, DeviceName])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        start.Environment["CUDABN_CACHE"] = cache;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEnd();
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"The process ended with {process.ExitCode}: {error}");
        _loss = double.Parse(output, CultureInfo.InvariantCulture);
    }

    private sealed class FirstStepOf : NetworkBenchmarks, IDisposable
    {
        public FirstStepOf(string device) => (DeviceName, Shape) = (device, NetworkShape.Step);

        public override IEnumerable<NetworkShape> Shapes => [Shape];

        public override Work WorkOf(string benchmark) => Shape.Train;

        public double Take()
        {
            var model = InitializedModel();
            using var loss = new SoftmaxCrossEntropy();
            using var sgd = new Sgd(model.Parameters, learningRate: 0.05);
            using var trainer = new Trainer(model, loss, sgd);
            foreach (var batch in RandomImages(shuffle: true))
                trainer.Step(batch);
            return loss.ReadTotals().Loss / Shape.Images;
        }

        public void Dispose() => Cleanup();
    }
}
