using CudaBn.Serialization;

namespace CudaBn.Cli;

/// <summary>The file that is meant by a run: its weights or, of a run that was killed or stopped before it wrote them, its newest
/// undamaged checkpoint, which is said.</summary>
internal static class RunWeights
{
    /// <summary>The file that is meant by it or by the folder of its run.</summary>
    /// <exception cref="UsageException">The text is blank.</exception>
    /// <exception cref="IOException">There is no such folder or file, or the folder holds no weights.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be read.</exception>
    public static string At(string runOrFile)
    {
        if (string.IsNullOrWhiteSpace(runOrFile))
            throw new UsageException("RUN_OR_FILE: expected a folder or a file, got a blank.");
        if (File.Exists(runOrFile))
            return runOrFile;
        if (!Directory.Exists(runOrFile))
            throw new FileNotFoundException($"{runOrFile}: there is no such run or file.");

        return FileOf(runOrFile, leastSteps: 0)
            ?? throw new FileNotFoundException($"{runOrFile}: holds no {RunFolder.WeightsName}, and no checkpoint.");
    }

    /// <summary>The same of the run below <c>runs</c> that was written last. Runs that have not trained a step yet are passed over,
    /// and so are those that may not be read, which is said.</summary>
    /// <returns>The file; null where there is none.</returns>
    /// <exception cref="IOException">The folder cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be read.</exception>
    public static string? OfNewestRun()
    {
        var runs = new DirectoryInfo(RunFolder.Parent);
        if (!runs.Exists)
            return null;

        return runs.EnumerateDirectories()
            .Select(run => Path.Combine(RunFolder.Parent, run.Name))
            .Select(run => (Run: run, Written: UnlessDenied(run, LastWritten)))
            .Where(found => found.Written is not null)
            .OrderByDescending(found => found.Written)
            .ThenByDescending(found => found.Run, StringComparer.Ordinal)
            .Select(found => UnlessDenied(found.Run, run => FileOf(run, leastSteps: 1)))
            .FirstOrDefault(file => file is not null);
    }

    private static string? FileOf(string run, long leastSteps)
    {
        var weights = WeightsOf(run);
        if (File.Exists(weights))
            return weights;
        if (NewestCheckpoint(run) is not { } checkpoint || checkpoint.Position.StepsDone < leastSteps)
            return null;

        Terminal.WriteError($"note: {run} holds no {RunFolder.WeightsName}: its weights are those of {checkpoint.Path}.");
        return checkpoint.Path;
    }

    private static CheckpointFile? NewestCheckpoint(string run)
    {
        foreach (var path in CheckpointsOf(run))
        {
            try
            {
                return CheckpointFile.Read(path);
            }
            catch (Exception fault) when (fault is InvalidDataException or IOException)
            {
                Terminal.WriteError($"warning: {fault.Message}");
            }
        }

        return null;
    }

    private static string WeightsOf(string run) => Path.Combine(run, RunFolder.WeightsName);

    private static IReadOnlyList<string> CheckpointsOf(string run)
    {
        // In a folder that may not be entered, nothing seems to exist; listing it fails, and says why.
        _ = Directory.GetFileSystemEntries(run);
        return new CheckpointFolder(Path.Combine(run, RunFolder.CheckpointsName)).Files;
    }

    private static DateTime? LastWritten(string run) => CheckpointsOf(run).Append(WeightsOf(run)).Where(File.Exists)
        .Max(file => (DateTime?)File.GetLastWriteTimeUtc(file));

    private static T? UnlessDenied<T>(string run, Func<string, T?> find)
    {
        try
        {
            return find(run);
        }
        catch (UnauthorizedAccessException fault)
        {
            Terminal.WriteError($"warning: {run} is passed over: {fault.Message}");
            return default;
        }
    }
}
