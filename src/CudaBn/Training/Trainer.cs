using System.Diagnostics;

namespace CudaBn;

/// <summary>Trains a classifier epoch by epoch.</summary>
/// <param name="model">An initialized model from images to logits.</param>
/// <param name="loss">The loss.</param>
/// <param name="optimizer">The optimizer of the model's parameters.</param>
public sealed class Trainer(Layer model, SoftmaxCrossEntropy loss, Sgd optimizer)
{
    private readonly Layer _model = model ?? throw new ArgumentNullException(nameof(model));
    private readonly SoftmaxCrossEntropy _loss = loss ?? throw new ArgumentNullException(nameof(loss));
    private readonly Sgd _optimizer = optimizer ?? throw new ArgumentNullException(nameof(optimizer));

    /// <summary>Trains, and evaluates after every epoch.</summary>
    /// <param name="train">The batches to train on.</param>
    /// <param name="test">The batches to evaluate on.</param>
    /// <param name="epochs">How many epochs, above 0.</param>
    /// <param name="progress">Told after every step, on this thread.</param>
    /// <param name="cancellation">Ends the training after the step under way.</param>
    /// <returns>The metrics of every epoch, as it ends.</returns>
    /// <exception cref="ArgumentException">The number of epochs is not positive.</exception>
    /// <exception cref="OperationCanceledException">Training was cancelled; the model is as the last step left
    /// it.</exception>
    public IEnumerable<EpochMetrics> Fit(
        DataLoader train,
        DataLoader test,
        int epochs,
        IProgress<TrainingProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(test);
        if (epochs <= 0)
            throw new ArgumentException($"Trainer: the number of epochs must be positive, not {epochs}.", nameof(epochs));
        return Epochs();

        IEnumerable<EpochMetrics> Epochs()
        {
            for (var epoch = 1; epoch <= epochs; epoch++)
            {
                var clock = Stopwatch.StartNew();
                var trained = TrainEpoch(train, epoch, progress, cancellation);
                var seconds = clock.Elapsed.TotalSeconds;
                cancellation.ThrowIfCancellationRequested();
                var tested = Evaluate(test, cancellation);
                yield return new EpochMetrics(
                    epoch, trained.Loss, trained.Accuracy, tested.Loss, tested.Accuracy, seconds,
                    train.ImageCount / seconds);
            }
        }
    }

    /// <summary>One step: forward, loss, backward, update.</summary>
    /// <param name="batch">What to train on.</param>
    public void Step(Batch batch)
    {
        _loss.Forward(_model.Forward(batch.Images), batch.Labels);
        _model.BackwardParameters(_loss.Backward());
        _optimizer.Step();
    }

    /// <summary>Loss and accuracy of the model in evaluation.</summary>
    /// <param name="data">The batches to evaluate on.</param>
    /// <param name="cancellation">Ends the evaluation after the batch under way.</param>
    /// <returns>The means over all images.</returns>
    /// <exception cref="OperationCanceledException">The evaluation was cancelled.</exception>
    public Evaluation Evaluate(DataLoader data, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        var wasTraining = _model.IsTraining;
        _model.IsTraining = false;
        try
        {
            _loss.ResetTotals();
            foreach (var batch in data)
            {
                cancellation.ThrowIfCancellationRequested();
                _loss.Forward(_model.Forward(batch.Images), batch.Labels);
            }

            return MeanOver(data.ImageCount);
        }
        finally
        {
            _model.IsTraining = wasTraining;
        }
    }

    private Evaluation TrainEpoch(
        DataLoader train, int epoch, IProgress<TrainingProgress>? progress, CancellationToken cancellation)
    {
        _model.IsTraining = true;
        _loss.ResetTotals();
        var step = 0;
        foreach (var batch in train)
        {
            cancellation.ThrowIfCancellationRequested();
            Step(batch);
            progress?.Report(new TrainingProgress(epoch, ++step, train.BatchCount));
        }

        return MeanOver(train.ImageCount);
    }

    private Evaluation MeanOver(int images)
    {
        var totals = _loss.ReadTotals();
        return new Evaluation(totals.Loss / images, (double)totals.Correct / images);
    }
}
