using System.Globalization;
using CudaBn.Serialization;

namespace CudaBn.Cli;

/// <summary>The folder of one training run. Claimed before training starts, so that a folder that cannot be written is
/// found out then; given up again, with what it holds of this run, unless the run keeps it.</summary>
internal sealed class RunFolder : IDisposable
{
    public const string WeightsName = "model.safetensors";

    private readonly string[] _made;
    private bool _isKept;

    // made: the folders that did not exist before, innermost first.
    private RunFolder(string path, string[] made) => (FolderPath, _made) = (path, made);

    public string FolderPath { get; }

    public string Metrics => Path.Combine(FolderPath, "metrics.csv");

    public string Curves => Path.Combine(FolderPath, "curves.png");

    public string Samples => Path.Combine(FolderPath, "samples.png");

    public string NotebookBug => Path.Combine(FolderPath, "notebook-bug.png");

    public string Record => Path.Combine(FolderPath, RunRecord.FileName);

    public string Weights => Path.Combine(FolderPath, WeightsName);

    public string Checkpoints => Path.Combine(FolderPath, "checkpoints");

    /// <summary>Takes the folder of a run to go on with. It stays, whatever becomes of that.</summary>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static RunFolder Reopen(string path)
    {
        var folder = new RunFolder(path, []) { _isKept = true };
        AtomicFile.RemoveLeftovers(path);
        return folder;
    }

    /// <summary>Claims a folder that holds no run yet: the one wanted, or it with -2, -3 and so on.</summary>
    /// <param name="wanted">The folder; null for runs/TIME.</param>
    /// <exception cref="IOException">The folder cannot be made or written.</exception>
    public static RunFolder Claim(string? wanted)
    {
        if (wanted is not null && string.IsNullOrWhiteSpace(wanted))
            throw new UsageException("--out: expected a folder, got a blank.");

        var stem = wanted is null
            ? Path.Combine("runs", DateTime.Now.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture))
            : Path.TrimEndingDirectorySeparator(wanted);
        for (var number = 1; ; number++)
        {
            var path = number == 1 ? stem : $"{stem}-{number}";
            if (TryClaim(path) is { } folder)
                return folder;
        }
    }

    /// <summary>Leaves the folder in place.</summary>
    public void Keep() => _isKept = true;

    public void Dispose()
    {
        if (_isKept)
            return;

        File.Delete(Metrics);
        foreach (var made in _made.TakeWhile(made => !Directory.EnumerateFileSystemEntries(made).Any()))
            Directory.Delete(made);
    }

    private static RunFolder? TryClaim(string path)
    {
        try
        {
            var folder = new RunFolder(path, [.. MissingFolders(path)]);
            Directory.CreateDirectory(path);
            string[] others =
            [
                folder.Curves, folder.Samples, folder.NotebookBug, folder.Weights, folder.Record, folder.Metrics,
                folder.Checkpoints,
            ];
            if (others.Any(Path.Exists))
                return null;

            // Whoever makes this file has the folder, should two runs start at once.
            new FileStream(folder.Metrics, FileMode.CreateNew).Dispose();
            return folder;
        }
        catch (IOException) when (File.Exists(Path.Combine(path, "metrics.csv")))
        {
            return null;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"--out {path}: cannot be written: {fault.Message}", fault);
        }
    }

    private static IEnumerable<string> MissingFolders(string path)
    {
        for (var folder = Path.GetFullPath(path); !Directory.Exists(folder); folder = Path.GetDirectoryName(folder)!)
            yield return folder;
    }
}
