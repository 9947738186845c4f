namespace CudaBn.Cli;

/// <summary>What <c>cudabn train</c> was asked for.</summary>
internal sealed record TrainSettings(
    ModelChoice Model,
    DataSettings Data,
    int Epochs,
    Recipe Recipe,
    ulong Seed,
    bool NotebookInitialization,
    bool DropLastBatch,
    bool Augments,
    bool Normalizes,
    string Device,
    int? Threads,
    string? Out,
    bool NotebookBug,
    int? SaveEvery,
    int Keep);
