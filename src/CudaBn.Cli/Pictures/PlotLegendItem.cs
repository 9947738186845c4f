using ScottPlot;

namespace CudaBn.Cli;

/// <summary>A curve in a legend.</summary>
/// <param name="Name">What it shows.</param>
/// <param name="Color">Hexadecimal RGB.</param>
/// <param name="Marker">A filled circle or square.</param>
internal sealed record PlotLegendItem(string Name, string Color, MarkerShape Marker);
