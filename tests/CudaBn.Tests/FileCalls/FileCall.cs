namespace CudaBn.Tests.FileCalls;

/// <summary>What a process did to a file or folder.</summary>
/// <param name="Kind">make (a folder), create, write, flush, rename or delete.</param>
/// <param name="Path">Which, absolute.</param>
/// <param name="Target">The new name; null but for a rename.</param>
internal sealed record FileCall(string Kind, string Path, string? Target = null)
{
    public string Folder => System.IO.Path.GetDirectoryName(Path)!;

    /// <summary>The name in its folder, after the call.</summary>
    public string Name => System.IO.Path.GetFileName(Target ?? Path);

    /// <summary>Reads a line that file_calls.c wrote.</summary>
    public static FileCall Parse(string line) =>
        line.Split('\t') is [var kind, var path, .. var rest]
            ? new FileCall(kind, path, rest.SingleOrDefault())
            : throw new InvalidDataException($"expected a call and its path, found '{line}'");

    public override string ToString() => Target is null ? $"{Kind} {Path}" : $"{Kind} {Path} to {Target}";
}
