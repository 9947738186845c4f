using System.Globalization;
using BenchmarkDotNet.EventProcessors;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace CudaBn.Bench;

/// <summary>Prints a line as each benchmark ends, and measures the limits before the first class and after each.</summary>
public sealed class SuiteProgress(SuiteSettings settings, string records) : EventProcessor
{
    private readonly Dictionary<string, MachineLimits> _limits = [];

    public IReadOnlyDictionary<string, MachineLimits> Limits => _limits;

    public override void OnEndValidationStage()
    {
        if (!settings.InProcess)
            Console.WriteLine("compiling the benchmarks");
    }

    public override void OnStartRunStage() => MeasureLimits();

    public override void OnEndRunBenchmark(BenchmarkCase benchmarkCase, BenchmarkReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        if (MeasuredCase.Row(report, records) is not { } row)
        {
            Console.WriteLine($"FAILED  {MeasuredCase.Failure(report, records)}");
            return;
        }

        // Two processors are near each other for a while, and then are not: the more moments, the better.
        if (row.PairedTimes?.Limits is { } then)
            _limits[row.Device] = _limits[row.Device].WithHandOver(then);
        var limits = _limits[row.Device];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{ResultTable.Duration(row.MedianNanoseconds),10}  {100 * row.ShareOf(limits),4:F0}%  {row.Key}"
            + $"{(row.Mark(limits) is { Length: > 0 } mark ? $"  (machine {mark})" : "")}"));
    }

    public override void OnEndRunBenchmarksInType(Type type, Summary summary) => MeasureLimits();

    private void MeasureLimits()
    {
        foreach (var device in settings.Devices)
            _limits[device.ToString()] = MachineLimits.Of(device).Best(_limits.GetValueOrDefault(device.ToString()));
    }
}
