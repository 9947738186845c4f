using System.Diagnostics;

namespace CudaBn.Cli;

/// <summary>How long to measure.</summary>
/// <param name="Steps">Training steps.</param>
/// <param name="Evaluations">Evaluations of 10,000 images.</param>
/// <param name="OperatorTime">For one operator, warm-up left out.</param>
/// <param name="LeastRuns">Of one operator, however long they take.</param>
internal sealed record TimingPlan(int Steps, int Evaluations, TimeSpan OperatorTime, int LeastRuns)
{
    private const int WarmUpRuns = 2;
    private const int MostRuns = 1000;

    public static TimingPlan Thorough { get; } = new(200, 7, TimeSpan.FromSeconds(1), LeastRuns: 7);

    public static TimingPlan Quick { get; } = new(50, 3, TimeSpan.FromMilliseconds(100), LeastRuns: 3);

    /// <summary>The median time of a run, in milliseconds. The first runs, in which code is still being compiled, are
    /// not counted.</summary>
    public double MedianMilliseconds(Action run)
    {
        Repeat(run, OperatorTime / 2, WarmUpRuns);
        return Median(Repeat(run, OperatorTime, LeastRuns));
    }

    public static double Median(List<double> values)
    {
        values.Sort();
        return (values[(values.Count - 1) / 2] + values[values.Count / 2]) / 2;
    }

    private static List<double> Repeat(Action run, TimeSpan time, int leastRuns)
    {
        var milliseconds = new List<double>();
        var whole = Stopwatch.StartNew();
        while (milliseconds.Count < leastRuns || (whole.Elapsed < time && milliseconds.Count < MostRuns))
        {
            var start = Stopwatch.GetTimestamp();
            run();
            milliseconds.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        return milliseconds;
    }
}
