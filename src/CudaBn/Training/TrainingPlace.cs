namespace CudaBn;

/// <summary>Which step of a training.</summary>
/// <param name="Step">From 1, over all epochs.</param>
/// <param name="Epoch">From 1; null outside of epochs.</param>
/// <param name="StepOfEpoch">From 1; null likewise.</param>
internal readonly record struct TrainingPlace(long Step, int? Epoch, int? StepOfEpoch)
{
    public override string ToString() =>
        Epoch is null ? $"step {Step}" : $"step {Step} (epoch {Epoch}, step {StepOfEpoch} of it)";
}
