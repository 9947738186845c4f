namespace CudaBn;

/// <summary>How far training is, reported after every step.</summary>
/// <param name="Epoch">The epoch under way, from 1.</param>
/// <param name="Step">Steps done in it.</param>
/// <param name="Steps">Steps of an epoch.</param>
public readonly record struct TrainingProgress(int Epoch, int Step, int Steps);
