using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using BenchmarkDotNet.Validators;
using Perfolizer.Horology;

namespace CudaBn.Bench;

/// <summary>A run of the suite: BenchmarkDotNet takes the times, and the limits of the machine are measured in between.</summary>
/// <param name="settings">How.</param>
/// <param name="classes">The classes of benchmarks, in order.</param>
public sealed class SuiteRun(SuiteSettings settings, params IReadOnlyList<Type> classes)
{
    /// <summary>All classes of the suite.</summary>
    public static IReadOnlyList<Type> AllClasses { get; } =
    [
        typeof(Conv2dBenchmarks), typeof(BatchNormBenchmarks), typeof(VirtualBatchNormBenchmarks),
        typeof(BatchNormReLUBenchmarks), typeof(BatchNormAddReLUBenchmarks), typeof(BatchNormReLUMaxPoolBenchmarks),
        typeof(MaxPool2dBenchmarks), typeof(AvgPool2dBenchmarks), typeof(GlobalAvgPoolBenchmarks), typeof(ReLUBenchmarks),
        typeof(ActivationBenchmarks), typeof(DropoutBenchmarks), typeof(LinearBenchmarks),
        typeof(SoftmaxCrossEntropyBenchmarks), typeof(MeanSquaredErrorBenchmarks), typeof(SgdBenchmarks),
        typeof(AdamBenchmarks), typeof(TrainingBenchmarks),
        typeof(ResidualNetworkBenchmarks), typeof(InferenceBenchmarks), typeof(ResidualInferenceBenchmarks),
        typeof(EpochBenchmarks), typeof(StartUpBenchmarks),
    ];

    private readonly List<string> _leftOut = [];

    public SuiteResults Run()
    {
        var records = Directory.CreateTempSubdirectory("cudabn-bench-");
        var workingFolder = Environment.CurrentDirectory;
        try
        {
            Suite.Configure([.. settings.Devices.Select(device => device.ToString())], settings.Shapes, records.FullName);
            var progress = new SuiteProgress(settings, records.FullName);
            // BenchmarkDotNet looks for the project from here upwards.
            if (!settings.InProcess)
                Environment.CurrentDirectory = Sdk.ProjectFolder!;
            var summaries = BenchmarkSwitcher.FromTypes([.. classes])
                .Run([.. settings.Arguments], Configuration(progress)).ToArray();
            return Results(summaries, progress, records.FullName);
        }
        finally
        {
            Environment.CurrentDirectory = workingFolder;
            records.Delete(recursive: true);
        }
    }

    // What counts of a GPU's operators is timed by events on the device, before BenchmarkDotNet times the calls.
    private int IterationMilliseconds => settings.Devices.All(device => device.Kind != DeviceKind.Cpu) ? 20
        : settings.Shapes == ShapeChoice.Quick ? 25 : 60;

    private ManualConfig Configuration(SuiteProgress progress)
    {
        var job = Job.Default
            .WithUnrollFactor(1)
            .WithEvaluateOverhead(false)
            .WithWarmupCount(1)
            .WithIterationCount(5)
            .WithIterationTime(TimeInterval.FromMilliseconds(IterationMilliseconds));
        job = settings.InProcess
            ? job.WithToolchain(InProcessEmitToolchain.Instance)
            // BenchmarkDotNet compiles everything anew. What analyzers have to say was said when the suite itself was compiled.
            : job.WithArguments([new MsBuildArgument("/p:RunAnalyzers=false"), new MsBuildArgument("/p:EnforceCodeStyleInBuild=false")]);
        var config = ManualConfig.CreateEmpty()
            .AddJob(job)
            .AddDiagnoser(MemoryDiagnoser.Default)
            .AddColumnProvider(DefaultColumnProviders.Instance)
            .AddLogger(settings.Verbose ? ConsoleLogger.Default : NullLogger.Instance)
            .AddValidator(JitOptimizationsValidator.FailOnError)
            .AddFilter(new BenchmarkChoice(settings, _leftOut))
            .AddEventProcessor(progress)
            .WithArtifactsPath(Path.Combine(settings.Output, "BenchmarkDotNet"));
        return config;
    }

    private SuiteResults Results(Summary[] summaries, SuiteProgress progress, string records)
    {
        var rows = new List<BenchmarkRow>();
        var failures = new List<string>();
        foreach (var report in summaries.SelectMany(summary => summary.Reports))
        {
            var row = MeasuredCase.Row(report, records);
            if (row is not null)
                rows.Add(row);
            else
                failures.Add(MeasuredCase.Failure(report, records));
        }

        foreach (var error in summaries.SelectMany(summary => summary.ValidationErrors).Where(error => error.IsCritical))
            failures.Add(error.Message);
        return new SuiteResults
        {
            Date = DateTime.UtcNow,
            Machine = MachineDescription.Current(settings.Devices),
            Limits = progress.Limits,
            Rows = rows,
            LeftOut = _leftOut,
            Failures = failures,
        };
    }
}
