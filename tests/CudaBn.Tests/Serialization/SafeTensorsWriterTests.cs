using System.Collections.Immutable;
using System.Runtime.InteropServices;
using CudaBn.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Serialization;

[TestFixture]
public class SafeTensorsWriterTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void CreateFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Write_IsByteForByteTheFormat()
    {
        SafeTensorsWriter.Write(_folder["f"],
            [Source("b", "U8", [3], 7, 8, 9), Source("a", "F32", [1, 2], 0, 0, 0x80, 0x3F, 0, 0, 0, 0x40)],
            new Dictionary<string, string> { ["format"] = "pt" });

        // 140 header characters, 4 spaces up to 144 = 0x90, then 1.0f, 2.0f and the three bytes.
        byte[] expected =
        [
            0x90, 0, 0, 0, 0, 0, 0, 0,
            .. """{"__metadata__":{"format":"pt"},"""u8,
            .. """ "a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"""u8[1..],
            .. """ "b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}}    """u8[1..],
            0, 0, 0x80, 0x3F, 0, 0, 0, 0x40, 7, 8, 9,
        ];
        Assert.That(File.ReadAllBytes(_folder["f"]), Is.EqualTo(expected));
    }

    [Test]
    public void Write_Nothing_IsAnEmptyObjectAndSixSpaces()
    {
        SafeTensorsWriter.Write(_folder["f"], []);

        Assert.That(File.ReadAllBytes(_folder["f"]), Is.EqualTo((byte[])[8, 0, 0, 0, 0, 0, 0, 0, .. "{}      "u8]));
    }

    [Test]
    public void Write_AnyOrder_GivesTheSameBytesByAlignmentThenName()
    {
        string[] dtypes = ["U64", "I64", "F64", "F32", "U32", "I32", "BF16", "F16", "U16", "I16", "I8", "U8", "BOOL"];
        int[] sizes = [8, 8, 8, 4, 4, 4, 2, 2, 2, 2, 1, 1, 1];
        var sources = new List<TensorSource>();
        foreach (var (dtype, size) in dtypes.Zip(sizes))
        {
            // U+FF5E sorts before U+1F600 in UTF-8, after it in UTF-16.
            foreach (var name in (string[])["B", "a", "\uFF5E", "\U0001F600"])
                sources.Add(Source(name + dtype, dtype, [3], [.. Enumerable.Repeat((byte)sources.Count, 3 * size)]));
        }

        var metadata = new Dictionary<string, string> { ["z"] = "1", ["Y"] = "2", ["x"] = "3" };
        SafeTensorsWriter.Write(_folder["sorted"], sources, metadata);
        var shuffled = sources.ToArray();
        new Random(5).Shuffle(shuffled);
        SafeTensorsWriter.Write(_folder["shuffled"], shuffled, metadata.Reverse().ToDictionary());

        Assert.That(File.ReadAllBytes(_folder["shuffled"]), Is.EqualTo(File.ReadAllBytes(_folder["sorted"])));
        using var reader = new SafeTensorsReader(_folder["sorted"]);
        Assert.That(reader.Entries.Select(entry => entry.Name), Is.EqualTo(sources.Select(source => source.Name)));
        foreach (var entry in reader.Entries)
            Assert.That(entry.Offset % sizes[Array.IndexOf(dtypes, entry.DType)], Is.Zero, entry.Name);
    }

    [Test]
    public void Write_RoundTrip_SeededRandomContents()
    {
        var random = new Random(11);
        string[] dtypes = ["F64", "F32", "BF16", "I8", "BOOL", "U16"];
        int[] sizes = [8, 4, 2, 1, 1, 2];
        string[] names = ["conv1.weight", "quote\"back\\slash", "line\nfeed", "ünï", "\U0001F600", "", " ", "<&'>"];

        for (var round = 0; round < 50; round++)
        {
            var sources = new List<(TensorSource Source, byte[] Payload)>();
            foreach (var name in names)
            {
                var type = random.Next(dtypes.Length);
                var shape = ImmutableArray.CreateRange(
                    Enumerable.Range(0, random.Next(4)).Select(_ => (long)random.Next(5)));
                var payload = new byte[shape.Aggregate(1L, (product, size) => product * size) * sizes[type]];
                random.NextBytes(payload);
                sources.Add((Source(name, dtypes[type], shape, payload), payload));
            }

            var metadata = names.ToDictionary(name => name, name => name + random.Next());
            SafeTensorsWriter.Write(_folder["f"], sources.Select(source => source.Source), metadata);

            using var reader = new SafeTensorsReader(_folder["f"]);
            Assert.That(reader.Entries, Has.Length.EqualTo(names.Length));
            Assert.That(reader.Metadata, Is.EquivalentTo(metadata));
            foreach (var (source, payload) in sources)
            {
                Assert.That(reader.TryGetEntry(source.Name, out var entry), source.Name);
                Assert.That(entry!.DType, Is.EqualTo(source.DType));
                Assert.That(entry.Shape, Is.EqualTo(source.Shape));
                var read = new byte[entry.Length];
                reader.Read(entry, read);
                Assert.That(read, Is.EqualTo(payload));
            }
        }
    }

    [Test]
    public void Write_FloatsAsBytes_ComeBackBitForBit()
    {
        float[] values = [0, -0f, float.NaN, float.PositiveInfinity, float.Epsilon, 0.1f];

        SafeTensorsWriter.Write(_folder["f"],
            [new TensorSource("w", "F32", [2, 3], stream => stream.Write(MemoryMarshal.AsBytes<float>(values)))]);

        using var reader = new SafeTensorsReader(_folder["f"]);
        var read = new float[6];
        reader.Read(reader.Entries[0], MemoryMarshal.AsBytes(read.AsSpan()));
        Assert.That(
            read.Select(BitConverter.SingleToUInt32Bits), Is.EqualTo(values.Select(BitConverter.SingleToUInt32Bits)));
    }

    [Test]
    public void Write_PayloadThrows_LeavesTheTargetUnharmed()
    {
        SafeTensorsWriter.Write(_folder["f"], [Source("a", "U8", [2], 1, 2)]);
        var before = File.ReadAllBytes(_folder["f"]);

        Assert.That(
            () => SafeTensorsWriter.Write(_folder["f"],
            [
                Source("a", "U8", [2], 3, 4),
                new TensorSource("b", "U8", [2], _ => throw new FormatException("no payload")),
            ]),
            Throws.TypeOf<FormatException>());

        Assert.That(File.ReadAllBytes(_folder["f"]), Is.EqualTo(before));
        Assert.That(_folder.FileNames(), Is.EqualTo(["f"]));
    }

    [TestCase(1)]
    [TestCase(3)]
    public void Write_PayloadOfAnotherLength_ThrowsAndWritesNothing(int length)
    {
        Assert.That(() => SafeTensorsWriter.Write(_folder["f"], [Source("a", "U8", [2], new byte[length])]),
            Throws.InvalidOperationException.With.Message.EqualTo($"tensor a: 2 bytes expected, {length} written"));
        Assert.That(_folder.FileNames(), Is.Empty);
    }

    private static readonly object[][] _wrongSources =
    [
        [new[] { Source("a", "U8", [0]), Source("a", "F32", [0]) }, "two tensors are named a"],
        [new[] { Source("__metadata__", "U8", [0]) }, "the name __metadata__ is reserved"],
        [new[] { Source("a", "float32", [0]) }, "tensor a: dtype float32 is none of BOOL, F4"],
        [new[] { Source("a", "F4", [3]) }, "tensor a: its F4 fill no whole bytes"],
        [new[] { Source("a", "U8", [2, -1]) }, "tensor a: size -1 is negative"],
        [new[] { Source("a", "U8", default) }, "tensor a has no shape"],
        [new[] { Source("a", "U8", [1L << 32, 1L << 32]) }, "tensor a: its bytes exceed 63 bits"],
        [new[] { Source("a", "U8", [1L << 62]), Source("b", "U8", [1L << 62]) }, "tensor b: the file would exceed"],
        [new[] { Source("\ud800", "U8", [0]) }, "holds half of a surrogate pair"],
    ];

    [TestCaseSource(nameof(_wrongSources))]
    public void Write_WrongSources_NameTheFault(TensorSource[] sources, string message)
    {
        Assert.That(() => SafeTensorsWriter.Write(_folder["f"], sources),
            Throws.ArgumentException.With.Message.Contains(message));
        Assert.That(_folder.FileNames(), Is.Empty);
    }

    [Test]
    public void Write_MetadataIsNotUnicode_Throws() =>
        Assert.That(
            () => SafeTensorsWriter.Write(_folder["f"], [], new Dictionary<string, string> { ["k"] = "\udc00" }),
            Throws.ArgumentException.With.Message.Contains("half of a surrogate pair"));

    private static TensorSource Source(
        string name, string dtype, ImmutableArray<long> shape, params byte[] payload) =>
        new(name, dtype, shape, stream => stream.Write(payload));
}
