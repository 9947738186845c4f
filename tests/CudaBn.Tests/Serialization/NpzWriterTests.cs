using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;
using CudaBn.Serialization;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Serialization;

public class NpzWriterTests
{
    private TemporaryFolder _folder = null!;

    private string Path => _folder["f.npz"];

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    // Bytes that numpy.load takes: of the format's description, and the same as NumPy's own.
    [Test]
    public void Write_IsByteForByteTheFormat()
    {
        NpzWriter.Write(Path, [Source("w", "F32", [1, 2], 0, 0, 0x80, 0x3F, 0, 0, 0, 0x40)]);

        var text = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }".PadRight(117) + "\n";
        byte[] array =
        [
            0x93, .. "NUMPY"u8, 1, 0, 118, 0, .. Encoding.ASCII.GetBytes(text), 0, 0, 0x80, 0x3F, 0, 0, 0, 0x40,
        ];
        var file = File.ReadAllBytes(Path);
        Assert.That(file.AsSpan(0, 4).SequenceEqual("PK\x03\x04"u8));
        var header = file.AsSpan(0, 30);
        Assert.That(BinaryPrimitives.ReadUInt16LittleEndian(header[6..]) & 8, Is.Zero, "sizes stand in the header");
        Assert.That(BinaryPrimitives.ReadUInt16LittleEndian(header[8..]), Is.Zero, "stored");
        Assert.That(BinaryPrimitives.ReadUInt32LittleEndian(header[10..]), Is.EqualTo(0x00210000), "1980-01-01");
        Assert.That(BinaryPrimitives.ReadInt32LittleEndian(header[18..]), Is.EqualTo(array.Length));
        Assert.That(file.AsSpan(30, 5).SequenceEqual("w.npy"u8));
        Assert.That(file.AsSpan(35, array.Length).ToArray(), Is.EqualTo(array));
    }

    [TestCase(new long[0], "()")]
    [TestCase(new long[] { 5 }, "(5,)")]
    [TestCase(new long[] { 0, 3 }, "(0, 3)")]
    [TestCase(new long[] { 2, 3, 4 }, "(2, 3, 4)")]
    public void Write_Shapes_AreTuplesAndArraysAligned(long[] shape, string tuple)
    {
        var length = shape.Aggregate(1L, (product, size) => product * size);
        NpzWriter.Write(Path, [Source("a", "U8", [.. shape], new byte[length])]);
        Assert.That(
            Encoding.Latin1.GetString(File.ReadAllBytes(Path)),
            Does.Contain($"{{'descr': '|u1', 'fortran_order': False, 'shape': {tuple}, }}"));
        using var file = new FileBytes(Path);
        Assert.That((ZipDirectory.Read(file).Members[0].Length - length) % 64, Is.Zero);
    }

    [Test]
    public void Write_NumPysArraysAgain_GiveTheSameContents()
    {
        File.WriteAllBytes(Path, EmbeddedFiles.Bytes("arrays.npz"));
        using var source = new NpzReader(Path);
        NpzWriter.Write(_folder["again.npz"], source.Entries.Select(entry => new TensorSource(
            entry.Name, entry.DType, entry.Shape, stream =>
            {
                using var elements = source.Open(entry);
                elements.CopyTo(stream);
            })));

        using var original = new FileBytes(Path);
        using var again = new FileBytes(_folder["again.npz"]);
        var members = ZipDirectory.Read(again).Members;
        Assert.That(
            members.Select(member => member.Name), Is.EqualTo(ZipDirectory.Read(original).Members.Select(member => member.Name)));
        // Where NumPy had rows and little-endian, the bytes are the same, header and all.
        foreach (var (ours, numpys) in members.Zip(ZipDirectory.Read(original).Members))
        {
            if (!ours.Name.StartsWith('F') && !ours.Name.StartsWith("big", StringComparison.Ordinal))
                Assert.That(ours.Crc32, Is.EqualTo(numpys.Crc32), ours.Name);
        }
    }

    [Test]
    public void Write_TwiceTheSame_GivesTheSameBytes()
    {
        var metadata = new Dictionary<string, string> { ["b"] = "ü\n", ["a"] = "\"" };
        NpzWriter.Write(Path, [Source("w", "I8", [2], 1, 2), Source("größe", "F64", [], new byte[8])], metadata);
        NpzWriter.Write(
            _folder["g.npz"], [Source("w", "I8", [2], 1, 2), Source("größe", "F64", [], new byte[8])],
            metadata.Reverse().ToDictionary());
        Assert.That(File.ReadAllBytes(_folder["g.npz"]), Is.EqualTo(File.ReadAllBytes(Path)));

        using var reader = new NpzReader(Path);
        Assert.That(reader.Entries.Select(entry => entry.Name), Is.EqualTo(new[] { "w", "größe" }));
        Assert.That(reader.Metadata, Is.EquivalentTo(metadata));
    }

    private static readonly object[][] _wrongSources =
    [
        [new[] { Source("a", "U8", [0]), Source("a", "F32", [0]) }, "two arrays are named a"],
        [new[] { Source("a", "BF16", [0]) }, "array a: dtype BF16 is none of NumPy's f2, f4"],
        [new[] { Source("a", "float", [0]) }, "array a: dtype float is none of"],
        [new[] { Source("a", "U8", [2, -1]) }, "array a: size -1 is negative"],
        [new[] { Source("a", "U8", default) }, "array a has no shape"],
        [new[] { Source("a", "U8", [.. Enumerable.Repeat(1L, 65)]) }, "array a has 65 axes, more than NumPy's 64"],
        [new[] { Source("a", "U8", [1L << 32, 1L << 32]) }, "array a: its bytes exceed 63 bits"],
        [new[] { Source("\ud800", "U8", [0]) }, "holds half of a surrogate pair"],
        [new[] { Source("a\0b", "U8", [0]) }, "or holds a null character"],
        [new[] { Source(new string('ü', 40_000), "U8", [0]) }, "is longer than 65531 bytes"],
    ];

    [TestCaseSource(nameof(_wrongSources))]
    public void Write_WrongSources_NameTheFault(TensorSource[] sources, string message)
    {
        Assert.That(() => NpzWriter.Write(Path, sources), Throws.ArgumentException.With.Message.Contains(message));
        Assert.That(_folder.FileNames(), Is.Empty);
    }

    [TestCase(1)]
    [TestCase(3)]
    public void Write_PayloadOfAnotherLength_ThrowsAndWritesNothing(int length)
    {
        Assert.That(
            () => NpzWriter.Write(Path, [Source("a", "U8", [2], new byte[length])]),
            Throws.InvalidOperationException.With.Message.EqualTo($"array a: 2 bytes expected, {length} written"));
        Assert.That(_folder.FileNames(), Is.Empty);
    }

    [Test]
    public void Write_MetadataUpToTheLongestComment_AreKept()
    {
        // {"k":"..."} around the text.
        var metadata = new Dictionary<string, string> { ["k"] = new('x', ushort.MaxValue - 8) };
        NpzWriter.Write(Path, [], metadata);
        using var reader = new NpzReader(Path);
        Assert.That(reader.Metadata, Is.EquivalentTo(metadata));

        metadata["k"] += "x";
        Assert.That(
            () => NpzWriter.Write(Path, [], metadata),
            Throws.ArgumentException.With.Message.Contains("metadata of 65536 bytes exceed the 65535"));
    }

    [Test]
    public void Write_MetadataAreNotUnicode_Throws() =>
        Assert.That(
            () => NpzWriter.Write(Path, [], new Dictionary<string, string> { ["k"] = "\udc00" }),
            Throws.ArgumentException.With.Message.Contains("half of a surrogate pair"));

    private static TensorSource Source(
        string name, string dtype, ImmutableArray<long> shape, params byte[] payload) =>
        new(name, dtype, shape, stream => stream.Write(payload));
}
