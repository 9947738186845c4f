namespace CudaBn.Cli;

/// <summary>The run that is meant where none is named.</summary>
internal static class NewestRun
{
    /// <summary>The folder below <c>runs</c> whose weights were written last; null where there is none.</summary>
    /// <exception cref="IOException">The folder cannot be read.</exception>
    public static string? Find()
    {
        var runs = new DirectoryInfo(RunFolder.Parent);
        return runs.Exists
            ? runs.EnumerateDirectories()
                .Select(run => (Run: run, Weights: new FileInfo(Path.Combine(run.FullName, RunFolder.WeightsName))))
                .Where(found => found.Weights.Exists)
                .OrderByDescending(found => found.Weights.LastWriteTimeUtc)
                .ThenByDescending(found => found.Run.Name, StringComparer.Ordinal)
                .Select(found => Path.Combine(RunFolder.Parent, found.Run.Name))
                .FirstOrDefault()
            : null;
    }
}
