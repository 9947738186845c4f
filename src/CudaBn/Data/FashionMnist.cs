namespace CudaBn;

/// <summary>
/// Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017): 60,000 training and 10,000 test images of clothes, 28 x 28 grey, in
/// ten classes. It is looked for in the folder given, in the one CUDABN_DATA names, in the user's cache
/// (XDG_CACHE_HOME or ~/.cache/cudabn/fashion-mnist; ~/Library/Caches/cudabn/fashion-mnist on macOS;
/// %LOCALAPPDATA%\cudabn\fashion-mnist on Windows) and in /usr/share/datasets/fashion-mnist, and then downloaded into
/// the cache. A folder given or named by CUDABN_DATA settles the place: nothing else is searched.
/// </summary>
/// <remarks>Two more variables are for machines that are set up by others: CUDABN_OFFLINE, when not empty and not 0,
/// forbids the download; CUDABN_SYSTEM_DATA names a folder to search in place of
/// /usr/share/datasets/fashion-mnist.</remarks>
public static class FashionMnist
{
    /// <summary>What the images are called in outputs.</summary>
    public const string Name = "Fashion-MNIST";

    internal const string FolderName = "fashion-mnist";

    /// <summary>The ten classes, indexed by label.</summary>
    public static IReadOnlyList<string> ClassNames { get; } =
        Array.AsReadOnly(
        [
            "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
        ]);

    /// <summary>Says where the data lies, without downloading or opening it.</summary>
    /// <param name="path">The folder to look in, and no other; null for the search order.</param>
    /// <returns>The folder found, if any, and every folder looked at.</returns>
    /// <exception cref="ArgumentException"><paramref name="path"/> is blank.</exception>
    public static FashionMnistSearch Find(string? path = null) => Source().Find(path);

    /// <summary>Loads the data from disk, or downloads it first where it is nowhere on disk.</summary>
    /// <param name="path">The folder to load from, and no other; null for the search order.</param>
    /// <param name="progress">Told about a download as it goes, on the thread that downloads.</param>
    /// <param name="cancellationToken">Stops a download; what has arrived is kept for the next one.</param>
    /// <returns>60,000 training and 10,000 test images.</returns>
    /// <exception cref="FileNotFoundException">
    /// Files are missing in the folder given or in the one CUDABN_DATA names.
    /// </exception>
    /// <exception cref="InvalidDataException">
    /// A file is broken or is not Fashion-MNIST's, or a download has another hash.
    /// </exception>
    /// <exception cref="DownloadException">The data is not on disk and could not be downloaded.</exception>
    /// <exception cref="ArgumentException"><paramref name="path"/> is blank.</exception>
    /// <exception cref="OperationCanceledException">A download was stopped.</exception>
    public static ImageDataSplits Load(
        string? path = null,
        IProgress<DownloadProgress>? progress = null,
        CancellationToken cancellationToken = default) =>
        LoadAsync(path, progress, cancellationToken).GetAwaiter().GetResult();

    /// <inheritdoc cref="Load"/>
    public static Task<ImageDataSplits> LoadAsync(
        string? path = null,
        IProgress<DownloadProgress>? progress = null,
        CancellationToken cancellationToken = default) =>
        Source().LoadAsync(path, progress, cancellationToken);

    /// <summary>
    /// Loads the data as <see cref="Load"/> does. Where it is not on disk and nothing can be downloaded, gives the
    /// <see cref="DrawnGarments"/> instead and says why in <see cref="ImageDataSplits.Notice"/>. Files that are broken,
    /// missing where they were said to be, or have another hash are errors here too, and so is a download that began
    /// and broke off.
    /// </summary>
    /// <param name="path">The folder to load from, and no other; null for the search order.</param>
    /// <param name="progress">Told about a download as it goes, on the thread that downloads.</param>
    /// <param name="cancellationToken">Stops a download; what has arrived is kept for the next one.</param>
    /// <returns>Fashion-MNIST, or the drawn garments with a notice.</returns>
    /// <exception cref="FileNotFoundException">
    /// Files are missing in the folder given or in the one CUDABN_DATA names.
    /// </exception>
    /// <exception cref="InvalidDataException">
    /// A file is broken or is not Fashion-MNIST's, or a download has another hash.
    /// </exception>
    /// <exception cref="DownloadException">A download began and broke off.</exception>
    /// <exception cref="ArgumentException"><paramref name="path"/> is blank.</exception>
    /// <exception cref="OperationCanceledException">A download was stopped.</exception>
    public static ImageDataSplits LoadOrDraw(
        string? path = null,
        IProgress<DownloadProgress>? progress = null,
        CancellationToken cancellationToken = default) =>
        LoadOrDrawAsync(path, progress, cancellationToken).GetAwaiter().GetResult();

    /// <inheritdoc cref="LoadOrDraw"/>
    public static Task<ImageDataSplits> LoadOrDrawAsync(
        string? path = null,
        IProgress<DownloadProgress>? progress = null,
        CancellationToken cancellationToken = default) =>
        Source().LoadOrDrawAsync(path, progress, cancellationToken);

    // Made anew for every call: the environment may change between two of them.
    private static FashionMnistSource Source() =>
        new(
            FashionMnistFiles.Published,
            DataFolders.OfThisMachine(FolderName),
            Environment.GetEnvironmentVariable("CUDABN_OFFLINE") is null or "" or "0"
                ? PinnedDownload.FashionMnist
                : null);
}
