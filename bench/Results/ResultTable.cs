using System.Globalization;
using System.Text;

namespace CudaBn.Bench;

/// <summary>The summary as text: aligned, a Markdown table as it stands, and as comma-separated values.</summary>
public static class ResultTable
{
    private static readonly string[] _names =
        ["operator", "shape", "median", "spread", "GFLOP/s", "GB/s", "bound by", "of limit", "allocated", "peer takes", ""];

    private static readonly string[] _gpuNames = ["device hot", "device cold", "SM MHz"];

    /// <summary>The whole report, in Markdown.</summary>
    public static string Markdown(SuiteResults results, string? picture)
    {
        ArgumentNullException.ThrowIfNull(results);
        var text = new StringBuilder();
        var machine = results.Machine;
        text.AppendLine("# Benchmarks").AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture,
            $"{machine.Processors} processors of {machine.Processor}, SIMD {machine.Simd}; {machine.System}; {machine.Runtime}; "
            + $"{machine.Version}; {machine.Peers}; {results.Date:yyyy-MM-dd}.");
        foreach (var (device, limits) in results.Limits)
        {
            text.AppendLine().AppendLine(CultureInfo.InvariantCulture,
                $"## {device}: {machine.Devices[device]}").AppendLine();
            text.AppendLine(CultureInfo.InvariantCulture,
                $"Limits in the same run: {limits.GigaFlops:F0} GFLOP/s of multiply-adds, "
                + $"{limits.GigaBytes:F1} GB/s of copying{HandOver(limits)}.");
            if (picture is not null)
                text.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"![Roofline]({PictureName(picture, device)})");
            text.AppendLine().Append(Table(results, device));
        }

        text.AppendLine().AppendLine(Legend);
        Append(text, "Left out", results.LeftOut);
        Append(text, "Without a result", results.Failures);
        return text.ToString();
    }

    /// <summary>The file of a device's picture.</summary>
    public static string PictureName(string stem, string device) =>
        $"{stem}-{device.Replace(":", "-", StringComparison.Ordinal)}.png";

    /// <summary>The rows of a device.</summary>
    public static string Table(SuiteResults results, string device)
    {
        ArgumentNullException.ThrowIfNull(results);
        var rows = results.Rows.Where(row => row.Device == device && !row.IsPeer).ToArray();
        var onGpu = rows.Any(row => row.DeviceTimes is not null);
        var cells = new List<string[]> { onGpu ? [.. _names, .. _gpuNames] : _names };
        cells.AddRange(rows.Select(row => Cells(results, row, onGpu)));
        var widths = Enumerable.Range(0, cells[0].Length).Select(i => cells.Max(line => line[i].Length)).ToArray();
        var text = new StringBuilder();
        for (var line = 0; line < cells.Count; line++)
        {
            text.Append("| ").AppendJoin(" | ", cells[line].Select((cell, i) => IsText(i)
                ? cell.PadRight(widths[i]) : cell.PadLeft(widths[i]))).AppendLine(" |");
            if (line == 0)
            {
                text.Append('|').AppendJoin('|', widths.Select((width, i) => IsText(i)
                    ? new string('-', width + 2) : new string('-', width + 1) + ':')).AppendLine("|");
            }
        }

        return text.ToString();
    }

    public static string Csv(SuiteResults results)
    {
        ArgumentNullException.ThrowIfNull(results);
        var text = new StringBuilder(
            "operator,part,library,shape,device,median_ns,spread,flops,bytes,gflop_per_s,gb_per_s,share_of_limit,"
            + "allocated_bytes,others_share,limit_gflop_per_s,limit_gb_per_s,device_hot_ns,device_cold_ns,sm_clock_mhz,"
            + "hand_over_ns\n");
        foreach (var row in results.Rows)
        {
            var limits = row.PairedTimes?.Limits ?? results.LimitsOf(row);
            text.Append(CultureInfo.InvariantCulture,
                $"{row.Operator},{row.Part},{row.MadeBy},\"{row.Shape}\",{row.Device},{row.MedianNanoseconds:F1},"
                + $"{row.Spread:F4},{row.Flops},{row.Bytes},{row.GigaFlops:F3},{row.GigaBytes:F3},"
                + $"{row.ShareOf(results.LimitsOf(row)):F4},{row.AllocatedBytes},{row.OthersShare:F4},"
                + $"{limits.GigaFlops:F1},{limits.GigaBytes:F2},"
                + $"{row.DeviceTimes?.HotNanoseconds:F1},{row.DeviceTimes?.ColdNanoseconds:F1},"
                + $"{row.DeviceTimes?.ClockMegahertz:F0},{limits.HandOverNanoseconds:F0}\n");
        }

        return text.ToString();
    }

    /// <summary>A duration in the unit that leaves it one to three digits before the point.</summary>
    public static string Duration(double nanoseconds) => nanoseconds switch
    {
        >= 1e9 => string.Create(CultureInfo.InvariantCulture, $"{nanoseconds / 1e9:F2} s "),
        >= 1e6 => string.Create(CultureInfo.InvariantCulture, $"{nanoseconds / 1e6:F2} ms"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{nanoseconds / 1e3:F2} us"),
    };

    private const string Legend =
        "Median and spread (half the distance between the quartiles) of the iterations. FLOPs are those of the definition, "
        + "bytes those that must at least be read and written, so work in a cache may pass the limit of copying. \"Of "
        + "limit\" is the least time that the machine needs for either, as a share of the time it took: on the CPU both are "
        + "measured in turn, some milliseconds each, for a virtual processor that shares its core with others computes at "
        + "half the rate at times. \"At 52%\" marks rows during which multiply-adds were so much of the run's best, beside "
        + "which the median stands; \"busy\" those during which others took more than 5% of the processors; \"apart\" those "
        + "during which two processors took more than four times as long as at best to hand something over, as they do in "
        + "different caches. \"Peer takes\": how many times as long, measured likewise. Allocated bytes are those of the "
        + "whole process: where it is BenchmarkDotNet's, too, some of them are.";

    private static string HandOver(MachineLimits limits) => limits.HandOverNanoseconds is { } time
        ? string.Create(CultureInfo.InvariantCulture, $", {time:F0} ns from one processor to another and back")
        : "";

    private static bool IsText(int column) => column is 0 or 1 or 6 or 10;

    private static string[] Cells(SuiteResults results, BenchmarkRow row, bool onGpu)
    {
        var limits = results.LimitsOf(row);
        var peers = results.Peers(row).Select(peer =>
            string.Create(CultureInfo.InvariantCulture, $"{peer.Ratio:F2} x ({peer.Name})"));
        string[] cells =
        [
            $"{row.Operator} {row.Part}", row.Shape, Duration(row.MedianNanoseconds),
            string.Create(CultureInfo.InvariantCulture, $"{100 * row.Spread:F0}%"),
            string.Create(CultureInfo.InvariantCulture, $"{row.GigaFlops:F1}"),
            string.Create(CultureInfo.InvariantCulture, $"{row.GigaBytes:F1}"),
            row.Work.IsComputeBound(limits) ? "compute" : "memory",
            string.Create(CultureInfo.InvariantCulture, $"{100 * row.ShareOf(limits):F0}%"),
            $"{row.AllocatedBytes} B", string.Join(", ", peers), row.Mark(limits),
        ];
        if (!onGpu)
            return cells;
        var times = row.DeviceTimes;
        return
        [
            .. cells, times is null ? "" : Duration(times.HotNanoseconds), times is null ? "" : Duration(times.ColdNanoseconds),
            string.Create(CultureInfo.InvariantCulture, $"{times?.ClockMegahertz:F0}"),
        ];
    }

    private static void Append(StringBuilder text, string title, IReadOnlyList<string> lines)
    {
        if (lines.Count == 0)
            return;
        text.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"## {title}").AppendLine();
        foreach (var line in lines)
            text.AppendLine(CultureInfo.InvariantCulture, $"- {line}");
    }
}
