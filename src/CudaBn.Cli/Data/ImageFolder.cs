using System.Globalization;

namespace CudaBn.Cli;

/// <summary>
/// Images in folders: ROOT/train and ROOT/test (or ROOT/val where there is no test), each with one folder per class, each
/// with PNG and JPEG files. Classes are labelled in the ordinal order of their names. Images take turns, one of every
/// class, each class in the ordinal order of its files' names, so that the first N are of all classes.
/// </summary>
/// <remarks>Files and folders that are hidden, by their attribute or by a name that starts with a point, are passed over, and
/// so are files of other kinds, which are counted. Symbolic links are followed. Nothing else is searched: a folder within a
/// class is an error.</remarks>
internal sealed class ImageFolder
{
    public const int MostClasses = 256;

    private static readonly string[] _endings = [".png", ".jpg", ".jpeg"];

    private readonly ImageFolderPart _train;
    private readonly ImageFolderPart _test;
    private readonly string[] _classNames;
    private readonly ImageDecoder _decoder;

    private ImageFolder(
        string name, ImageFolderPart train, ImageFolderPart test, string[] classNames, ImageDecoder decoder) =>
        (Name, _train, _test, _classNames, _decoder) = (name, train, test, classNames, decoder);

    /// <summary>The name of the folder.</summary>
    public string Name { get; }

    public ImageShape Shape => new(_decoder.Channels, _decoder.Size.Height, _decoder.Size.Width, _classNames.Length);

    /// <summary>What the decoded images take in memory.</summary>
    public long ByteCount => ((long)_train.Files.Count + _test.Files.Count) * _decoder.ByteCount;

    /// <summary>How many files are of other kinds.</summary>
    public int OtherFiles => _train.OtherFiles + _test.OtherFiles;

    /// <summary>Lists the files; decodes none.</summary>
    /// <param name="path">ROOT.</param>
    /// <param name="size">What images are brought to; null for the size of the first, which all must then have.</param>
    /// <param name="color">What images are read as.</param>
    /// <param name="limit">How many images of each part are used; null for all.</param>
    /// <exception cref="IOException">A folder is missing or cannot be read.</exception>
    /// <exception cref="InvalidDataException">There is no class or there are more than 256, a class is empty or holds a
    /// folder, train and test differ in their classes, or the images take more memory than an array has.</exception>
    public static ImageFolder Open(string path, Size2d? size, ImageColor color, int? limit)
    {
        var root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (!Directory.Exists(root))
            throw new DirectoryNotFoundException($"{path}: there is no such folder.");

        var testFolder = Path.Combine(root, "test");
        if (!Directory.Exists(testFolder) && Directory.Exists(Path.Combine(root, "val")))
            testFolder = Path.Combine(root, "val");
        var (train, classNames) = List(Path.Combine(root, "train"), root);
        var (test, testClasses) = List(testFolder, root);
        RequireSameClasses(train.Folder, classNames, test.Folder, testClasses);
        (train, test) = (train.Take(limit), test.Take(limit));

        var decoder = new ImageDecoder(size ?? ImageDecoder.SizeOf(train.Files[0].Path), color, isExact: size is null);
        RequireRoom(train, decoder);
        RequireRoom(test, decoder);
        return new ImageFolder(Path.GetFileName(root) is { Length: > 0 } name ? name : root, train, test, classNames, decoder);
    }

    /// <summary>Decodes all images, on all cores; the order does not depend on their number.</summary>
    /// <exception cref="InvalidDataException">A file is no image or has another size than the first. Of several, the first in
    /// order is named.</exception>
    public ImageDataSplits Load(CancellationToken cancellation) => new(
        Name, _train.Root, Decode(_train, cancellation), Decode(_test, cancellation), IsBuiltIn: false);

    private ImageDataset Decode(ImageFolderPart part, CancellationToken cancellation)
    {
        var images = GC.AllocateUninitializedArray<byte>(part.Files.Count * _decoder.ByteCount);
        var faults = new Exception?[part.Files.Count];
        var options = new ParallelOptions
        {
            CancellationToken = cancellation,
            MaxDegreeOfParallelism = Environment.ProcessorCount,
        };
        // Break, unlike Stop, lets all files before this one be decoded: the first fault is always the same.
        var loop = Parallel.For(0, part.Files.Count, options, (i, state) =>
        {
            try
            {
                _decoder.Decode(part.Files[i].Path, images.AsSpan(i * _decoder.ByteCount, _decoder.ByteCount));
            }
            catch (Exception fault) when (fault is InvalidDataException or IOException or UnauthorizedAccessException)
            {
                faults[i] = fault;
                state.Break();
            }
        });
        if (loop.LowestBreakIteration is { } first)
            throw faults[first]!;

        return new ImageDataset(
            Name, _decoder.Channels, _decoder.Size.Height, _decoder.Size.Width, images,
            part.Files.Select(file => (byte)file.Label).ToArray(), _classNames);
    }

    private static (ImageFolderPart Part, string[] ClassNames) List(string folder, string root)
    {
        if (!Directory.Exists(folder))
            throw new DirectoryNotFoundException(
                $"{folder}: there is no such folder; expected train and test (or val) in {root}, with a folder for each class.");

        var classes = Visible(new DirectoryInfo(folder).EnumerateDirectories());
        if (classes.Length is 0 or > MostClasses)
            throw new InvalidDataException(
                $"{folder}: expected a folder for each of 1 to {MostClasses} classes, found {classes.Length}.");

        var others = Visible(new DirectoryInfo(folder).EnumerateFiles()).Length;
        var files = new List<string>[classes.Length];
        for (var label = 0; label < classes.Length; label++)
        {
            if (classes[label].Name.Any(char.IsControl))
                throw new InvalidDataException(
                    $"{folder}: expected the name of a class without control characters, found "
                    + $"'{string.Concat(classes[label].Name.Select(letter => char.IsControl(letter) ? '?' : letter))}'.");
            if (Visible(classes[label].EnumerateDirectories()) is [var inner, ..])
                throw new InvalidDataException($"{inner.FullName}: expected images only in a class, found a folder.");

            var all = Visible(classes[label].EnumerateFiles());
            files[label] = [.. all.Where(IsImage).Select(file => file.FullName)];
            if (files[label].Count == 0)
                throw new InvalidDataException(
                    $"{classes[label].FullName}: expected PNG or JPEG files of this class, found none.");
            others += all.Length - files[label].Count;
        }

        var turns = from label in Enumerable.Range(0, files.Length)
                    from turn in Enumerable.Range(0, files[label].Count)
                    orderby turn, label
                    select (files[label][turn], label);
        return (new ImageFolderPart(root, folder, [.. turns], others), [.. classes.Select(one => one.Name)]);
    }

    private static T[] Visible<T>(IEnumerable<T> entries)
        where T : FileSystemInfo => [.. entries
            .Where(entry => entry.Name[0] != '.' && !entry.Attributes.HasFlag(FileAttributes.Hidden))
            .OrderBy(entry => entry.Name, StringComparer.Ordinal)];

    private static bool IsImage(FileInfo file) => _endings.Contains(file.Extension, StringComparer.OrdinalIgnoreCase);

    private static void RequireSameClasses(string train, string[] trainClasses, string test, string[] testClasses)
    {
        if (trainClasses.Except(testClasses).FirstOrDefault() is { } untested)
            throw new InvalidDataException($"{test}: expected the classes of {train}, found no folder '{untested}'.");
        if (testClasses.Except(trainClasses).FirstOrDefault() is { } untrained)
            throw new InvalidDataException($"{test}: expected the classes of {train}, found '{untrained}' too.");
    }

    private static void RequireRoom(ImageFolderPart part, ImageDecoder decoder)
    {
        var bytes = (Int128)part.Files.Count * decoder.Channels * decoder.Size.Height * decoder.Size.Width;
        if (bytes > Array.MaxLength)
            throw new InvalidDataException(string.Create(
                CultureInfo.InvariantCulture,
                $"{part.Folder}: {part.Files.Count} images of {decoder.Size} take {bytes} bytes, expected at most ")
                + Text.Of($"{Array.MaxLength}; a smaller --image-size takes less."));
    }
}
