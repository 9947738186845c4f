using System.Globalization;
using System.Text.Encodings.Web;

namespace CudaBn.Cli;

/// <summary>What <c>cudabn inspect</c> writes for people.</summary>
internal static class InspectionTable
{
    private const string Gap = "  ";

    private static readonly string[] _heading =
        ["tensor", "type", "shape", "bytes", "min", "max", "mean", "norm", "NaN", "inf"];

    // Texts stand left, numbers right.
    private const int LeftColumns = 3;

    public static void Write(InspectionReport report)
    {
        Terminal.WriteField("file", Text.Of($"{report.File}, {report.Format}, {report.Bytes:N0} bytes"));
        foreach (var ((key, value), i) in report.Metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal)
            .Select((pair, i) => (pair, i)))
            Terminal.WriteField(i == 0 ? "metadata" : "", $"{Shown(key)}: {Shown(value)}");

        Console.WriteLine();
        var totals = report.Totals;
        string[][] rows =
        [
            _heading,
            .. report.Tensors.Select(Cells),
            [
                Text.Of($"{totals.Tensors:N0} tensors"), "", Text.Of($"{totals.Values:N0} values"),
                Text.Of($"{totals.Bytes:N0}"), "", "", "", "", Text.Of($"{totals.Nan:N0}"), Text.Of($"{totals.Inf:N0}"),
            ],
        ];
        var widths = Enumerable.Range(0, _heading.Length).Select(column => rows.Max(row => row[column].Length)).ToArray();
        foreach (var row in rows)
        {
            Console.WriteLine(string.Join(Gap, row.Select((cell, column) =>
                column < LeftColumns ? cell.PadRight(widths[column]) : cell.PadLeft(widths[column]))).TrimEnd());
        }
    }

    private static string[] Cells(InspectionReport.Row row) =>
    [
        Shown(row.Name), row.Dtype, $"[{string.Join(", ", row.Shape)}]", Text.Of($"{row.Bytes:N0}"),
        Number(row.Min), Number(row.Max), Number(row.Mean), Number(row.Norm),
        Count(row.Nan), Count(row.Inf),
    ];

    private static string Count(long? count) => count is { } known ? Text.Of($"{known:N0}") : "-";

    // Counts and labels are read whole.
    private static string Number(double? value) => value is { } number
        ? number.ToString(double.IsInteger(number) && Math.Abs(number) < 1e9 ? "0" : "G5", CultureInfo.InvariantCulture)
        : "-";

    // A text from a file must not command the terminal.
    private static string Shown(string text) => JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(text);
}
