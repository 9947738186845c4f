namespace CudaBn.Cli;

/// <summary>A curve of a chart.</summary>
/// <param name="Name">What the legend calls it.</param>
/// <param name="Look">The class of its color, line and marker.</param>
/// <param name="Values">A value for each epoch of the chart; what is no finite number leaves a gap.</param>
internal sealed record ChartSeries(string Name, string Look, IReadOnlyList<double> Values);
