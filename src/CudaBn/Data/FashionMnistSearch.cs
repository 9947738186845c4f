namespace CudaBn;

/// <summary>Where Fashion-MNIST was looked for, and where it was found.</summary>
/// <param name="Folder">The folder that holds all its files; null where none does.</param>
/// <param name="Searched">Every folder looked at, in order; the search ends with the first that is complete.</param>
/// <param name="MayDownload">
/// Whether a download may follow: nothing was found, neither an argument nor CUDABN_DATA settled the place, and
/// CUDABN_OFFLINE does not forbid it.
/// </param>
public sealed record FashionMnistSearch(string? Folder, IReadOnlyList<SearchedFolder> Searched, bool MayDownload);
