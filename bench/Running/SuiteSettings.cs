namespace CudaBn.Bench;

/// <summary>How the suite is run.</summary>
public sealed record SuiteSettings
{
    public required IReadOnlyList<Device> Devices { get; init; }

    /// <summary>Which shapes; the iterations of a quick run are shorter, too.</summary>
    public required ShapeChoice Shapes { get; init; }

    /// <summary>Benchmarks run in this process, not in one of their own each.</summary>
    public required bool InProcess { get; init; }

    /// <summary>All that BenchmarkDotNet prints.</summary>
    public required bool Verbose { get; init; }

    /// <summary>The folder of results, an absolute path.</summary>
    public required string Output { get; init; }

    /// <summary>Options of BenchmarkDotNet.</summary>
    public required IReadOnlyList<string> Arguments { get; init; }
}
