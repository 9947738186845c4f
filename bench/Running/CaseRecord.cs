using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace CudaBn.Bench;

/// <summary>What a case notes beside the times that BenchmarkDotNet takes.</summary>
public sealed record CaseRecord
{
    /// <summary>Why there is nothing to time; null where there is.</summary>
    public string? Failure { get; init; }

    /// <summary>The share of the machine's processors that other processes took while this one was timed; null where the
    /// system does not tell.</summary>
    public double? OthersShare { get; init; }

    public DeviceTimes? DeviceTimes { get; init; }

    public PairedTimes? PairedTimes { get; init; }

    /// <summary>Leaves the record where the suite looks for it.</summary>
    public void Write(string key)
    {
        if (Suite.Records is { } folder)
            File.WriteAllText(Path(folder, key), JsonSerializer.Serialize(this));
    }

    /// <returns>The record of a case; an empty one where it left none.</returns>
    public static CaseRecord Read(string folder, string key) =>
        File.Exists(Path(folder, key))
            ? JsonSerializer.Deserialize<CaseRecord>(File.ReadAllText(Path(folder, key)))!
            : new CaseRecord();

    public static string Key(Type benchmarks, string method, object shape, string device) =>
        $"{benchmarks.Name}.{method}({shape}, {device})";

    private static string Path(string folder, string key) =>
        System.IO.Path.Combine(folder, Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(key)).AsSpan(0, 12)));
}
