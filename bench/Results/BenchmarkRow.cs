using System.Text.Json.Serialization;

namespace CudaBn.Bench;

/// <summary>What was measured of a benchmark.</summary>
public sealed record BenchmarkRow
{
    /// <summary>The share of the processors that others may take before a row is marked.</summary>
    public const double BusyShare = 0.05;

    public required string Operator { get; init; }

    /// <summary>What of the operator: Forward, Backward, ...</summary>
    public required string Part { get; init; }

    /// <summary>This library, or a peer.</summary>
    [JsonPropertyName("library")]
    public required string MadeBy { get; init; }

    public required string Shape { get; init; }

    public required string Device { get; init; }

    public required double MedianNanoseconds { get; init; }

    /// <summary>Half the distance between the quartiles, as a share of the median.</summary>
    public required double Spread { get; init; }

    public required long Flops { get; init; }

    public required long Bytes { get; init; }

    public required long AllocatedBytes { get; init; }

    /// <summary>Null where the system does not tell.</summary>
    public double? OthersShare { get; init; }

    public DeviceTimes? DeviceTimes { get; init; }

    /// <summary>What tells this row from all others, in this run and in other ones.</summary>
    [JsonIgnore]
    public string Key => $"{Operator} {Part}, {Shape}, {Device}, {MadeBy}";

    [JsonIgnore]
    public Work Work => new(Flops, Bytes);

    [JsonIgnore]
    public bool IsBusy => OthersShare > BusyShare;

    [JsonIgnore]
    public bool IsPeer => MadeBy != SuiteResults.ThisLibrary;

    /// <summary>The time that rates are made of: on a GPU the device's own, on the CPU the only one.</summary>
    [JsonIgnore]
    public double Nanoseconds => DeviceTimes?.HotNanoseconds ?? MedianNanoseconds;

    [JsonIgnore]
    public double GigaFlops => Flops / Nanoseconds;

    [JsonIgnore]
    public double GigaBytes => Bytes / Nanoseconds;

    /// <summary>The least time that the machine could need, as a share of the time it took.</summary>
    public double ShareOf(MachineLimits limits) => Work.Floor(limits) * 1e9 / Nanoseconds;
}
