namespace CudaBn.Cli;

/// <summary>A class that an image may be of.</summary>
/// <param name="Label">Which, from 0.</param>
/// <param name="Name">What it is called.</param>
/// <param name="Probability">The network's, from 0 to 1.</param>
internal sealed record ClassProbability(int Label, string Name, double Probability);
