using System.Diagnostics;
using Spectre.Console;

namespace CudaBn.Cli;

/// <summary>A table that grows by a row per epoch, with a bar for the epoch under way, drawn over in place.</summary>
internal sealed class TrainingTable : ITrainingDisplay
{
    private const int BarWidth = 40;
    private static readonly TimeSpan _redraw = TimeSpan.FromMilliseconds(100);

    private readonly IAnsiConsole _console = Terminal.Open();
    private readonly Table _table;
    private readonly int _epochs;
    private readonly int _images;
    private readonly Stopwatch _epochClock = new();
    private readonly Stopwatch _sinceRedraw = Stopwatch.StartNew();
    private LiveDisplayContext? _live;
    private int _clockedEpoch;
    private int _clockedFrom;

    /// <param name="title">Shown above the table.</param>
    /// <param name="epochs">Epochs to come.</param>
    /// <param name="images">Images per epoch.</param>
    /// <param name="withNotebookBug">Whether rows carry the notebook's statistics too.</param>
    public TrainingTable(string title, int epochs, int images, bool withNotebookBug)
    {
        (_epochs, _images) = (epochs, images);
        _table = new Table { Border = TableBorder.Rounded, Title = new TableTitle(Markup.Escape(title)) };
        string[] columns =
            ["epoch", "train\nloss", "train\nacc", "test\nloss", "test\nacc", "seconds", "images\nper s"];
        foreach (var column in withNotebookBug ? [.. columns, "notebook\ntest acc"] : columns)
            _table.AddColumn(new TableColumn(column).RightAligned());
    }

    public void During(Action training) =>
        _console.Live(_table).AutoClear(false).Start(live =>
        {
            _live = live;
            live.Refresh();
            training();
            live.UpdateTarget(_table);
        });

    public void Report(TrainingProgress value)
    {
        if (value.Epoch != _clockedEpoch)
        {
            // Not always the first step: a run may go on in the middle of an epoch.
            (_clockedEpoch, _clockedFrom) = (value.Epoch, value.Step);
            _epochClock.Restart();
        }

        if (_sinceRedraw.Elapsed < _redraw && value.Step < value.Steps)
            return;

        _sinceRedraw.Restart();
        _live?.UpdateTarget(new Rows(_table, Bar(value)));
    }

    public void AddEarlier(EpochRow row) => Add(row);

    public void Add(EpochRow row)
    {
        var epoch = row.Metrics;
        string[] cells =
        [
            $"{epoch.Epoch}/{_epochs}", Text.Of($"{epoch.TrainLoss:F4}"), Text.Of($"{100 * epoch.TrainAccuracy:F2}%"),
            Text.Of($"{epoch.TestLoss:F4}"), Text.Of($"{100 * epoch.TestAccuracy:F2}%"), Text.Of($"{epoch.Seconds:F2}"),
            Text.Of($"{epoch.ImagesPerSecond:N0}"),
        ];
        if (row.NotebookBug is { } bug)
            cells = [.. cells, Text.Of($"{100 * bug.Accuracy:F2}%")];
        _table.AddRow(cells);
        _live?.UpdateTarget(_table);
    }

    private Markup Bar(TrainingProgress progress)
    {
        var share = (double)progress.Step / progress.Steps;
        var filled = (int)(share * BarWidth);
        var secondsPerStep = _epochClock.Elapsed.TotalSeconds / (progress.Step - _clockedFrom);
        var pace = progress.Step == _clockedFrom ? "" : Text.Of(
            $"  {_images / (secondsPerStep * progress.Steps):N0} images/s, ")
            + Text.Of($"{secondsPerStep * (progress.Steps - progress.Step):F0} s left");
        var state = progress.Step == progress.Steps ? "  evaluating" : pace;
        return new Markup(
            $" epoch {progress.Epoch}/{_epochs} [blue]{new string('━', filled)}[/][grey]"
            + $"{new string('─', BarWidth - filled)}[/] {progress.Step}/{progress.Steps}{state}");
    }
}
