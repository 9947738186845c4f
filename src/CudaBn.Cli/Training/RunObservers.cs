namespace CudaBn.Cli;

/// <summary>All that watch a training run, in a row.</summary>
internal sealed class RunObservers(params IRunObserver[] observers) : IRunObserver
{
    public void Begin(Recipe recipe, Trainer trainer, SoftmaxCrossEntropy loss, Optimizer optimizer) =>
        Array.ForEach(observers, observer => observer.Begin(recipe, trainer, loss, optimizer));

    public void StepEnded(TrainingProgress progress)
    {
        foreach (var observer in observers)
            observer.StepEnded(progress);
    }

    public void EpochEnded(IReadOnlyList<EpochRow> rows) => Array.ForEach(observers, observer => observer.EpochEnded(rows));

    public void End(IReadOnlyList<EpochRow> rows, bool wasInterrupted) =>
        Array.ForEach(observers, observer => observer.End(rows, wasInterrupted));

    /// <summary>Progress that is shown and observed.</summary>
    public IProgress<TrainingProgress> Beside(IProgress<TrainingProgress> display) => new Both(this, display);

    public void Dispose() => Array.ForEach(observers, observer => observer.Dispose());

    private sealed class Both(RunObservers observers, IProgress<TrainingProgress> display) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            observers.StepEnded(value);
            display.Report(value);
        }
    }
}
