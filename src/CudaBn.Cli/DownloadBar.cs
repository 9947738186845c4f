using System.Globalization;

namespace CudaBn.Cli;

/// <summary>Shows how far a download is: a bar that is drawn over in a terminal, a line per tenth elsewhere. Silent
/// until it is shown.</summary>
internal sealed class DownloadBar : IProgress<DownloadProgress>, IDisposable
{
    private const int Width = 30;

    private readonly Lock _gate = new();
    private DownloadProgress? _last;
    private bool _isShown;
    private bool _isDrawn;
    private int _lastPart = -1;

    public void Show()
    {
        lock (_gate)
        {
            _isShown = true;
            if (_last is { } known)
                Draw(known);
        }
    }

    public void Report(DownloadProgress value)
    {
        lock (_gate)
        {
            _last = value;
            if (_isShown)
                Draw(value);
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_isDrawn && Terminal.IsInteractive)
                Console.WriteLine();
            (_isShown, _isDrawn) = (false, false);
        }
    }

    private void Draw(DownloadProgress progress)
    {
        var share = progress.BytesTotal == 0 ? 1 : (double)progress.BytesDone / progress.BytesTotal;
        var part = (int)(share * (Terminal.IsInteractive ? 200 : 10));
        if (part == _lastPart)
            return;

        _lastPart = part;
        _isDrawn = true;
        var text = string.Create(
            CultureInfo.InvariantCulture,
            $"{progress.BytesDone / 1e6:F1} of {progress.BytesTotal / 1e6:F1} MB, {progress.File}");
        if (!Terminal.IsInteractive)
        {
            Terminal.WriteField("", text);
            return;
        }

        var filled = (int)(share * Width);
        Console.Write($"\r         [{new string('#', filled)}{new string('.', Width - filled)}] {text,-58}");
    }
}
