namespace CudaBn.Cli;

/// <summary>Shows a training run as it goes.</summary>
internal interface ITrainingDisplay : IProgress<TrainingProgress>
{
    /// <summary>Shows what is reported while <paramref name="training"/> runs.</summary>
    void During(Action training);

    /// <summary>Takes an epoch of before this process went on with the run.</summary>
    void AddEarlier(EpochRow row);

    /// <summary>Adds an epoch that has ended.</summary>
    void Add(EpochRow row);
}
