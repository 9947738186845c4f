using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace CudaBn.Tests.Support;

/// <summary>The software CUDA device of tests/softcuda: libraries with the names of CUDA's own that run kernels on the
/// processor. Built when first needed, once for each state of its sources.</summary>
internal static class SoftCuda
{
    private static readonly Lazy<(string? Folder, string? Obstacle)> _library = new(Find);

    /// <summary>The folder with its libraries.</summary>
    /// <param name="obstacle">Why there is none: a missing tool, or another system than Linux on x64.</param>
    /// <returns>The folder, or null.</returns>
    /// <exception cref="InvalidOperationException">All tools are there, and its sources do not build.</exception>
    public static string? Folder(out string? obstacle)
    {
        (var folder, obstacle) = _library.Value;
        return folder;
    }

    private static (string? Folder, string? Obstacle) Find()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
            return (null, "the software CUDA device runs on Linux on x64 only");
        if (FindSources() is not { } sources)
            return (null, "the sources of the software CUDA device are not above this program");
        foreach (var tool in (string[])["cmake", "g++"])
        {
            if (!Programs.IsInstalled(tool))
                return (null, $"building the software CUDA device needs {tool}");
        }

        var root = Path.GetFullPath(Path.Combine(sources, "..", "..", "artifacts", "softcuda"));
        var folder = Path.Combine(root, HashOf(sources));
        if (!Directory.Exists(folder))
            Build(sources, folder);
        return (folder, null);
    }

    private static string? FindSources()
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            var sources = Path.Combine(folder, "tests", "softcuda");
            if (File.Exists(Path.Combine(sources, "CMakeLists.txt")))
                return sources;
        }

        return null;
    }

    private static string HashOf(string sources)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        // A build by hand is no source.
        var builds = Path.Combine(sources, "build") + Path.DirectorySeparatorChar;
        var files = Directory.EnumerateFiles(sources, "*", SearchOption.AllDirectories)
            .Where(file => !file.StartsWith(builds, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);
        foreach (var file in files)
        {
            var content = File.ReadAllBytes(file);
            hash.AppendData(Encoding.UTF8.GetBytes($"{Path.GetRelativePath(sources, file)}\n{content.Length}\n"));
            hash.AppendData(content);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset())[..16];
    }

    // Another process may build at the same time: both build aside, and the first to be done gives the folder its name.
    private static void Build(string sources, string folder)
    {
        var aside = $"{folder}.{Guid.NewGuid():N}";
        try
        {
            Programs.Run("cmake", "-S", sources, "-B", aside, "-DCMAKE_BUILD_TYPE=Release");
            Programs.Run("cmake", "--build", aside, "--parallel");
            Directory.Move(Path.Combine(aside, "lib"), folder);
        }
        catch (IOException) when (Directory.Exists(folder))
        {
            // The other process was first, with the same sources.
        }
        finally
        {
            if (Directory.Exists(aside))
                Directory.Delete(aside, recursive: true);
        }
    }
}
