namespace CudaBn.Cli;

/// <summary>Watches a training run, and leaves something of its own in the run's folder. It must not change what is
/// trained.</summary>
internal interface IRunObserver : IDisposable
{
    /// <summary>What messages call that which it leaves.</summary>
    string Name { get; }

    /// <summary>Training begins, or goes on.</summary>
    /// <param name="recipe">How it trains.</param>
    /// <param name="trainer">The training, where it goes on from.</param>
    /// <param name="loss">Its loss.</param>
    /// <param name="optimizer">Its optimizer.</param>
    /// <param name="rows">The epochs that the run has behind it.</param>
    void Begin(
        Recipe recipe, Trainer trainer, SoftmaxCrossEntropy loss, Optimizer optimizer, IReadOnlyList<EpochRow> rows);

    /// <summary>A step was queued on the device, which is not to be waited for.</summary>
    void StepEnded(TrainingProgress progress);

    /// <summary>A checkpoint is about to be saved. A run that goes on from it reports none of the steps before it
    /// again.</summary>
    void Saving();

    /// <summary>An epoch has ended and was evaluated, and no checkpoint of that is saved yet: a process that is killed before
    /// that goes through the epoch again.</summary>
    /// <param name="rows">All epochs of the run so far.</param>
    void EpochEnded(IReadOnlyList<EpochRow> rows);

    /// <summary>Training is over; the trainer is gone, and the weights are not written yet.</summary>
    /// <param name="rows">All epochs of the run.</param>
    /// <param name="ending">How it came to that.</param>
    void End(IReadOnlyList<EpochRow> rows, RunEnding ending);
}
