namespace CudaBn.Cli;

/// <summary>An axis of values that are not negative, from and to round numbers.</summary>
/// <param name="From">Its lower end.</param>
/// <param name="To">Its upper end.</param>
/// <param name="Ticks">Round numbers on it, its ends among them.</param>
internal sealed record Axis(double From, double To, IReadOnlyList<double> Ticks)
{
    private const int MostSteps = 5;

    // Keeps a flat curve from filling the chart with its last digits.
    private const double LeastSpan = 0.02;

    /// <summary>The axis of some values, those that are no finite numbers left out.</summary>
    public static Axis Of(IEnumerable<double> values)
    {
        var finite = values.Where(double.IsFinite).ToArray();
        var (low, high) = finite.Length == 0 ? (0, 1) : (finite.Min(), finite.Max());
        var span = Math.Max(high - low, LeastSpan);
        var step = RoundedUp(span / MostSteps);
        var (first, last) = (Math.Floor(low / step), Math.Ceiling(Math.Max(high, low + LeastSpan) / step));
        // Rounding outwards may have added steps.
        return new Axis(
            first * step, last * step, [.. Enumerable.Range(0, (int)(last - first) + 1).Select(i => (first + i) * step)]);
    }

    // 1, 2 or 5 times a power of ten.
    private static double RoundedUp(double step)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(step)));
        return (step / power) switch
        {
            <= 1 => power,
            <= 2 => 2 * power,
            <= 5 => 5 * power,
            _ => 10 * power,
        };
    }
}
