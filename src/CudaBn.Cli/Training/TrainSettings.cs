namespace CudaBn.Cli;

/// <summary>What <c>cudabn train</c> was asked for.</summary>
internal sealed record TrainSettings(
    int Epochs,
    int BatchSize,
    double LearningRate,
    ulong Seed,
    bool NotebookInitialization,
    bool DropLastBatch,
    string Device,
    int? Threads,
    string? Data,
    int? Limit,
    string? Out,
    bool NotebookBug);
