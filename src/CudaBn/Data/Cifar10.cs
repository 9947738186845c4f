namespace CudaBn;

/// <summary>
/// CIFAR-10 (Krizhevsky, "Learning multiple layers of features from tiny images", 2009): 50,000 training and 10,000 test
/// photographs, 32 x 32 in red, green and blue, in ten classes. Read from the binary version, the files data_batch_1.bin
/// to data_batch_5.bin and test_batch.bin. They are looked for in the folder given, in the one CUDABN_DATA names, in the
/// user's cache (cifar-10 beside the folder of <see cref="FashionMnist"/>) and in /usr/share/datasets/cifar-10, each time
/// in its subfolder cifar-10-batches-bin if it has one. A folder given or named by CUDABN_DATA settles the place: nothing
/// else is searched, and nothing is downloaded.
/// </summary>
public static class Cifar10
{
    /// <summary>What the images are called in outputs.</summary>
    public const string Name = "CIFAR-10";

    internal const string FolderName = "cifar-10";

    /// <summary>The ten classes, indexed by label.</summary>
    public static IReadOnlyList<string> ClassNames { get; } =
        Array.AsReadOnly(
            ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]);

    /// <summary>Loads the data from disk.</summary>
    /// <param name="path">The folder to load from, and no other; null for the search order.</param>
    /// <returns>The training images, batch after batch, and the test images: [count, 3, 32, 32]. The published files hold
    /// 10,000 each; any other number of whole records is taken too. Classes are named as batches.meta.txt says where it is
    /// there, else as <see cref="ClassNames"/>.</returns>
    /// <exception cref="FileNotFoundException">Files are missing; the message lists where they were looked for.</exception>
    /// <exception cref="InvalidDataException">A file is empty, ends within a record, holds a label above 9 or other than ten
    /// class names; the message names file, offset and what was expected.</exception>
    /// <exception cref="ArgumentException"><paramref name="path"/> is blank.</exception>
    public static ImageDataSplits Load(string? path = null) =>
        new Cifar10Source(DataFolders.OfThisMachine(FolderName)).Load(path);
}
