using CudaBn.Bench;

namespace CudaBn.Tests.Bench;

/// <summary>Results of runs that never were.</summary>
internal static class SampleResults
{
    public static BenchmarkRow Row(
        string part = "Forward", double milliseconds = 2, string library = SuiteResults.ThisLibrary, string shape = "8x8",
        string device = "cpu", double? othersShare = 0.01, DeviceTimes? deviceTimes = null) => new()
    {
        Operator = "Conv2d",
        Part = part,
        MadeBy = library,
        Shape = shape,
        Device = device,
        MedianNanoseconds = milliseconds * 1e6,
        Spread = 0.03,
        Flops = 400_000_000,
        Bytes = 4_000_000,
        AllocatedBytes = 0,
        OthersShare = othersShare,
        DeviceTimes = deviceTimes,
    };

    public static SuiteResults Of(params BenchmarkRow[] rows) => new()
    {
        Date = new DateTime(2026, 11, 25, 0, 0, 0, DateTimeKind.Utc),
        Machine = new MachineDescription
        {
            Processor = "a processor",
            Processors = 2,
            Simd = "512 bits",
            System = "a system",
            Runtime = ".NET",
            Version = "CudaBn 0.1.0",
            Peers = "ONNX Runtime 1",
            Devices = rows.Select(row => row.Device).Distinct().ToDictionary(name => name, name => $"the {name}"),
        },
        Limits = rows.Select(row => row.Device).Distinct().ToDictionary(name => name, _ => new MachineLimits(400, 50)),
        Rows = rows,
        LeftOut = [],
        Failures = [],
    };
}
