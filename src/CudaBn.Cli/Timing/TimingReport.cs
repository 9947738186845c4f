using System.Globalization;
using System.Reflection;
using System.Text.Encodings.Web;
using System.Text.Json;
using CudaBn.Serialization;

namespace CudaBn.Cli;

/// <summary>All that <c>cudabn time</c> measured.</summary>
internal sealed record TimingReport(
    string Processor,
    int Threads,
    MachineLimits Limits,
    double StepMilliseconds,
    long StepWork,
    double EvaluationMilliseconds,
    IReadOnlyList<OperatorTiming> Operators)
{
    private double StepShare => StepWork / StepMilliseconds / 1e6 / Limits.GigaFlops;

    public void Print()
    {
        Console.WriteLine();
        Terminal.WriteField("limits", Text.Of(
            $"{Limits.GigaFlops:F0} GFLOP/s of multiply-adds, {Limits.GigaBytes:F1} GB/s of copying, at best"));
        Terminal.WriteField("step", Text.Of(
            $"{StepMilliseconds:F2} ms for {NetworkTimer.BatchSize} images, {StepWork / 1e9:F3} GFLOP, ")
            + Text.Of($"{100 * StepShare:F0}% of the limit"));
        Terminal.WriteField("evaluate", Text.Of(
            $"{EvaluationMilliseconds:F0} ms for {NetworkTimer.EvaluatedImages:N0} images"));
        Console.WriteLine();
        Console.WriteLine("GB/s count what must at least be read and written; from a cache they may pass the limit.");
        var width = Operators.Max(row => row.Name.Length);
        Console.WriteLine($"{"operator".PadRight(width)}  {"ms",8}  {"rate",14}  limit");
        foreach (var row in Operators)
        {
            var rate = row.Unit == WorkUnit.Flop
                ? Text.Of($"{row.Rate:F0} GFLOP/s")
                : Text.Of($"{row.Rate:F1} GB/s   ");
            Console.WriteLine(Text.Of(
                $"{row.Name.PadRight(width)}  {row.Milliseconds,8:F3}  {rate,14}  {100 * row.ShareOf(Limits),4:F0}%"));
        }
    }

    /// <exception cref="IOException">The file cannot be written.</exception>
    public void WriteJson(string path) => AtomicFile.Write(path, stream =>
    {
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions
        {
            Indented = true,
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        });
        json.WriteStartObject();
        json.WriteString("version", typeof(Device).Assembly
            .GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion);
        json.WriteString("date", DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
        json.WriteString("processor", Processor);
        json.WriteNumber("threads", Threads);
        json.WriteNumber("limit_gflop_per_s", Limits.GigaFlops);
        json.WriteNumber("limit_gb_per_s", Limits.GigaBytes);
        json.WriteNumber("step_ms", StepMilliseconds);
        json.WriteNumber("step_flop", StepWork);
        json.WriteNumber("step_share_of_limit", StepShare);
        json.WriteNumber("evaluation_ms", EvaluationMilliseconds);
        json.WriteStartArray("operators");
        foreach (var row in Operators)
        {
            json.WriteStartObject();
            json.WriteString("name", row.Name);
            json.WriteNumber("ms", row.Milliseconds);
            json.WriteNumber(row.Unit == WorkUnit.Flop ? "gflop_per_s" : "gb_per_s", row.Rate);
            json.WriteNumber("share_of_limit", row.ShareOf(Limits));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    });
}
