namespace CudaBn.Bench;

/// <summary>What the suite's process tells the processes in which benchmarks run, and itself where they run in it: through
/// the environment, for BenchmarkDotNet hands over nothing else.</summary>
public static class Suite
{
    private const string DevicesVariable = "CUDABN_BENCH_DEVICES";
    private const string QuickVariable = "CUDABN_BENCH_QUICK";
    private const string RecordsVariable = "CUDABN_BENCH_RECORDS";

    /// <summary>Names of devices, as <see cref="Device.Parse"/> takes them.</summary>
    public static IReadOnlyList<string> Devices =>
        (Environment.GetEnvironmentVariable(DevicesVariable) ?? "cpu").Split(',');

    /// <summary>Whether only the seed network's shapes are measured.</summary>
    public static bool IsQuick => Environment.GetEnvironmentVariable(QuickVariable) == "1";

    /// <summary>Where each case leaves its <see cref="CaseRecord"/>; null outside the suite.</summary>
    public static string? Records => Environment.GetEnvironmentVariable(RecordsVariable);

    public static void Configure(IReadOnlyList<string> devices, bool quick, string records)
    {
        Environment.SetEnvironmentVariable(DevicesVariable, string.Join(',', devices));
        Environment.SetEnvironmentVariable(QuickVariable, quick ? "1" : "0");
        Environment.SetEnvironmentVariable(RecordsVariable, records);
    }
}
