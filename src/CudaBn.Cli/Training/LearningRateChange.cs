namespace CudaBn.Cli;

/// <summary>Another learning rate that a run was gone on with.</summary>
/// <param name="Step">After how many steps of the run.</param>
/// <param name="LearningRate">The learning rate from there on; the greatest one of a schedule.</param>
internal sealed record LearningRateChange(long Step, double LearningRate);
