namespace CudaBn.Cli;

/// <summary>Event files for TensorBoard: the loss of every step, and for every epoch losses and accuracies and how weights,
/// gradients and running statistics are distributed, at the step that ended it. Every process of a run that is resumed adds a
/// file.</summary>
/// <remarks>All that is logged goes by steps, because a session that starts voids what is logged of its first step and later
/// ones: what a process had logged that was killed, and the next goes through again.</remarks>
internal sealed class TensorBoardLog : IRunObserver
{
    private const string LossOfEpoch = "loss/train";

    private readonly string _folder;
    private readonly Sequential _model;
    private readonly int _stepsPerEpoch;
    private readonly StepLosses _losses;
    private EventFile? _events;
    private Trainer? _trainer;
    private SoftmaxCrossEntropy? _loss;
    private Optimizer? _optimizer;
    private int _epochsAdded;

    /// <param name="folder">The run, which gets a folder with event files.</param>
    /// <param name="model">The network.</param>
    /// <param name="train">The batches it is trained on.</param>
    public TensorBoardLog(RunFolder folder, Sequential model, DataLoader train)
    {
        (_folder, _model, _stepsPerEpoch) = (folder.TensorBoard, model, train.BatchCount);
        _losses = new StepLosses(train.BatchCount, model.Device, model.DType);
    }

    public string Name => Path.GetFileName(_folder);

    public void Begin(
        Recipe recipe, Trainer trainer, SoftmaxCrossEntropy loss, Optimizer optimizer, IReadOnlyList<EpochRow> rows)
    {
        (_trainer, _loss, _optimizer) = (trainer, loss, optimizer);
        var logged = rows.Count == 0 ? [] : LoggedSteps.Of(_folder, LossOfEpoch);
        _events = new EventFile(_folder, trainer.StepsDone + 1);
        // From the first that is missing on: readers drop what they have of a step and later ones where it comes again.
        foreach (var row in rows.SkipWhile(row => logged.Contains(LastStepOf(row))))
            AddScalars(row);
        _epochsAdded = rows.Count;
        _events.Flush();
    }

    public void StepEnded(TrainingProgress progress)
    {
        if (_losses.IsFull)
            AddSteps();
        _losses.Add(_trainer!.StepsDone, _loss!.LastLoss!);
    }

    public void Saving()
    {
        AddSteps();
        _events!.Flush();
    }

    public void EpochEnded(IReadOnlyList<EpochRow> rows)
    {
        AddSteps();
        AddEpochs(rows);
        var step = LastStepOf(rows[^1]);
        _events!.AddScalar("learning_rate", _optimizer!.LearningRate, step);
        foreach (var parameter in _model.Parameters)
        {
            AddHistogram("weights", parameter.Name, parameter.Value, step);
            if (parameter.RequiresGradient)
                AddHistogram("gradients", parameter.Name, parameter.Gradient, step);
        }

        var parameters = _model.Parameters.Select(parameter => parameter.Value).ToHashSet();
        foreach (var (name, tensor) in _model.State.Where(state => state.Tensor.DType.IsReal() && !parameters.Contains(state.Tensor)))
            AddHistogram("batch_norm", name, tensor, step);
        _events.Flush();
    }

    public void End(IReadOnlyList<EpochRow> rows, RunEnding ending)
    {
        AddSteps();
        AddEpochs(rows);
        _events!.Flush();
    }

    public void Dispose()
    {
        _events?.Dispose();
        _losses.Dispose();
    }

    private long LastStepOf(EpochRow row) => (long)row.Metrics.Epoch * _stepsPerEpoch;

    // Nothing tells of an epoch at whose end the run's folder was gone.
    private void AddEpochs(IReadOnlyList<EpochRow> rows)
    {
        for (; _epochsAdded < rows.Count; _epochsAdded++)
            AddScalars(rows[_epochsAdded]);
    }

    private void AddScalars(EpochRow row)
    {
        var (epoch, bug) = row;
        var step = LastStepOf(row);
        _events!.AddScalar(LossOfEpoch, epoch.TrainLoss, step);
        _events.AddScalar("loss/test", epoch.TestLoss, step);
        _events.AddScalar("accuracy/train", epoch.TrainAccuracy, step);
        _events.AddScalar("accuracy/test", epoch.TestAccuracy, step);
        if (bug is not { } evaluation)
            return;
        _events.AddScalar("loss/test_notebook_statistics", evaluation.Loss, step);
        _events.AddScalar("accuracy/test_notebook_statistics", evaluation.Accuracy, step);
    }

    private void AddSteps()
    {
        foreach (var (step, loss) in _losses.Take())
            _events!.AddScalar("loss_per_step/train", loss, step);
    }

    private void AddHistogram(string kind, string name, Tensor tensor, long step)
    {
        if (EventHistogram.Of(tensor.ToDoubles()) is { } histogram)
            _events!.AddHistogram($"{kind}/{name}", histogram, step);
    }
}
