using System.Diagnostics;
using System.Text;
using CudaBn.Serialization;

namespace CudaBn.Cli;

/// <summary>report.html: writes the report of a run anew at the end of every epoch, so that a run that is killed has one, and
/// once more, with the costs of its layers, when training is over.</summary>
internal sealed class RunReport : IRunObserver
{
    private readonly Sequential _model;
    private readonly DataLoader _train;
    private readonly DataLoader _testBatches;
    private readonly ImageDataset _test;
    private readonly string _path;
    private readonly string _historyPath;
    private readonly TestLogits _logits;
    private readonly RunHistory _history;
    private readonly double _secondsBefore;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private RunDescription _run;

    /// <param name="run">What the report says of the run.</param>
    /// <param name="folder">Where the report is written, and where a run that is resumed finds its history.</param>
    /// <param name="model">The network.</param>
    /// <param name="train">The batches it is trained on.</param>
    /// <param name="test">The batches it is tested on, in the order of their images.</param>
    public RunReport(RunDescription run, RunFolder folder, Sequential model, DataLoader train, DataLoader test)
    {
        (_run, _model, _train, _testBatches, _test) = (run, model, train, test, test.Dataset);
        (_path, _historyPath) = (folder.Report, folder.History);
        _history = HistoryAt(_historyPath, model);
        _secondsBefore = _history.Seconds;
        _logits = new TestLogits(_test.Count, _test.ClassNames.Count, model.Device, model.DType);
    }

    public string Name => "report.html";

    public void Begin(
        Recipe recipe, Trainer trainer, SoftmaxCrossEntropy loss, Optimizer optimizer, IReadOnlyList<EpochRow> rows)
    {
        _run = _run with { Recipe = recipe };
        _logits.Watch(trainer);
        _history.GoBackTo(rows.Count);
        if (_history.Outcome?.Fits(_test.Count, _test.ClassNames.Count) != true)
            _history.Outcome = null;
        // In the middle of an epoch, the weights are not those of the end of the one before.
        if (rows.Count == 0 || _history.Outcome is not null || trainer.StepsInEpoch > 0)
            return;
        trainer.Evaluate(_testBatches, trainer.Tested);
        _history.Outcome = OutcomeOf(rows.Count);
    }

    public void StepEnded(TrainingProgress progress)
    {
    }

    public void Saving()
    {
    }

    public void EpochEnded(IReadOnlyList<EpochRow> rows)
    {
        var epoch = rows[^1].Metrics.Epoch;
        _history.Add(epoch, _model);
        _history.Outcome = OutcomeOf(epoch);
        Write(rows, new RunEnding(RunState.Running), profile: null, "Measured when training is over.");
    }

    public void End(IReadOnlyList<EpochRow> rows, RunEnding ending)
    {
        StepProfile? profile = null;
        var obstacle = "";
        try
        {
            profile = Measure();
        }
        catch (InsufficientMemoryException fault)
        {
            obstacle = $"Not measured: {fault.Message}";
        }

        Write(rows, ending, profile, obstacle);
    }

    public void Dispose() => _logits.Dispose();

    private static RunHistory HistoryAt(string path, Sequential model)
    {
        if (!File.Exists(path))
            return RunHistory.Begin(model);
        try
        {
            return RunHistory.Load(path, model);
        }
        catch (InvalidDataException fault)
        {
            // Training can go on without: only the report loses what lies before.
            Console.Error.WriteLine($"warning: the report begins anew: {fault.Message}");
            return RunHistory.Begin(model);
        }
    }

    private TestOutcome OutcomeOf(int epoch) =>
        TestOutcome.Of(epoch, _logits.Read(), _test.Labels.Span, _test.ClassNames.Count);

    private StepProfile Measure()
    {
        using var batches = new DataLoader(
            _train.Dataset.Take(_train.BatchSize), Math.Min(_train.BatchSize, _train.Dataset.Count), _train.Device, _train.DType,
            divisor: _train.Divisor, augmentation: _train.Augmentation, normalization: _train.Normalization);
        return StepProfiler.Measure(_model, batches, _run.Recipe);
    }

    private void Write(IReadOnlyList<EpochRow> rows, RunEnding ending, StepProfile? profile, string noProfile)
    {
        _history.Seconds = _secondsBefore + _clock.Elapsed.TotalSeconds;
        _history.Save(_historyPath);
        var page = ReportPage.Of(new ReportContent(
            _run, ending.State, rows, _train.BatchCount, _history, _test, _history.Outcome, profile, noProfile)
        {
            StopReason = ending.Reason,
        });
        AtomicFile.Write(_path, stream => stream.Write(Encoding.UTF8.GetBytes(page)));
    }
}
