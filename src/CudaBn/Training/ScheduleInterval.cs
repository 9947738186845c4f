namespace CudaBn;

/// <summary>What a schedule counts.</summary>
public enum ScheduleInterval
{
    /// <summary>Steps: the learning rate may change with every batch.</summary>
    Step,

    /// <summary>Epochs of <see cref="Trainer.Fit"/>: the learning rate stays during an epoch.</summary>
    Epoch,
}
