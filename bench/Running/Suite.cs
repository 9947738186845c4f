namespace CudaBn.Bench;

/// <summary>What the suite's process tells the processes in which benchmarks run, and itself where they run in it: through
/// the environment, for BenchmarkDotNet hands over nothing else.</summary>
public static class Suite
{
    private const string DevicesVariable = "CUDABN_BENCH_DEVICES";
    private const string ShapesVariable = "CUDABN_BENCH_SHAPES";
    private const string RecordsVariable = "CUDABN_BENCH_RECORDS";

    /// <summary>Names of devices, as <see cref="Device.Parse"/> takes them.</summary>
    public static IReadOnlyList<string> Devices =>
        (Environment.GetEnvironmentVariable(DevicesVariable) ?? "cpu").Split(',');

    /// <summary>Whether only the seed network's shapes are measured.</summary>
    public static bool IsQuick => Shapes == ShapeChoice.Quick;

    /// <summary>Where each case leaves its <see cref="CaseRecord"/>; null outside the suite.</summary>
    public static string? Records => Environment.GetEnvironmentVariable(RecordsVariable);

    private static ShapeChoice Shapes =>
        Enum.TryParse<ShapeChoice>(Environment.GetEnvironmentVariable(ShapesVariable), out var shapes)
            ? shapes : ShapeChoice.Usual;

    public static void Configure(IReadOnlyList<string> devices, ShapeChoice shapes, string records)
    {
        Environment.SetEnvironmentVariable(DevicesVariable, string.Join(',', devices));
        Environment.SetEnvironmentVariable(ShapesVariable, shapes.ToString());
        Environment.SetEnvironmentVariable(RecordsVariable, records);
    }

    /// <summary>The shapes of this run among those of each kind of run.</summary>
    public static IReadOnlyList<TShape> Choose<TShape>(
        IReadOnlyList<TShape> quick, IReadOnlyList<TShape> usual, IReadOnlyList<TShape> all) => Shapes switch
        {
            ShapeChoice.Quick => quick,
            ShapeChoice.Usual => usual,
            _ => all,
        };
}
