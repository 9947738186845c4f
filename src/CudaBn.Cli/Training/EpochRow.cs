namespace CudaBn.Cli;

/// <summary>What is reported of one epoch.</summary>
/// <param name="Metrics">The epoch.</param>
/// <param name="NotebookBug">The test images again, with the statistics the notebook would have had; null where that
/// was not asked for.</param>
internal sealed record EpochRow(EpochMetrics Metrics, Evaluation? NotebookBug);
