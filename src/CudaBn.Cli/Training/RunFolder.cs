using System.Globalization;

namespace CudaBn.Cli;

/// <summary>The folder of one training run. Claimed before training starts, so that a folder that cannot be written is
/// found out then; given up again, with what it holds of this run, unless the run keeps it.</summary>
internal sealed class RunFolder : IDisposable
{
    public const string WeightsName = "model.safetensors";

    private readonly bool _isNew;
    private bool _isKept;

    private RunFolder(string path, bool isNew) => (FolderPath, _isNew) = (path, isNew);

    public string FolderPath { get; }

    public string Metrics => Path.Combine(FolderPath, "metrics.csv");

    public string Curves => Path.Combine(FolderPath, "curves.png");

    public string Samples => Path.Combine(FolderPath, "samples.png");

    public string NotebookBug => Path.Combine(FolderPath, "notebook-bug.png");

    public string Weights => Path.Combine(FolderPath, WeightsName);

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
        if (_isNew && !Directory.EnumerateFileSystemEntries(FolderPath).Any())
            Directory.Delete(FolderPath);
    }

    private static RunFolder? TryClaim(string path)
    {
        try
        {
            var folder = new RunFolder(path, isNew: !Directory.Exists(path));
            Directory.CreateDirectory(path);
            string[] others = [folder.Curves, folder.Samples, folder.NotebookBug, folder.Weights, folder.Metrics];
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
}
