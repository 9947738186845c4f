using System.Globalization;
using System.Text;
using CudaBn.Serialization;

namespace CudaBn.Cli;

/// <summary>The epochs of a run as a table with a line of column names. Numbers are written with all their digits and a
/// point, the whole file anew for every epoch.</summary>
internal sealed class MetricsCsv(string path, string dataset, bool withNotebookBug)
{
    private const string Columns =
        "epoch,train_loss,train_accuracy,test_loss,test_accuracy,seconds,images_per_second,dataset";

    private const string NotebookBugColumns = ",notebook_bug_test_loss,notebook_bug_test_accuracy";

    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Write(IEnumerable<EpochRow> rows)
    {
        var text = new StringBuilder(Columns);
        if (withNotebookBug)
            text.Append(NotebookBugColumns);
        text.Append('\n');
        foreach (var (epoch, notebookBug) in rows)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"{epoch.Epoch},{epoch.TrainLoss},{epoch.TrainAccuracy},{epoch.TestLoss},{epoch.TestAccuracy},");
            text.Append(CultureInfo.InvariantCulture, $"{epoch.Seconds},{epoch.ImagesPerSecond},{Quoted(dataset)}");
            if (notebookBug is { } bug)
                text.Append(CultureInfo.InvariantCulture, $",{bug.Loss},{bug.Accuracy}");
            text.Append('\n');
        }

        AtomicFile.Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(text.ToString())));
    }

    // The name of a folder may hold what parts cells (RFC 4180).
    private static string Quoted(string cell) =>
        cell.AsSpan().ContainsAny(",\"\r\n") ? $"\"{cell.Replace("\"", "\"\"")}\"" : cell;
}
