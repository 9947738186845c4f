using System.Security.Cryptography;

namespace CudaBn;

/// <summary>Finds, downloads and loads Fashion-MNIST, with the files, folders and servers it is told to use: no servers
/// where downloads are forbidden.</summary>
internal sealed class FashionMnistSource(FashionMnistFiles files, FashionMnistFolders folders, PinnedDownload? download)
{
    public FashionMnistSearch Find(string? path)
    {
        if (path is not null)
        {
            ArgumentException.ThrowIfNullOrWhiteSpace(path);
            return Search([("given", path)], mayDownload: false);
        }

        return folders.Environment is not null
            ? Search([("CUDABN_DATA", folders.Environment)], mayDownload: false)
            : Search([("cache", folders.Cache), ("system", folders.System)], mayDownload: download is not null);
    }

    public async Task<ImageDataSplits> LoadAsync(
        string? path, IProgress<DownloadProgress>? progress, CancellationToken cancellationToken)
    {
        var search = Find(path);
        if (search.Folder is { } found)
            return Read(found, found);
        if (path is not null || folders.Environment is not null)
            throw new FileNotFoundException(
                $"{FashionMnist.Name} is not where it was said to be: {search.Searched[0]}.");
        if (download is null)
            throw new DownloadException(
                $"{FashionMnist.Name} was not downloaded: CUDABN_OFFLINE forbids it.", isUnavailable: true);
        if (folders.Cache is null)
            throw new DownloadException(
                $"{FashionMnist.Name} was not downloaded: this user has no cache folder to keep it in.",
                isUnavailable: true);

        await download.FetchAsync(folders.Cache, files.All, progress, cancellationToken).ConfigureAwait(false);
        return Read(folders.Cache, $"downloaded to {folders.Cache}");
    }

    public async Task<ImageDataSplits> LoadOrDrawAsync(
        string? path, IProgress<DownloadProgress>? progress, CancellationToken cancellationToken)
    {
        try
        {
            return await LoadAsync(path, progress, cancellationToken).ConfigureAwait(false);
        }
        catch (DownloadException e) when (e.IsUnavailable)
        {
            return DrawnGarments.Create() with
            {
                Notice =
                    $"{FashionMnist.Name} is not on this machine; {DrawnGarments.Name} stand in for it. {e.Message}",
            };
        }
    }

    private FashionMnistSearch Search((string Origin, string? Folder)[] places, bool mayDownload)
    {
        var searched = new List<SearchedFolder>();
        foreach (var (origin, folder) in places)
        {
            if (folder is null)
                continue;

            var missing = files.All.Where(file => file.In(folder) is null).Select(file => file.ArchiveName).ToArray();
            searched.Add(new SearchedFolder(origin, folder, missing));
            if (missing.Length == 0)
                return new FashionMnistSearch(folder, searched, MayDownload: false);
        }

        return new FashionMnistSearch(null, searched, mayDownload);
    }

    private ImageDataSplits Read(string folder, string source) => new(
        FashionMnist.Name,
        source,
        Read(folder, files.TrainImages, files.TrainLabels),
        Read(folder, files.TestImages, files.TestLabels),
        IsBuiltIn: false);

    private static ImageDataset Read(string folder, PinnedFile images, PinnedFile labels)
    {
        var imagesPath = PathOf(images, folder);
        var labelsPath = PathOf(labels, folder);
        var dataset = ImageDataset.FromIdx(FashionMnist.Name, imagesPath, labelsPath, FashionMnist.ClassNames);
        CheckHash(imagesPath, dataset.Images.Span, images);
        CheckHash(labelsPath, dataset.Labels.Span, labels);
        return dataset;
    }

    private static string PathOf(PinnedFile file, string folder) =>
        file.In(folder) ?? throw new FileNotFoundException($"{Path.Combine(folder, file.ArchiveName)} has just gone.");

    private static void CheckHash(string path, ReadOnlySpan<byte> elements, PinnedFile file)
    {
        var actual = Convert.ToHexStringLower(SHA256.HashData(elements));
        if (actual != file.ElementsSha256)
            throw new InvalidDataException(
                $"{path}: expected the elements of {FashionMnist.Name} (SHA-256 {file.ElementsSha256}), found others " +
                $"({actual}); remove the file to have it fetched again.");
    }
}
