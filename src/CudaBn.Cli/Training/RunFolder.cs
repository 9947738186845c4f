using System.Globalization;
using CudaBn.Serialization;

namespace CudaBn.Cli;

/// <summary>The folder of one training run. Claimed before training starts, so that a folder that cannot be written is
/// found out then; given up again, with what it holds of this run, unless the run keeps it.</summary>
internal sealed class RunFolder : IDisposable
{
    public const string WeightsName = "model.safetensors";

    public const string CheckpointsName = "checkpoints";

    /// <summary>Where runs lie that no folder was named for.</summary>
    public const string Parent = "runs";

    private readonly string[] _made;
    private readonly HashSet<string> _unwritten = [];
    private RunLock _lock;
    private bool _isKept;

    // made: the folders that did not exist before, innermost first.
    private RunFolder(string path, string[] made, RunLock runLock) => (FolderPath, _made, _lock) = (path, made, runLock);

    public string FolderPath { get; }

    public string Metrics => Path.Combine(FolderPath, "metrics.csv");

    public string Curves => Path.Combine(FolderPath, "curves.png");

    public string Samples => Path.Combine(FolderPath, "samples.png");

    public string NotebookBug => Path.Combine(FolderPath, "notebook-bug.png");

    public string Record => Path.Combine(FolderPath, RunRecord.FileName);

    public string Report => Path.Combine(FolderPath, "report.html");

    public string History => Path.Combine(FolderPath, RunHistory.FileName);

    public string TensorBoard => Path.Combine(FolderPath, "tensorboard");

    public string Weights => Path.Combine(FolderPath, WeightsName);

    public string Checkpoints => Path.Combine(FolderPath, CheckpointsName);

    /// <summary>Takes the folder of a run to go on with. It stays, whatever becomes of that.</summary>
    /// <exception cref="IOException">Another process trains in the folder, or it cannot be written.</exception>
    public static RunFolder Reopen(string path)
    {
        try
        {
            var folder = new RunFolder(path, [], RunLock.Take(path)) { _isKept = true };
            AtomicFile.RemoveLeftovers(path);
            return folder;
        }
        catch (UnauthorizedAccessException fault)
        {
            throw new IOException($"--resume {path}: cannot be written: {fault.Message}", fault);
        }
    }

    /// <summary>Claims a folder that holds no run yet: the one wanted, or it with -2, -3 and so on.</summary>
    /// <param name="wanted">The folder; null for runs/TIME.</param>
    /// <exception cref="IOException">The folder cannot be made or written.</exception>
    public static RunFolder Claim(string? wanted) => Claim(wanted, TimeProvider.System);

    /// <summary>The same, by a clock of one's own.</summary>
    public static RunFolder Claim(string? wanted, TimeProvider clock)
    {
        if (wanted is not null && string.IsNullOrWhiteSpace(wanted))
            throw new UsageException("--out: expected a folder, got a blank.");

        var stem = wanted is null
            ? Path.Combine(Parent, clock.GetLocalNow().ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture))
            : Path.TrimEndingDirectorySeparator(wanted);
        for (var number = 1; ; number++)
        {
            var path = number == 1 ? stem : $"{stem}-{number}";
            if (TryClaim(path) is { } folder)
                return folder;
        }
    }

    /// <summary>
    /// Writes a file of the folder while the run goes on. A disk that is full, or a folder that cannot be written, costs no
    /// training: that is said once, and whoever calls tries again at the next occasion. A folder that is gone is made again.
    /// </summary>
    /// <param name="name">What messages call it.</param>
    /// <param name="write">Writes it.</param>
    /// <param name="warn">Shows a line.</param>
    /// <returns>Whether it is written.</returns>
    public bool TryWrite(string name, Action write, Action<string> warn)
    {
        try
        {
            Write(write);
            if (_unwritten.Remove(name))
                warn($"{FolderPath}: {name} can be written again.");
            return true;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            if (_unwritten.Add(name))
                warn(
                    $"{FolderPath}: {name} cannot be written: {fault.Message.TrimEnd('.')}. Training goes on, and this is tried "
                    + "again.");
            return false;
        }
    }

    /// <summary>Writes a file of the folder, which is made again if it is gone.</summary>
    /// <exception cref="IOException">It cannot be written, or another process trains in a folder of this name.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written.</exception>
    public void Write(Action write)
    {
        if (!_lock.IsHeld)
        {
            DurableFolder.Create(FolderPath);
            _lock = _lock.TakeAgain();
        }

        write();
    }

    /// <summary>The names of what lies in the folder for users to see.</summary>
    public IEnumerable<string> Names() => !Directory.Exists(FolderPath)
        ? []
        : Directory.GetFileSystemEntries(FolderPath).Select(path => Path.GetFileName(path))
            .Where(name => !name.StartsWith('.')).Order(StringComparer.Ordinal);

    /// <summary>Leaves the folder in place.</summary>
    public void Keep() => _isKept = true;

    public void Dispose()
    {
        if (!_isKept)
            File.Delete(Metrics);
        _lock.Dispose();
        if (_isKept)
            return;

        foreach (var made in _made.TakeWhile(made => !Directory.EnumerateFileSystemEntries(made).Any()))
            Directory.Delete(made);
    }

    private static RunFolder? TryClaim(string path)
    {
        try
        {
            var made = DurableFolder.Create(path);
            if (RunLock.TryTake(path) is not { } runLock)
                return null;
            var folder = new RunFolder(path, made, runLock);
            string[] others =
            [
                folder.Curves, folder.Samples, folder.NotebookBug, folder.Report, folder.History, folder.Weights, folder.Record,
                folder.Metrics, folder.Checkpoints,
            ];
            if (others.Any(Path.Exists))
            {
                runLock.Dispose();
                return null;
            }

            // Tells a run that comes later that this folder has one, however this one ends.
            new FileStream(folder.Metrics, FileMode.CreateNew).Dispose();
            return folder;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"--out {path}: cannot be written: {fault.Message}", fault);
        }
    }
}
