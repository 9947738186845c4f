namespace CudaBn.Cli;

/// <summary>All that watch a training run. While it goes on, one that cannot write keeps neither the run nor the others from
/// theirs.</summary>
internal sealed class RunObservers(RunFolder folder, params IRunObserver[] observers) : IDisposable
{
    /// <exception cref="IOException">One of them cannot write what it leaves.</exception>
    public void Begin(
        Recipe recipe, Trainer trainer, SoftmaxCrossEntropy loss, Optimizer optimizer, IReadOnlyList<EpochRow> rows) =>
        Array.ForEach(observers, observer => observer.Begin(recipe, trainer, loss, optimizer, rows));

    /// <summary>Tells all that a checkpoint is about to be saved.</summary>
    /// <param name="warn">Shows a line.</param>
    public void Saving(Action<string> warn) => Try(observer => observer.Saving(), warn);

    /// <summary>Tells all that an epoch has ended.</summary>
    /// <param name="rows">All epochs of the run so far.</param>
    /// <param name="warn">Shows a line.</param>
    public void EpochEnded(IReadOnlyList<EpochRow> rows, Action<string> warn) =>
        Try(observer => observer.EpochEnded(rows), warn);

    /// <summary>Tells all that training is over, each of them whatever becomes of the others.</summary>
    /// <exception cref="IOException">One of them cannot write what it leaves.</exception>
    public void End(IReadOnlyList<EpochRow> rows, RunEnding ending)
    {
        IOException? first = null;
        foreach (var observer in observers)
        {
            try
            {
                folder.Write(() => observer.End(rows, ending));
            }
            catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
            {
                first ??= new IOException($"{observer.Name}: {fault.Message}", fault);
            }
        }

        if (first is not null)
            throw first;
    }

    /// <summary>Progress that is shown and observed.</summary>
    public IProgress<TrainingProgress> Beside(IProgress<TrainingProgress> display) => new Both(observers, display);

    public void Dispose() => Array.ForEach(observers, observer => observer.Dispose());

    private void Try(Action<IRunObserver> tell, Action<string> warn) =>
        Array.ForEach(observers, observer => folder.TryWrite(observer.Name, () => tell(observer), warn));

    private sealed class Both(IRunObserver[] observers, IProgress<TrainingProgress> display) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            foreach (var observer in observers)
                observer.StepEnded(value);
            display.Report(value);
        }
    }
}
