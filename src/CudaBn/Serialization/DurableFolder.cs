namespace CudaBn.Serialization;

/// <summary>Makes folders that a loss of power does not take, with all that is in them.</summary>
internal static class DurableFolder
{
    /// <summary>Makes a folder with those above it that are missing, and puts their names on the disk. A folder that exists stays
    /// as it is.</summary>
    /// <returns>Those that did not exist, innermost first.</returns>
    /// <exception cref="IOException">A folder cannot be made, or the disk does not take its name.</exception>
    /// <exception cref="UnauthorizedAccessException">A folder may not be made.</exception>
    public static string[] Create(string path)
    {
        string[] missing = [.. Missing(path)];
        Directory.CreateDirectory(path);
        foreach (var made in missing)
            FolderFlush.Flush(Path.GetDirectoryName(made)!);
        return missing;
    }

    private static IEnumerable<string> Missing(string path)
    {
        for (var folder = Path.GetFullPath(path); !Directory.Exists(folder); folder = Path.GetDirectoryName(folder)!)
            yield return folder;
    }
}
