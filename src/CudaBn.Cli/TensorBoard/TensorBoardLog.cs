namespace CudaBn.Cli;

/// <summary>Event files for TensorBoard: losses and accuracies, and how weights, gradients and running statistics are
/// distributed after every epoch. Every process of a run that is resumed adds a file.</summary>
internal sealed class TensorBoardLog : IRunObserver
{
    private readonly Sequential _model;
    private readonly EventFile _events;
    private readonly StepLosses _losses;
    private Trainer? _trainer;
    private SoftmaxCrossEntropy? _loss;
    private Optimizer? _optimizer;

    /// <param name="folder">The run, which gets a folder with event files.</param>
    /// <param name="model">The network.</param>
    /// <param name="train">The batches it is trained on.</param>
    public TensorBoardLog(RunFolder folder, Sequential model, DataLoader train)
    {
        _model = model;
        _events = new EventFile(folder.TensorBoard);
        _losses = new StepLosses(train.BatchCount, model.Device, model.DType);
    }

    public void Begin(Recipe recipe, Trainer trainer, SoftmaxCrossEntropy loss, Optimizer optimizer) =>
        (_trainer, _loss, _optimizer) = (trainer, loss, optimizer);

    public void StepEnded(TrainingProgress progress) => _losses.Add(_trainer!.StepsDone, _loss!.LastLoss!);

    public void EpochEnded(IReadOnlyList<EpochRow> rows)
    {
        var (epoch, bug) = rows[^1];
        AddSteps();
        _events.AddScalar("loss/train", epoch.TrainLoss, epoch.Epoch);
        _events.AddScalar("loss/test", epoch.TestLoss, epoch.Epoch);
        _events.AddScalar("accuracy/train", epoch.TrainAccuracy, epoch.Epoch);
        _events.AddScalar("accuracy/test", epoch.TestAccuracy, epoch.Epoch);
        _events.AddScalar("learning_rate", _optimizer!.LearningRate, epoch.Epoch);
        if (bug is { } evaluation)
        {
            _events.AddScalar("loss/test_notebook_statistics", evaluation.Loss, epoch.Epoch);
            _events.AddScalar("accuracy/test_notebook_statistics", evaluation.Accuracy, epoch.Epoch);
        }

        foreach (var parameter in _model.Parameters)
        {
            AddHistogram("weights", parameter.Name, parameter.Value, epoch.Epoch);
            if (parameter.RequiresGradient)
                AddHistogram("gradients", parameter.Name, parameter.Gradient, epoch.Epoch);
        }

        var parameters = _model.Parameters.Select(parameter => parameter.Value).ToHashSet();
        foreach (var (name, tensor) in _model.State.Where(state => state.Tensor.DType.IsReal() && !parameters.Contains(state.Tensor)))
            AddHistogram("batch_norm", name, tensor, epoch.Epoch);
        _events.Flush();
    }

    public void End(IReadOnlyList<EpochRow> rows, bool wasInterrupted)
    {
        AddSteps();
        _events.Flush();
    }

    public void Dispose()
    {
        _events.Dispose();
        _losses.Dispose();
    }

    private void AddSteps()
    {
        foreach (var (step, loss) in _losses.Take())
            _events.AddScalar("loss_per_step/train", loss, step);
    }

    private void AddHistogram(string kind, string name, Tensor tensor, int epoch)
    {
        if (EventHistogram.Of(tensor.ToDoubles()) is { } histogram)
            _events.AddHistogram($"{kind}/{name}", histogram, epoch);
    }
}
