using System.Globalization;
using System.Text.Json.Serialization;

namespace CudaBn.Bench;

/// <summary>What was measured of a benchmark.</summary>
public sealed record BenchmarkRow
{
    /// <summary>The share of the processors that others may take before a row is marked.</summary>
    public const double BusyShare = 0.05;

    /// <summary>The share of the run's limit of multiply-adds that the machine must have been able of during a row, or it is
    /// marked. Copying varies by more than that from one moment to the next.</summary>
    public const double SlowShare = 0.85;

    /// <summary>How much longer than at best two processors may take to hand something over before a row is marked. As two
    /// threads of one core they take half as long as two cores that share a cache, and these a fifth of two that do
    /// not.</summary>
    public const double ApartRatio = 4;

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

    /// <summary>On the CPU; null of what takes longer than a second or runs elsewhere.</summary>
    public PairedTimes? PairedTimes { get; init; }

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

    /// <summary>The least time that the machine could need, as a share of the time it took: both as they were at the same
    /// moment, where that was measured.</summary>
    public double ShareOf(MachineLimits limits) =>
        PairedTimes?.ShareOf(Work) ?? Work.Floor(limits) * 1e9 / Nanoseconds;

    /// <summary>What was wrong with the machine during the row: "busy", "at 52%" of the multiply-adds it could do at
    /// other times, "apart", when its processors were farther from each other, or nothing.</summary>
    public string Mark(MachineLimits limits)
    {
        var then = PairedTimes?.Limits ?? limits;
        var speed = then.GigaFlops / limits.GigaFlops;
        return string.Join(", ", new[]
        {
            IsBusy ? "busy" : null,
            speed < SlowShare ? string.Create(CultureInfo.InvariantCulture, $"at {100 * speed:F0}%") : null,
            then.HandOverNanoseconds > ApartRatio * limits.HandOverNanoseconds ? "apart" : null,
        }.Where(mark => mark is not null));
    }

    /// <summary>How many times as long as <paramref name="other"/> this takes: both measured in turn with the same limits,
    /// where they were.</summary>
    public double Ratio(BenchmarkRow other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return PairedTimes is { } mine && other.PairedTimes is { } its
            ? its.ShareOf(Work) / mine.ShareOf(Work)
            : Nanoseconds / other.Nanoseconds;
    }
}
