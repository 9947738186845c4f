namespace CudaBn.Cli;

/// <summary>Watches a training run, and leaves something of its own in the run's folder. It must not change what is
/// trained.</summary>
internal interface IRunObserver : IDisposable
{
    /// <summary>Training begins, or goes on.</summary>
    /// <param name="recipe">How it trains.</param>
    /// <param name="trainer">What trains.</param>
    /// <param name="loss">Its loss.</param>
    /// <param name="optimizer">Its optimizer.</param>
    void Begin(Recipe recipe, Trainer trainer, SoftmaxCrossEntropy loss, Optimizer optimizer);

    /// <summary>A step was queued on the device, which is not to be waited for.</summary>
    void StepEnded(TrainingProgress progress);

    /// <summary>An epoch has ended and was evaluated.</summary>
    /// <param name="rows">All epochs of the run so far.</param>
    void EpochEnded(IReadOnlyList<EpochRow> rows);

    /// <summary>Training is over and its weights are written; the trainer is gone.</summary>
    /// <param name="rows">All epochs of the run.</param>
    /// <param name="wasInterrupted">Whether the last epoch was broken off.</param>
    void End(IReadOnlyList<EpochRow> rows, bool wasInterrupted);
}
