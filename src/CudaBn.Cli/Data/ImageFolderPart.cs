namespace CudaBn.Cli;

/// <summary>The files to train on, or those to test on.</summary>
/// <param name="Root">The folder of all images.</param>
/// <param name="Folder">The folder of these.</param>
/// <param name="Files">In the order of the data set.</param>
/// <param name="OtherFiles">How many files there are besides.</param>
internal sealed record ImageFolderPart(
    string Root, string Folder, IReadOnlyList<(string Path, int Label)> Files, int OtherFiles)
{
    public ImageFolderPart Take(int? limit) =>
        limit is { } count ? this with { Files = [.. Files.Take(count)] } : this;
}
