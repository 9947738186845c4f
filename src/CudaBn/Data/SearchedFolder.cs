namespace CudaBn;

/// <summary>One folder that was searched for data.</summary>
/// <param name="Origin">Why it was searched: "given", "CUDABN_DATA", "cache" or "system".</param>
/// <param name="Folder">The folder, whether it exists or not.</param>
/// <param name="MissingFiles">The files that are not there, neither plain nor compressed; empty where all are.</param>
public sealed record SearchedFolder(string Origin, string Folder, IReadOnlyList<string> MissingFiles)
{
    /// <summary>Whether every file is there.</summary>
    public bool IsComplete => MissingFiles.Count == 0;

    /// <summary>One line: origin, folder and what is missing.</summary>
    public override string ToString() =>
        $"{Origin}: {Folder}: {(IsComplete ? "found" : Directory.Exists(Folder) ? Missing : "no such folder")}";

    private string Missing => $"missing {string.Join(", ", MissingFiles)}";
}
