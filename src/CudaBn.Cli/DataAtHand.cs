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
    /// <param name="settings">Which.</param>
    /// <param name="model">The network they are for.</param>
    /// <param name="cancellation">Ends a download or the decoding of files.</param>
    /// <exception cref="UsageException">The network does not take such images.</exception>
    /// <exception cref="IOException">Files are missing or unreadable, or a download broke off.</exception>
    /// <exception cref="InvalidDataException">A file is broken.</exception>
    public static ImageDataSplits Open(DataSettings settings, ModelChoice model, CancellationToken cancellation)
    {
        var data = settings.Set switch
        {
            DataSetChoice.FashionMnist => OpenFashionMnist(settings.Folder, model, cancellation),
            DataSetChoice.Cifar10 => OpenCifar10(settings.Folder, model),
            DataSetChoice.Folder => OpenFolder(settings, model, cancellation),
            _ => throw new ArgumentOutOfRangeException(nameof(settings), settings.Set, "There is no such data set."),
        };
        return settings.Limit is { } count
            ? data with { Train = data.Train.Take(count), Test = data.Test.Take(count) }
            : data;
    }

    private static ImageDataSplits OpenCifar10(string? path, ModelChoice model)
    {
        model.RequireFit(new ImageShape(3, 32, 32, Cifar10.ClassNames.Count));
        var data = Cifar10.Load(path);
        Terminal.WriteField("data", $"{data.Name}, {data.Source}");
        return data;
    }

    private static ImageDataSplits OpenFolder(DataSettings settings, ModelChoice model, CancellationToken cancellation)
    {
        var folder = ImageFolder.Open(settings.Folder!, settings.ImageSize, settings.Color, settings.Limit);
        model.RequireFit(folder.Shape);
        var others = folder.OtherFiles > 0 ? Text.Of($"; files of other kinds passed over: {folder.OtherFiles}") : "";
        Terminal.WriteField("data", $"{folder.Name}, {settings.Folder}{others}");
        Terminal.WriteField("decoding", Text.Of($"{folder.Shape}, {folder.ByteCount / 1e6:N1} MB"));
        return folder.Load(cancellation);
    }

    private static ImageDataSplits OpenFashionMnist(string? path, ModelChoice model, CancellationToken cancellation)
    {
        model.RequireFit(new ImageShape(1, 28, 28, FashionMnist.ClassNames.Count));
        var search = FashionMnist.Find(path);
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
