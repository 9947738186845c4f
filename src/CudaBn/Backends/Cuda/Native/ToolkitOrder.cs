namespace CudaBn.Backends.Cuda.Native;

/// <summary>Folders such as cuda-12.4 and cuda-13.0 by their version; one without a version, the system's choice, counts as
/// the newest.</summary>
internal sealed class ToolkitOrder : IComparer<string>
{
    public static ToolkitOrder Instance { get; } = new();

    public int Compare(string? x, string? y)
    {
        var order = VersionOf(x).CompareTo(VersionOf(y));
        return order != 0 ? order : string.CompareOrdinal(x, y);
    }

    private static Version VersionOf(string? folder)
    {
        var number = Path.GetFileName(folder ?? "").AsSpan().TrimStart("cuda-");
        if (number.IsEmpty)
            return new Version(int.MaxValue, 0);
        if (Version.TryParse(number, out var version))
            return version;
        return int.TryParse(number, out var major) ? new Version(major, 0) : new Version(0, 0);
    }
}
