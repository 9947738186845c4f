using CudaBn.Serialization;

namespace CudaBn.Cli;

/// <summary>A tensor in a file, and what its numbers are like.</summary>
/// <param name="Entry">What the file says about it.</param>
/// <param name="Statistics">What its numbers say.</param>
internal sealed record InspectedTensor(TensorEntry Entry, TensorStatistics Statistics);
