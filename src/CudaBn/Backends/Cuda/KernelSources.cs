using System.Reflection;

namespace CudaBn.Backends.Cuda;

/// <summary>The CUDA C sources in this assembly.</summary>
internal static class KernelSources
{
    private const string Folder = "kernels/";

    private static readonly Assembly Home = typeof(KernelSources).Assembly;

    private static readonly Lazy<IReadOnlyDictionary<string, string>> LazyHeaders = new(() =>
        Home.GetManifestResourceNames()
            .Where(name => name.StartsWith(Folder, StringComparison.Ordinal)
                && name.EndsWith(".cuh", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .ToDictionary(name => name[Folder.Length..], Read));

    /// <summary>All headers, by the name that #include gives.</summary>
    public static IReadOnlyDictionary<string, string> Headers => LazyHeaders.Value;

    /// <summary>The names of all .cu files.</summary>
    public static IEnumerable<string> Files => Home.GetManifestResourceNames()
        .Where(name => name.StartsWith(Folder, StringComparison.Ordinal)
            && name.EndsWith(".cu", StringComparison.Ordinal))
        .Select(name => name[Folder.Length..])
        .Order(StringComparer.Ordinal);

    public static string Text(string file) => Read(Folder + file);

    private static string Read(string resource)
    {
        using var stream = Home.GetManifestResourceStream(resource)
            ?? throw new ArgumentException($"There is no kernel source '{resource}'.", nameof(resource));
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
