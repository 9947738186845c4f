using System.Globalization;
using BenchmarkDotNet.Filters;
using BenchmarkDotNet.Running;
using CudaBn.Backends.Cuda;

namespace CudaBn.Bench;

/// <summary>Leaves out what a device has no benchmark of, and, with a reason, what does not fit its memory.</summary>
public sealed class BenchmarkChoice(SuiteSettings settings, List<string> leftOut) : IFilter
{
    // The rest is for what operators keep beside their tensors, and for other processes.
    private const double UsableShare = 0.8;

    private readonly Dictionary<string, long> _available = settings.Devices.ToDictionary(
        device => device.ToString(),
        device => device.Backend is CudaBackend cuda ? cuda.FreeBytes : MachineMemory.Available());

    public bool Predicate(BenchmarkCase benchmarkCase)
    {
        ArgumentNullException.ThrowIfNull(benchmarkCase);
        var benchmarks = MeasuredCase.Benchmarks(benchmarkCase);
        var (part, device) = (MeasuredCase.Part(benchmarkCase), MeasuredCase.Device(benchmarkCase));
        // The peers that .NET knows run on the processor.
        if (!benchmarks.RunsOn(part, device) || (MeasuredCase.Peer(benchmarkCase) is not null && device != "cpu"))
            return false;
        var needed = benchmarks.BytesNeeded(part);
        if (needed <= UsableShare * _available[device])
            return true;
        leftOut.Add(string.Create(CultureInfo.InvariantCulture,
            $"{MeasuredCase.Name(benchmarkCase)}: needs {needed / 1e9:F1} GB, and {_available[device] / 1e9:F1} GB are free"));
        return false;
    }
}
