namespace CudaBn;

/// <summary>Where programs keep what they can make again.</summary>
internal static class UserCache
{
    /// <summary>The platform this process runs on.</summary>
    public static PlatformID Platform =>
        OperatingSystem.IsWindows() ? PlatformID.Win32NT
        : OperatingSystem.IsMacOS() ? PlatformID.MacOSX
        : PlatformID.Unix;

    /// <summary>The folder of this library in the cache of the user; null where the user has none.</summary>
    /// <param name="platform">Whose conventions.</param>
    /// <param name="variable">The environment.</param>
    /// <param name="home">The user's home folder; empty if there is none.</param>
    public static string? Folder(PlatformID platform, Func<string, string?> variable, string home)
    {
        var root = platform switch
        {
            PlatformID.Win32NT => variable("LOCALAPPDATA"),
            PlatformID.MacOSX => home.Length > 0 ? Path.Combine(home, "Library", "Caches") : null,
            _ => UnixRoot(variable("XDG_CACHE_HOME"), home),
        };
        return string.IsNullOrEmpty(root) ? null : Path.Combine(root, "cudabn");
    }

    /// <summary>That of this process.</summary>
    public static string? Folder() => Folder(
        Platform, Environment.GetEnvironmentVariable,
        Environment.GetFolderPath(Environment.SpecialFolder.UserProfile));

    // The XDG base directory specification has a relative path ignored.
    private static string? UnixRoot(string? chosen, string home) =>
        chosen is ['/', ..] ? chosen : home.Length > 0 ? Path.Combine(home, ".cache") : null;
}
