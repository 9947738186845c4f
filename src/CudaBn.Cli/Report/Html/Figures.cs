namespace CudaBn.Cli;

/// <summary>Quantities as the report writes them.</summary>
internal static class Figures
{
    private static readonly string[] _units = ["B", "kB", "MB", "GB", "TB"];

    /// <summary>A share of 1 in percent, a tenth exact; a dash for no number.</summary>
    public static string Percent(double share) => double.IsFinite(share) ? Text.Of($"{100 * share:F1}%") : "–";

    /// <summary>A loss with four decimals; what it is where it is no finite number.</summary>
    public static string Loss(double loss) => double.IsFinite(loss) ? Text.Of($"{loss:F4}")
        : double.IsNaN(loss) ? "NaN" : loss > 0 ? "∞" : "−∞";

    /// <summary>Bytes in the greatest unit that leaves a number of at least 1, by thousands.</summary>
    public static string Bytes(long bytes)
    {
        var (value, unit) = ((double)bytes, 0);
        for (; value >= 999.5 && unit < _units.Length - 1; unit++)
            value /= 1000;
        return unit == 0 || value >= 99.95 ? Text.Of($"{value:F0} {_units[unit]}") : Text.Of($"{value:F1} {_units[unit]}");
    }

    /// <summary>A time of a step, in milliseconds.</summary>
    public static string Milliseconds(double seconds) => (1e3 * seconds) switch
    {
        >= 99.5 and var time => Text.Of($"{time:N0}"),
        >= 9.95 and var time => Text.Of($"{time:F1}"),
        var time => Text.Of($"{time:F2}"),
    };

    /// <summary>How long something took, for people: seconds, minutes or hours.</summary>
    public static string Duration(double seconds)
    {
        if (seconds < 99.95)
            return Text.Of($"{seconds:F1} s");
        var minutes = (long)Math.Round(seconds / 60);
        return minutes < 100 ? Text.Of($"{minutes} min") : Text.Of($"{minutes / 60} h {minutes % 60} min");
    }

    /// <summary>A value of any size in three digits.</summary>
    public static string ThreeDigits(double value) => Math.Abs(value) switch
    {
        0 => "0",
        >= 0.001 and < 999.5 => Text.Of($"{value:G3}"),
        >= 999.5 and < 1e6 => Text.Of($"{value:N0}"),
        _ => Text.Of($"{value:0.##e+0}"),
    };
}
