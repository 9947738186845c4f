namespace CudaBn;

/// <summary>Where Fashion-MNIST may lie on a machine; null for a place the machine does not have.</summary>
/// <param name="Environment">The folder CUDABN_DATA names.</param>
/// <param name="Cache">The user's cache, where a download goes.</param>
/// <param name="System">Where a package of the operating system puts it.</param>
internal sealed record FashionMnistFolders(string? Environment, string? Cache, string? System)
{
    public static FashionMnistFolders OfThisMachine() => For(
        OperatingSystem.IsWindows() ? PlatformID.Win32NT
            : OperatingSystem.IsMacOS() ? PlatformID.MacOSX
            : PlatformID.Unix,
        global::System.Environment.GetEnvironmentVariable,
        global::System.Environment.GetFolderPath(global::System.Environment.SpecialFolder.UserProfile));

    /// <summary>The folders on a platform, given its environment variables and the user's home folder.</summary>
    public static FashionMnistFolders For(PlatformID platform, Func<string, string?> variable, string home)
    {
        var chosen = variable("CUDABN_DATA");
        var cacheRoot = platform switch
        {
            PlatformID.Win32NT => variable("LOCALAPPDATA"),
            PlatformID.MacOSX => home.Length > 0 ? Path.Combine(home, "Library", "Caches") : null,
            _ => UnixCacheRoot(variable("XDG_CACHE_HOME"), home),
        };

        return new FashionMnistFolders(
            string.IsNullOrEmpty(chosen) ? null : chosen,
            string.IsNullOrEmpty(cacheRoot) ? null : Path.Combine(cacheRoot, "cudabn", "fashion-mnist"),
            variable("CUDABN_SYSTEM_DATA") is { Length: > 0 } installed ? installed
                : platform == PlatformID.Win32NT ? null
                : "/usr/share/datasets/fashion-mnist");
    }

    // The XDG base directory specification has a relative path ignored.
    private static string? UnixCacheRoot(string? chosen, string home) =>
        chosen is ['/', ..] ? chosen : home.Length > 0 ? Path.Combine(home, ".cache") : null;
}
