using System.Diagnostics;

namespace CudaBn;

/// <summary>Trains a classifier epoch by epoch.</summary>
/// <remarks>Nothing waits for the device during an epoch: loss and accuracy are added up there and read at its end. On a
/// GPU, the second step of every shape is recorded, batch and all, and later ones are replayed at the cost of one
/// call.</remarks>
public sealed class Trainer : IDisposable
{
    private const ulong ModeOffset = 0xcbf29ce484222325;

    private readonly Layer _model;
    private readonly SoftmaxCrossEntropy _loss;
    private readonly Optimizer _optimizer;
    private readonly LearningRateSchedule? _schedule;
    private readonly ScheduleInterval _interval;
    private readonly RecordedSteps _steps = new();
    private readonly Action _train;
    private readonly Action _evaluate;
    private readonly Dictionary<Shape, Tensor> _logits = [];
    private DataLoader? _loader;
    private Batch _batch;

    /// <summary>Makes a trainer of a model.</summary>
    /// <param name="model">An initialized model from images to logits.</param>
    /// <param name="loss">The loss.</param>
    /// <param name="optimizer">The optimizer of the model's parameters.</param>
    /// <param name="schedule">What sets the optimizer's learning rate; null to leave it alone.</param>
    /// <param name="interval">Whether the schedule counts steps or epochs.</param>
    /// <exception cref="ArgumentException">The interval is none.</exception>
    public Trainer(
        Layer model,
        SoftmaxCrossEntropy loss,
        Optimizer optimizer,
        LearningRateSchedule? schedule = null,
        ScheduleInterval interval = ScheduleInterval.Step)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(loss);
        ArgumentNullException.ThrowIfNull(optimizer);
        if (!Enum.IsDefined(interval))
            throw new ArgumentException($"Trainer: {interval} is no interval of a schedule.", nameof(interval));
        (_model, _loss, _optimizer, _schedule, _interval) = (model, loss, optimizer, schedule, interval);
        // Made once: a step allocates nothing.
        (_train, _evaluate) = (TrainOnBatch, EvaluateBatch);
    }

    /// <summary>How many steps were made: the number that a schedule takes for the next one. Set it when training goes on
    /// from a checkpoint.</summary>
    public long StepsDone { get; set; }

    /// <summary>How many epochs of <see cref="Fit"/> were begun and ended: the number that a schedule takes for the next one.
    /// Set it when training goes on from a checkpoint.</summary>
    public int EpochsDone { get; set; }

    /// <summary>Told of every batch that <see cref="Fit"/> tests on: the index of its first image, and [N, classes] logits,
    /// which the next batch overwrites. What it queues on the device waits for nothing.</summary>
    internal Action<int, Tensor>? Tested { get; set; }

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
                var tested = Evaluate(test, Tested, cancellation);
                yield return new EpochMetrics(
                    epoch, trained.Loss, trained.Accuracy, tested.Loss, tested.Accuracy, seconds,
                    train.ImageCount / seconds);
            }
        }
    }

    /// <summary>One step: forward, loss, backward, update.</summary>
    /// <param name="batch">What to train on. It must stay alive as long as the trainer uses it.</param>
    public void Step(Batch batch) => Train(loader: null, batch);

    /// <summary>Loss and accuracy of the model in evaluation.</summary>
    /// <param name="data">The batches to evaluate on.</param>
    /// <param name="cancellation">Ends the evaluation after the batch under way.</param>
    /// <returns>The means over all images.</returns>
    /// <exception cref="OperationCanceledException">The evaluation was cancelled.</exception>
    public Evaluation Evaluate(DataLoader data, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        return Evaluate(data, told: null, cancellation);
    }

    /// <summary>Releases what was recorded. Model, loss and optimizer are left as they are.</summary>
    public void Dispose() => _steps.Dispose();

    private Evaluation Evaluate(DataLoader data, Action<int, Tensor>? told, CancellationToken cancellation)
    {
        var wasTraining = _model.IsTraining;
        _model.IsTraining = false;
        try
        {
            _loss.ResetTotals();
            var epoch = data.StartEpoch();
            for (var i = 0; i < data.BatchCount; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                Run(_evaluate, data, data.Claim(epoch, i));
                told?.Invoke(i * data.BatchSize, _logits[_batch.Images.Shape]);
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
        if (_interval == ScheduleInterval.Epoch)
            SetLearningRate(EpochsDone);
        var started = train.StartEpoch();
        for (var i = 0; i < train.BatchCount; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            Train(train, train.Claim(started, i));
            progress?.Report(new TrainingProgress(epoch, i + 1, train.BatchCount));
        }

        EpochsDone++;
        return MeanOver(train.ImageCount);
    }

    private void Train(DataLoader? loader, Batch batch)
    {
        // Before the step, so that a recorded one finds it on the device.
        if (_interval == ScheduleInterval.Step)
            SetLearningRate(StepsDone);
        Run(_train, loader, batch);
        StepsDone++;
    }

    private void SetLearningRate(long number)
    {
        if (_schedule is not null)
            _optimizer.LearningRate = _schedule.At(number);
    }

    private void Run(Action work, DataLoader? loader, Batch batch)
    {
        (_loader, _batch) = (loader, batch);
        var key = new RecordedSteps.Key(work, loader, batch.Images, batch.Labels, _model.AddMode(ModeOffset));
        if (!_steps.Run(_model.Device.Backend, in key, work))
            return;
        // The layers last saw another batch than the device did.
        _model.ForgetForward();
        _loss.ForgetForward();
    }

    private void TrainOnBatch()
    {
        ForwardBatch();
        _model.BackwardParameters(_loss.Backward());
        _optimizer.Step();
    }

    // A replay leaves the logits of a shape where the call that was recorded did.
    private void EvaluateBatch() => _logits[_batch.Images.Shape] = ForwardBatch();

    private Tensor ForwardBatch()
    {
        _loader?.Gather(_batch);
        var logits = _model.Forward(_batch.Images);
        _loss.Forward(logits, _batch.Labels);
        return logits;
    }

    private Evaluation MeanOver(int images)
    {
        var totals = _loss.ReadTotals();
        return new Evaluation(totals.Loss / images, (double)totals.Correct / images);
    }
}
