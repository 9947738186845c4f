namespace CudaBn;

/// <summary>When <see cref="Trainer.Fit"/> lets its caller save in the middle of an epoch: between two steps, on the thread that
/// trains.</summary>
public sealed class CheckpointInterval
{
    /// <summary>Chooses when, and what is done then.</summary>
    /// <param name="steps">After how many steps, counted by <see cref="Trainer.StepsDone"/>; above 0.</param>
    /// <param name="save">Saves, such as by <see cref="CheckpointFolder.Save"/>. What it throws ends the training, which may be
    /// gone on with.</param>
    /// <exception cref="ArgumentException">The number of steps is not positive.</exception>
    public CheckpointInterval(long steps, Action save)
    {
        ArgumentNullException.ThrowIfNull(save);
        if (steps <= 0)
            throw new ArgumentException(
                $"CheckpointInterval: the number of steps must be positive, not {steps}.", nameof(steps));
        (Steps, Save) = (steps, save);
    }

    /// <summary>After how many steps.</summary>
    public long Steps { get; }

    /// <summary>Saves.</summary>
    public Action Save { get; }
}
