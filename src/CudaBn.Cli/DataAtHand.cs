namespace CudaBn.Cli;

/// <summary>Finds the images and says on the first line of output which they are: before anything slow.</summary>
internal static class DataAtHand
{
    // How long the first line waits for a download to fail, as it does at once on most machines without a network.
    private static readonly TimeSpan _patience = TimeSpan.FromMilliseconds(700);

    /// <summary>What the images are called in every output.</summary>
    public static string Label(this ImageDataSplits data) => data.IsBuiltIn ? $"{data.Name} (built in)" : data.Name;

    /// <summary>Whether the user named the folder to look in, and no other.</summary>
    public static bool IsSettled(this FashionMnistSearch search) =>
        search.Searched is [{ Origin: "given" or "CUDABN_DATA" }];

    /// <summary>Loads the images, after announcing them.</summary>
    /// <exception cref="IOException">Files are missing or unreadable, or a download broke off.</exception>
    /// <exception cref="InvalidDataException">A file is broken.</exception>
    public static ImageDataSplits Open(string? path, int? limit, CancellationToken cancellation)
    {
        if (path is not null && string.IsNullOrWhiteSpace(path))
            throw new UsageException("--data: expected a folder, got a blank.");

        var data = Load(FashionMnist.Find(path), path, cancellation);
        return limit is { } count
            ? data with { Train = data.Train.Take(count), Test = data.Test.Take(count) }
            : data;
    }

    private static ImageDataSplits Load(FashionMnistSearch search, string? path, CancellationToken cancellation)
    {
        if (search.Folder is { } folder)
            Terminal.WriteField("data", $"{FashionMnist.Name}, {folder}");
        else if (search.MayDownload)
            return Download(search, cancellation);
        else if (!search.IsSettled())
            AnnounceDrawn($"{FashionMnist.Name} is not on this machine, and CUDABN_OFFLINE forbids to download it");
        return FashionMnist.LoadOrDraw(path, progress: null, cancellation);
    }

    private static ImageDataSplits Download(FashionMnistSearch search, CancellationToken cancellation)
    {
        using var bar = new DownloadBar();
        var download = Task.Run(() => FashionMnist.LoadOrDrawAsync(null, bar, cancellation), cancellation);
        if (Task.WaitAny([download], _patience) < 0)
        {
            var cache = search.Searched.FirstOrDefault(place => place.Origin == "cache")?.Folder;
            Terminal.WriteField(
                "data",
                $"fetching {FashionMnist.Name} to {cache}; if that fails, {DrawnGarments.Name}, built in, stand in");
            bar.Show();
        }

        var data = download.GetAwaiter().GetResult();
        bar.Dispose();
        if (data.IsBuiltIn)
            AnnounceDrawn(data.Notice!);
        else
            Terminal.WriteField("data", $"{data.Name}, {data.Source}");
        return data;
    }

    private static void AnnounceDrawn(string reason)
    {
        Terminal.WriteField("data", $"{DrawnGarments.Name} (built in): images drawn by code, not {FashionMnist.Name}");
        Terminal.WriteField("why", reason);
    }
}
