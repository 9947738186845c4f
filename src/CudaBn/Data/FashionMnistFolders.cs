namespace CudaBn;

/// <summary>Where Fashion-MNIST may lie on a machine; null for a place the machine does not have.</summary>
/// <param name="Environment">The folder CUDABN_DATA names.</param>
/// <param name="Cache">The user's cache, where a download goes.</param>
/// <param name="System">Where a package of the operating system puts it.</param>
internal sealed record FashionMnistFolders(string? Environment, string? Cache, string? System)
{
    public static FashionMnistFolders OfThisMachine() => For(
        UserCache.Platform,
        global::System.Environment.GetEnvironmentVariable,
        global::System.Environment.GetFolderPath(global::System.Environment.SpecialFolder.UserProfile));

    /// <summary>The folders on a platform, given its environment variables and the user's home folder.</summary>
    public static FashionMnistFolders For(PlatformID platform, Func<string, string?> variable, string home)
    {
        var chosen = variable("CUDABN_DATA");
        var cache = UserCache.Folder(platform, variable, home);
        return new FashionMnistFolders(
            string.IsNullOrEmpty(chosen) ? null : chosen,
            cache is null ? null : Path.Combine(cache, "fashion-mnist"),
            variable("CUDABN_SYSTEM_DATA") is { Length: > 0 } installed ? installed
                : platform == PlatformID.Win32NT ? null
                : "/usr/share/datasets/fashion-mnist");
    }
}
