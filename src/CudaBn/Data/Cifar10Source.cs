namespace CudaBn;

/// <summary>Finds and loads CIFAR-10 in the folders it is told to search.</summary>
internal sealed class Cifar10Source(DataFolders folders)
{
    /// <summary>The folder that the published archive extracts to.</summary>
    private const string ArchiveFolder = "cifar-10-batches-bin";

    private const string MetaFile = "batches.meta.txt";
    private const string TestFile = "test_batch.bin";

    private static readonly string[] _trainFiles = [.. Enumerable.Range(1, 5).Select(i => $"data_batch_{i}.bin")];

    public ImageDataSplits Load(string? path)
    {
        var searched = folders.Search(path, Look);
        if (searched is not [.., { IsComplete: true, Folder: var folder }])
            throw NotFound(path, searched);

        var meta = Path.Combine(folder, MetaFile);
        var classNames = File.Exists(meta) ? Cifar10Reader.ReadClassNames(meta) : Cifar10.ClassNames;
        return new ImageDataSplits(
            Cifar10.Name,
            folder,
            Cifar10Reader.Read([.. _trainFiles.Select(file => Path.Combine(folder, file))], classNames),
            Cifar10Reader.Read([Path.Combine(folder, TestFile)], classNames),
            IsBuiltIn: false);
    }

    private static SearchedFolder Look(string origin, string folder)
    {
        var inner = Path.Combine(folder, ArchiveFolder);
        var place = Directory.Exists(inner) ? inner : folder;
        return new SearchedFolder(
            origin, place, [.. _trainFiles.Append(TestFile).Where(file => !File.Exists(Path.Combine(place, file)))]);
    }

    private FileNotFoundException NotFound(string? path, IReadOnlyList<SearchedFolder> searched)
    {
        var places = string.Join("; ", searched);
        var target = folders.AreSettledBy(path) ? searched[0].Folder : folders.Cache ?? "a folder and name it";
        return new FileNotFoundException(
            (folders.AreSettledBy(path)
                ? $"{Cifar10.Name} is not where it was said to be: {places}."
                : $"{Cifar10.Name} is not on this machine: {places}.")
            + " Extract cifar-10-binary.tar.gz, the binary version of https://www.cs.toronto.edu/~kriz/cifar.html, to "
            + $"{target}.");
    }
}
