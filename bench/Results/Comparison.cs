using System.Globalization;
using System.Text;

namespace CudaBn.Bench;

/// <summary>Two runs, row by row.</summary>
public sealed class Comparison
{
    private readonly SuiteResults _old;
    private readonly SuiteResults _new;
    private readonly double _threshold;

    /// <param name="threshold">How much longer a row may take before it counts as slower: 0.1 for a tenth.</param>
    public Comparison(SuiteResults old, SuiteResults @new, double threshold)
    {
        ArgumentNullException.ThrowIfNull(old);
        ArgumentNullException.ThrowIfNull(@new);
        (_old, _new, _threshold) = (old, @new, threshold);
        var before = old.Rows.ToDictionary(row => row.Key);
        Pairs = [.. @new.Rows.Where(row => before.ContainsKey(row.Key)).Select(row => (before[row.Key], row))];
    }

    private bool IsSameMachine => (_old.Machine.Processor, _old.Machine.Processors, _old.Machine.Simd)
        == (_new.Machine.Processor, _new.Machine.Processors, _new.Machine.Simd);

    /// <summary>The rows of both runs.</summary>
    public IReadOnlyList<(BenchmarkRow Old, BenchmarkRow New)> Pairs { get; }

    /// <summary>The rows of this library that take longer by more than the threshold. Another library's time is no fault
    /// of this one.</summary>
    public IEnumerable<BenchmarkRow> Slower => Pairs
        .Where(pair => !pair.New.IsPeer && Ratio(pair) > 1 + _threshold).Select(pair => pair.New);

    /// <summary>How many times as long the row takes now: on the same machine relative to what it was able of then and
    /// now.</summary>
    public double Ratio((BenchmarkRow Old, BenchmarkRow New) pair) =>
        IsSameMachine ? pair.New.Ratio(pair.Old) : pair.New.Nanoseconds / pair.Old.Nanoseconds;

    public string Report()
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture,
            $"Compared with {_old.Machine.Version} of {_old.Date:yyyy-MM-dd}, time now / time then:");
        if (!IsSameMachine)
        {
            text.AppendLine(CultureInfo.InvariantCulture,
                $"The machines differ: {_old.Machine.Processor} ({_old.Machine.Simd}) then, "
                + $"{_new.Machine.Processor} ({_new.Machine.Simd}) now.");
        }

        var slower = Slower.Select(row => row.Key).ToHashSet();
        foreach (var pair in Pairs.OrderByDescending(Ratio))
        {
            text.AppendLine(CultureInfo.InvariantCulture,
                $"  {Ratio(pair),6:F2}  {pair.New.Key}{(slower.Contains(pair.New.Key) ? "  SLOWER" : "")}"
                + $"{(pair.Old.IsBusy || pair.New.IsBusy ? "  (machine busy)" : "")}");
        }

        foreach (var key in _old.Rows.Select(row => row.Key).Except(_new.Rows.Select(row => row.Key)))
            text.AppendLine(CultureInfo.InvariantCulture, $"     -    {key}: not measured now");
        text.AppendLine(CultureInfo.InvariantCulture,
            $"{Pairs.Count} rows compared, {slower.Count} slower by more than {100 * _threshold:F0}%.");
        return text.ToString();
    }
}
