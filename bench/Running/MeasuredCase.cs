using System.Reflection;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace CudaBn.Bench;

/// <summary>What BenchmarkDotNet's cases and reports are to this suite.</summary>
public static class MeasuredCase
{
    /// <summary>How the names of classes of benchmarks end; an operator's name is what stands before.</summary>
    public const string ClassSuffix = "Benchmarks";

    /// <summary>The class of a case, with its shape and device set.</summary>
    public static IOperatorBenchmarks Benchmarks(BenchmarkCase benchmark)
    {
        ArgumentNullException.ThrowIfNull(benchmark);
        var instance = Activator.CreateInstance(benchmark.Descriptor.Type)!;
        foreach (var parameter in benchmark.Parameters.Items)
            benchmark.Descriptor.Type.GetProperty(parameter.Name)!.SetValue(instance, parameter.Value);
        return (IOperatorBenchmarks)instance;
    }

    public static string Device(BenchmarkCase benchmark)
    {
        ArgumentNullException.ThrowIfNull(benchmark);
        return (string)benchmark.Parameters["DeviceName"];
    }

    /// <summary>What a case is called in lists of what was left out or failed.</summary>
    public static string Name(BenchmarkCase benchmark)
    {
        ArgumentNullException.ThrowIfNull(benchmark);
        return $"{Operator(benchmark)} {Method(benchmark)}, {Shape(benchmark)}, {Device(benchmark)}";
    }

    /// <summary>What another library does, marks its method; null for this library's.</summary>
    public static PeerAttribute? Peer(BenchmarkCase benchmark)
    {
        ArgumentNullException.ThrowIfNull(benchmark);
        return benchmark.Descriptor.WorkloadMethod.GetCustomAttribute<PeerAttribute>();
    }

    /// <summary>The benchmark of this library that a case is, or is compared with.</summary>
    public static string Part(BenchmarkCase benchmark) => Peer(benchmark)?.Of ?? Method(benchmark);

    /// <returns>Null where there is no result.</returns>
    public static BenchmarkRow? Row(BenchmarkReport report, string records)
    {
        ArgumentNullException.ThrowIfNull(report);
        if (!report.Success || report.ResultStatistics is not { } statistics)
            return null;
        var benchmark = report.BenchmarkCase;
        var record = Record(benchmark, records);
        var work = Benchmarks(benchmark).WorkOf(Part(benchmark));
        return new BenchmarkRow
        {
            Operator = Operator(benchmark),
            Part = Part(benchmark),
            MadeBy = Peer(benchmark)?.Name ?? SuiteResults.ThisLibrary,
            Shape = Shape(benchmark),
            Device = Device(benchmark),
            MedianNanoseconds = statistics.Median,
            Spread = (statistics.Q3 - statistics.Q1) / 2 / statistics.Median,
            Flops = work.Flops,
            Bytes = work.Bytes,
            AllocatedBytes = report.GcStats.GetBytesAllocatedPerOperation(benchmark) ?? 0,
            OthersShare = record.OthersShare,
            DeviceTimes = record.DeviceTimes,
            PairedTimes = record.PairedTimes,
        };
    }

    /// <summary>A line on why a case has no result.</summary>
    public static string Failure(BenchmarkReport report, string records)
    {
        ArgumentNullException.ThrowIfNull(report);
        var why = Record(report.BenchmarkCase, records).Failure
            ?? (report.BuildResult.IsBuildSuccess ? "no result; --verbose shows why"
                : $"not built: {report.BuildResult.ErrorMessage ?? report.BuildResult.GenerateException?.Message}");
        return $"{Name(report.BenchmarkCase)}: {why}";
    }

    private static CaseRecord Record(BenchmarkCase benchmark, string records) => CaseRecord.Read(
        records,
        CaseRecord.Key(
            benchmark.Descriptor.Type, Method(benchmark), benchmark.Parameters["Shape"], Device(benchmark)));

    private static string Operator(BenchmarkCase benchmark) =>
        benchmark.Descriptor.Type.Name[..^ClassSuffix.Length];

    private static string Method(BenchmarkCase benchmark) => benchmark.Descriptor.WorkloadMethod.Name;

    private static string Shape(BenchmarkCase benchmark) => benchmark.Parameters["Shape"].ToString()!;
}
