using System.Diagnostics;

namespace CudaBn;

/// <summary>Trains a classifier epoch by epoch.</summary>
/// <remarks>Nothing waits for the device during an epoch: loss and accuracy are added up there and read at its end. On a
/// GPU, the second step of every shape is recorded, batch and all, and later ones are replayed at the cost of one
/// call. A loss that is NaN or infinite ends the training with a <see cref="NonFiniteException"/>, after which parameters and
/// optimizer are as they were before its step.</remarks>
public sealed partial class Trainer : IDisposable
{
    private const ulong ModeOffset = 0xcbf29ce484222325;

    private readonly Layer _model;
    private readonly SoftmaxCrossEntropy _loss;
    private readonly Optimizer _optimizer;
    private readonly ScheduleInterval _interval;
    private readonly RecordedSteps _steps = new();
    private readonly Action _train;
    private readonly Action _evaluate;
    private readonly Stopwatch _epochClock = new();
    private readonly Dictionary<Shape, Tensor> _logits = [];
    private DataLoader? _loader;
    private Batch _batch;
    private DataLoader? _epochLoader;
    private long _epochStarted;
    private double _earlierSeconds;

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
        (_model, _loss, _optimizer, Schedule, _interval) = (model, loss, optimizer, schedule, interval);
        // Made once: a step allocates nothing.
        (_train, _evaluate) = (TrainOnBatch, EvaluateBatch);
    }

    /// <summary>How many steps were made: the number that a schedule takes for the next one. <see cref="Checkpoint.Load"/> sets
    /// it.</summary>
    public long StepsDone { get; set; }

    /// <summary>How many epochs of <see cref="Fit"/> were begun and ended: the number that a schedule takes for the next one.
    /// <see cref="Checkpoint.Load"/> sets it.</summary>
    public int EpochsDone { get; set; }

    /// <summary>How many steps of the epoch under way <see cref="Fit"/> has made; 0 between epochs. An epoch whose training or
    /// evaluation was cancelled stays under way, until <see cref="Fit"/> is called again or its loader is enumerated
    /// otherwise.</summary>
    public int StepsInEpoch => EpochUnderWay?.BatchesMade ?? 0;

    internal Layer Model => _model;

    internal SoftmaxCrossEntropy Loss => _loss;

    internal Optimizer Optimizer => _optimizer;

    internal LearningRateSchedule? Schedule { get; set; }

    internal ScheduleInterval Interval => _interval;

    /// <summary>What the schedule takes for the next rate.</summary>
    internal long ScheduleNumber => _interval == ScheduleInterval.Step ? StepsDone : EpochsDone;

    /// <summary>Whose epoch is under way; null between epochs.</summary>
    internal DataLoader? EpochUnderWay => _epochLoader?.IsCurrent(_epochStarted) == true ? _epochLoader : null;

    /// <summary>How long the epoch under way was trained on so far.</summary>
    internal double SecondsInEpoch => _earlierSeconds + _epochClock.Elapsed.TotalSeconds;

    /// <summary>Told of every batch that <see cref="Fit"/> tests on: the index of its first image, and [N, classes] logits,
    /// which the next batch overwrites. What it queues on the device waits for nothing.</summary>
    internal Action<int, Tensor>? Tested { get; set; }

    /// <summary>Trains, and evaluates after every epoch. If an epoch of the loader is under way, which was cancelled or came
    /// from <see cref="Checkpoint.Load"/>, training first goes on with that, as if nothing had been in between.</summary>
    /// <param name="train">The batches to train on.</param>
    /// <param name="test">The batches to evaluate on.</param>
    /// <param name="epochs">How many epochs, above 0; the rest of one under way counts as one.</param>
    /// <param name="progress">Told after every step, on this thread.</param>
    /// <param name="checkpoints">When to let the caller save, besides between epochs; null for never. No step waits for the
    /// device or allocates because of it, unless it is followed by a save.</param>
    /// <param name="cancellation">Ends the training after the step under way.</param>
    /// <returns>The metrics of every epoch, as it ends. At that point nothing of it is under way: it is the place to save, too.
    /// </returns>
    /// <exception cref="ArgumentException">The number of epochs is not positive.</exception>
    /// <exception cref="OperationCanceledException">Training was cancelled; model and trainer are as the last step left
    /// them, and may be saved.</exception>
    /// <exception cref="NonFiniteException">A loss is NaN or infinite, in training or on the batches to evaluate on, or after an
    /// epoch a parameter, what the optimizer keeps of one, or a running statistic.</exception>
    public IEnumerable<EpochMetrics> Fit(
        DataLoader train,
        DataLoader test,
        int epochs,
        IProgress<TrainingProgress>? progress = null,
        CheckpointInterval? checkpoints = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(test);
        if (epochs <= 0)
            throw new ArgumentException($"Trainer: the number of epochs must be positive, not {epochs}.", nameof(epochs));
        return Epochs();

        IEnumerable<EpochMetrics> Epochs()
        {
            for (var i = 0; i < epochs; i++)
            {
                var trained = TrainEpoch(train, progress, checkpoints, cancellation);
                var seconds = SecondsInEpoch;
                cancellation.ThrowIfCancellationRequested();
                var tested = Evaluate(test, Tested, cancellation);
                if (!double.IsFinite(tested.Loss))
                    throw ExplainEvaluation(test);
                _epochLoader = null;
                EpochsDone++;
                yield return new EpochMetrics(
                    EpochsDone, trained.Loss, trained.Accuracy, tested.Loss, tested.Accuracy, seconds,
                    train.ImageCount / seconds);
            }
        }
    }

    /// <summary>One step: forward, loss, backward, update.</summary>
    /// <param name="batch">What to train on. It must stay alive as long as the trainer uses it.</param>
    /// <exception cref="NonFiniteException">The loss is NaN or infinite. A device that queues says so later, within a second or
    /// at <see cref="ThrowIfNonFinite"/>; parameters and optimizer stay as they were before that step all the same.</exception>
    public void Step(Batch batch) => Train(loader: null, batch, place: null);

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
    public void Dispose()
    {
        _steps.Dispose();
        _watch?.Dispose();
        _search?.Dispose();
    }

    /// <summary>Loss and accuracy of the model in evaluation.</summary>
    /// <param name="data">The batches to evaluate on.</param>
    /// <param name="told">Told of every batch, as <see cref="Tested"/> is; null for nobody.</param>
    /// <param name="cancellation">Ends the evaluation after the batch under way.</param>
    internal Evaluation Evaluate(
        DataLoader data, Action<int, Tensor>? told, CancellationToken cancellation = default)
    {
        var wasTraining = _model.IsTraining;
        // What an epoch under way has added up so far is needed at its end.
        LossTotals? totals = EpochUnderWay is null ? null : _loss.ReadTotals();
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
            if (totals is { } earlier)
                _loss.WriteTotals(earlier);
        }
    }

    /// <summary>Takes up training where another trainer was.</summary>
    /// <param name="stepsDone">What <see cref="StepsDone"/> was.</param>
    /// <param name="epochsDone">What <see cref="EpochsDone"/> was.</param>
    /// <param name="epochUnderWay">The loader, back at its place; null between epochs.</param>
    /// <param name="started">What the loader's <see cref="DataLoader.Claim"/> asks for.</param>
    /// <param name="seconds">What <see cref="SecondsInEpoch"/> was.</param>
    internal void Restore(long stepsDone, int epochsDone, DataLoader? epochUnderWay, long started, double seconds)
    {
        (StepsDone, EpochsDone) = (stepsDone, epochsDone);
        (_epochLoader, _epochStarted, _earlierSeconds) = (epochUnderWay, started, seconds);
        _epochClock.Reset();
        // First steps differ from later ones, and layers remember a batch that is not the last one any more.
        _steps.Clear();
        _watch?.Reset();
        _stateWasFinite = false;
        _model.ForgetForward();
        _loss.ForgetForward();
    }

    private Evaluation TrainEpoch(
        DataLoader train, IProgress<TrainingProgress>? progress, CheckpointInterval? checkpoints,
        CancellationToken cancellation)
    {
        _model.IsTraining = true;
        if (EpochUnderWay != train)
            BeginEpoch(train);
        if (_interval == ScheduleInterval.Epoch)
            SetLearningRate(EpochsDone);
        _epochClock.Start();
        try
        {
            for (var i = train.BatchesMade; i < train.BatchCount; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                TrainOnNext(train, i);
                progress?.Report(new TrainingProgress(EpochsDone + 1, i + 1, train.BatchCount));
                if (checkpoints is not null && StepsDone % checkpoints.Steps == 0)
                    Save(checkpoints);
            }

            ThrowIfNonFinite();
            return MeanOver(train.ImageCount);
        }
        finally
        {
            _epochClock.Stop();
        }
    }

    private void BeginEpoch(DataLoader train)
    {
        _loss.ResetTotals();
        (_epochLoader, _epochStarted, _earlierSeconds) = (train, train.StartEpoch(), 0);
        _epochClock.Reset();
    }

    private void TrainOnNext(DataLoader train, int index)
    {
        try
        {
            Train(train, train.Claim(_epochStarted, index), (EpochsDone + 1, index + 1));
        }
        catch
        {
            // A batch was taken and no step made of it: this epoch cannot be gone on with.
            _epochLoader = null;
            throw;
        }
    }

    private void Save(CheckpointInterval checkpoints)
    {
        // What is queued still counts as training; saving, which would wait for it, does not.
        _model.Device.Backend.Synchronize();
        _epochClock.Stop();
        checkpoints.Save();
        _epochClock.Start();
    }

    private void Train(DataLoader? loader, Batch batch, (int Epoch, int Step)? place)
    {
        (_trainedOn, _place) = ((loader, batch), place);
        _watch ??= new LossWatch(_model.Device);
        // Before the step, so that a recorded one finds it on the device.
        if (_interval == ScheduleInterval.Step)
            SetLearningRate(StepsDone);
        if (DetectAnomalies)
            TrainLookingOn(loader, batch);
        else
            Run(_train, loader, batch);
        StepsDone++;
        if (_watch is { IsDue: true })
            ThrowIfLossWasNotFinite();
    }

    private void SetLearningRate(long number)
    {
        if (Schedule is not null)
            _optimizer.LearningRate = Schedule.At(number);
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
        _loader?.Gather(_batch);
        _loss.Forward(_model.Forward(_batch.Images), _batch.Labels, _watch!.Tensor);
        _model.BackwardParameters(_loss.Backward());
        _optimizer.Step(_watch.Tensor);
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
