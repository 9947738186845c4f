namespace CudaBn.Tests.Data;

/// <summary>Files of CIFAR-10's binary version as byte arrays, written from the format's description, not by the
/// library.</summary>
internal static class Cifar10Bytes
{
    public const int RecordLength = 3073;

    public static readonly string[] FileNames =
    [
        "data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin",
        "test_batch.bin",
    ];

    /// <summary>Records of random pixels.</summary>
    public static byte[] File(int seed, params ReadOnlySpan<byte> labels)
    {
        var file = IdxBytes.Random(seed, labels.Length * RecordLength);
        for (var i = 0; i < labels.Length; i++)
            file[i * RecordLength] = labels[i];
        return file;
    }

    /// <summary>Six small files: the training files hold 1 to 5 records, the test file 4.</summary>
    public static Dictionary<string, byte[]> Small() => new()
    {
        [FileNames[0]] = File(1, 9),
        [FileNames[1]] = File(2, 8, 7),
        [FileNames[2]] = File(3, 6, 5, 4),
        [FileNames[3]] = File(4, 3, 2, 1, 0),
        [FileNames[4]] = File(5, 0, 1, 2, 3, 4),
        [FileNames[5]] = File(6, 5, 6, 0, 9),
    };
}
