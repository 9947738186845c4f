namespace CudaBn;

/// <summary>Where a data set may lie on a machine; null for a place the machine does not have.</summary>
/// <param name="Environment">The folder CUDABN_DATA names.</param>
/// <param name="Cache">The user's cache, where a download goes.</param>
/// <param name="System">Where a package of the operating system puts it.</param>
internal sealed record DataFolders(string? Environment, string? Cache, string? System)
{
    /// <param name="dataSet">The folder of the data set in the cache and in /usr/share/datasets.</param>
    public static DataFolders OfThisMachine(string dataSet) => For(
        UserCache.Platform,
        global::System.Environment.GetEnvironmentVariable,
        global::System.Environment.GetFolderPath(global::System.Environment.SpecialFolder.UserProfile),
        dataSet);

    /// <summary>The folders on a platform, given its environment variables and the user's home folder.</summary>
    public static DataFolders For(PlatformID platform, Func<string, string?> variable, string home, string dataSet)
    {
        var chosen = variable("CUDABN_DATA");
        var cache = UserCache.Folder(platform, variable, home);
        return new DataFolders(
            string.IsNullOrEmpty(chosen) ? null : chosen,
            cache is null ? null : Path.Combine(cache, dataSet),
            variable("CUDABN_SYSTEM_DATA") is { Length: > 0 } installed ? installed
                : platform == PlatformID.Win32NT ? null
                : $"/usr/share/datasets/{dataSet}");
    }

    /// <summary>Whether the place is settled, so that no other is searched: by a path given, or by CUDABN_DATA.</summary>
    public bool AreSettledBy(string? path) => path is not null || Environment is not null;

    /// <summary>Looks at one place after the other, until one is complete.</summary>
    /// <param name="path">The folder to look in, and no other; null for the search order.</param>
    /// <param name="look">Given why and where, says what is there.</param>
    /// <returns>What was looked at; where anything is complete, it is the last.</returns>
    /// <exception cref="ArgumentException"><paramref name="path"/> is blank.</exception>
    public IReadOnlyList<SearchedFolder> Search(string? path, Func<string, string, SearchedFolder> look)
    {
        if (path is not null)
            ArgumentException.ThrowIfNullOrWhiteSpace(path);
        (string Origin, string? Folder)[] places =
            path is not null ? [("given", path)]
            : Environment is not null ? [("CUDABN_DATA", Environment)]
            : [("cache", Cache), ("system", System)];
        var searched = new List<SearchedFolder>();
        foreach (var (origin, folder) in places)
        {
            if (folder is null)
                continue;

            searched.Add(look(origin, folder));
            if (searched[^1].IsComplete)
                break;
        }

        return searched;
    }
}
