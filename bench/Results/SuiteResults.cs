using System.Text.Encodings.Web;
using System.Text.Json;
using CudaBn.Serialization;

namespace CudaBn.Bench;

/// <summary>All that a run of the suite found.</summary>
public sealed record SuiteResults
{
    public const string ThisLibrary = "CudaBn";

    private static readonly JsonSerializerOptions _json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public required DateTime Date { get; init; }

    public required MachineDescription Machine { get; init; }

    /// <summary>Per device.</summary>
    public required IReadOnlyDictionary<string, MachineLimits> Limits { get; init; }

    public required IReadOnlyList<BenchmarkRow> Rows { get; init; }

    /// <summary>What was not measured on purpose, and why.</summary>
    public required IReadOnlyList<string> LeftOut { get; init; }

    /// <summary>What was to be measured and could not be, and why.</summary>
    public required IReadOnlyList<string> Failures { get; init; }

    /// <exception cref="IOException">The file cannot be written.</exception>
    public void WriteJson(string path) =>
        AtomicFile.Write(path, stream => JsonSerializer.Serialize(stream, this, _json));

    /// <exception cref="InvalidDataException">The file holds no results of this suite.</exception>
    public static SuiteResults ReadJson(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            return JsonSerializer.Deserialize<SuiteResults>(stream, _json)
                ?? throw new InvalidDataException($"{path} holds no results.");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path} holds no results of this suite: {e.Message}", e);
        }
    }

    public MachineLimits LimitsOf(BenchmarkRow row) => Limits[row.Device];

    /// <summary>How many times as long a peer takes for what a row does, per peer.</summary>
    public IEnumerable<(string Name, double Ratio)> Peers(BenchmarkRow row) => Rows
        .Where(other => other.IsPeer && !row.IsPeer
            && (other.Operator, other.Part, other.Shape, other.Device) == (row.Operator, row.Part, row.Shape, row.Device))
        .Select(other => (other.MadeBy, other.Ratio(row)));
}
