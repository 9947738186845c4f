using System.Security.Cryptography;

namespace CudaBn;

/// <summary>Finds, downloads and loads Fashion-MNIST, with the files, folders and servers it is told to use: no servers
/// where downloads are forbidden.</summary>
internal sealed class FashionMnistSource(FashionMnistFiles files, DataFolders folders, PinnedDownload? download)
{
    public FashionMnistSearch Find(string? path)
    {
        var searched = folders.Search(path, (origin, folder) => new SearchedFolder(
            origin,
            folder,
            [.. files.All.Where(file => file.In(folder) is null).Select(file => file.ArchiveName)]));
        var found = searched is [.., { IsComplete: true } last] ? last.Folder : null;
        return new FashionMnistSearch(
            found, searched, MayDownload: found is null && !folders.AreSettledBy(path) && download is not null);
    }

    public async Task<ImageDataSplits> LoadAsync(
        string? path, IProgress<DownloadProgress>? progress, CancellationToken cancellationToken)
    {
        var search = Find(path);
        if (search.Folder is { } found)
            return Read(found, found);
        if (folders.AreSettledBy(path))
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
