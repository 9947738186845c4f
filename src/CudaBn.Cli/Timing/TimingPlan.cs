using System.Diagnostics;

namespace CudaBn.Cli;

/// <summary>How long to measure.</summary>
/// <param name="Steps">Training steps.</param>
/// <param name="Evaluations">Evaluations of 10,000 images.</param>
/// <param name="OperatorTime">For one operator, warm-up left out.</param>
internal sealed record TimingPlan(int Steps, int Evaluations, TimeSpan OperatorTime)
{
    private const int LeastRuns = 5;
    private const int MostRuns = 1000;

    public static TimingPlan Thorough { get; } = new(200, 7, TimeSpan.FromSeconds(1));

    public static TimingPlan Quick { get; } = new(50, 3, TimeSpan.FromMilliseconds(100));

    /// <summary>The median time of a run, in milliseconds. The first runs, in which code is still being compiled, are not
    /// counted.</summary>
    public double MedianMilliseconds(Action run)
    {
        Repeat(run, OperatorTime / 2);
        return Median(Repeat(run, OperatorTime));
    }

    public static double Median(List<double> values)
    {
        values.Sort();
        return (values[(values.Count - 1) / 2] + values[values.Count / 2]) / 2;
    }

    private static List<double> Repeat(Action run, TimeSpan time)
    {
        var milliseconds = new List<double>();
        var whole = Stopwatch.StartNew();
        while (milliseconds.Count < LeastRuns || (whole.Elapsed < time && milliseconds.Count < MostRuns))
        {
            var start = Stopwatch.GetTimestamp();
            run();
            milliseconds.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        return milliseconds;
    }
}
