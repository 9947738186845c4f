using System.Text;

namespace CudaBn;

/// <summary>Reads files of CIFAR-10's binary version: records of one label and 32 x 32 bytes of red, then green, then blue.
/// Their size is checked before memory is taken, which is no more than the files hold.</summary>
internal static class Cifar10Reader
{
    public const int RecordLength = 1 + ImageLength;

    private const int Channels = 3;
    private const int Size = 32;
    private const int ImageLength = Channels * Size * Size;
    private const int Classes = 10;
    private const int LongestMeta = 4096;

    /// <summary>Reads files one after the other into one set.</summary>
    /// <exception cref="InvalidDataException">A file is empty or ends within a record, a label is above 9, or all together
    /// are more than an array holds.</exception>
    /// <exception cref="IOException">A file is missing or cannot be read.</exception>
    public static ImageDataset Read(IReadOnlyList<string> paths, IReadOnlyList<string> classNames)
    {
        var files = new List<FileStream>();
        var counts = new List<long>();
        try
        {
            foreach (var path in paths)
            {
                files.Add(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 18));
                counts.Add(RecordsOf(files[^1]));
                var records = counts.Sum();
                if (records * ImageLength > Array.MaxLength)
                    throw Broken(
                        path, 0, $"at most {Array.MaxLength / ImageLength} records in all files", $"{records} up to here");
            }

            var labels = GC.AllocateUninitializedArray<byte>((int)counts.Sum());
            var images = GC.AllocateUninitializedArray<byte>(labels.Length * ImageLength);
            var first = 0;
            foreach (var (file, records) in files.Zip(counts))
            {
                var count = (int)records;
                ReadRecords(
                    file, labels.AsSpan(first, count), images.AsSpan(first * ImageLength, count * ImageLength));
                first += count;
            }

            return new ImageDataset(Cifar10.Name, Channels, Size, Size, images, labels, classNames);
        }
        finally
        {
            files.ForEach(file => file.Dispose());
        }
    }

    /// <summary>Reads the names of the classes, one a line; blank lines count for nothing.</summary>
    /// <exception cref="InvalidDataException">There are other than ten names.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static IReadOnlyList<string> ReadClassNames(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        if (file.Length > LongestMeta)
            throw Broken(path, LongestMeta, $"the names of {Classes} classes and an end", $"a file of {file.Length} bytes");

        using var reader = new StreamReader(file, Encoding.UTF8);
        var names = reader.ReadToEnd().Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (names.Length != Classes)
            throw Broken(path, 0, $"the names of {Classes} classes, one a line", $"{names.Length}");
        return names;
    }

    private static long RecordsOf(FileStream file)
    {
        var (records, rest) = Math.DivRem(file.Length, RecordLength);
        if (file.Length == 0)
            throw Broken(file.Name, 0, $"records of {RecordLength} bytes", "an empty file");
        if (rest != 0)
            throw Broken(
                file.Name, records * RecordLength, $"a whole record of {RecordLength} bytes", $"the end after {rest}");
        return records;
    }

    private static void ReadRecords(FileStream file, Span<byte> labels, Span<byte> images)
    {
        Span<byte> label = stackalloc byte[1];
        for (var record = 0; record < labels.Length; record++)
        {
            var offset = (long)record * RecordLength;
            var image = images.Slice(record * ImageLength, ImageLength);
            var read = file.ReadAtLeast(label, 1, throwOnEndOfStream: false);
            if (read == 1 && label[0] >= Classes)
                throw Broken(
                    file.Name, offset, $"a label of 0 to {Classes - 1}", $"{label[0]} in record {record}");
            read += file.ReadAtLeast(image, ImageLength, throwOnEndOfStream: false);
            if (read < RecordLength)
                throw Broken(
                    file.Name, offset + read, $"a whole record of {RecordLength} bytes", $"the end after {read}");
            labels[record] = label[0];
        }
    }

    private static InvalidDataException Broken(string path, long offset, string expected, string found) =>
        new($"{path}: offset {offset}: expected {expected}, found {found}.");
}
