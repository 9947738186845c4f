using System.Buffers.Binary;
using System.IO.Compression;
using CudaBn.Cli;
using CudaBn.Serialization;
using CudaBn.Tests.Core;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Serialization;

public class NpzReaderTests
{
    private const string Bytes3 = "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }\n";

    private TemporaryFolder _folder = null!;

    private string Path => _folder["f.npz"];

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [TestCase("arrays.npz")]
    [TestCase("compressed.npz")]
    public void Read_NumPysFiles_GivesEveryTypeAndOrder(string name)
    {
        File.WriteAllBytes(Path, EmbeddedFiles.Bytes(name));
        using var reader = new NpzReader(Path);

        (string Npy, string DType)[] types =
        [
            ("f2", "F16"), ("f4", "F32"), ("f8", "F64"), ("i1", "I8"), ("i2", "I16"), ("i4", "I32"), ("i8", "I64"),
            ("u1", "U8"), ("u2", "U16"), ("u4", "U32"), ("u8", "U64"), ("b1", "BOOL"),
        ];
        foreach (var (npy, dtype) in types)
        {
            foreach (var kind in new[] { "C", "F", "big", "Fbig" })
            {
                var values = Read(reader, $"{kind}_{npy}", dtype, 2, 3, 4);
                Assert.That(
                    values, Is.EqualTo(Enumerable.Range(0, 24).Select(i => (double)(npy == "b1" ? i % 2 : i))), $"{kind} {npy}");
            }
        }

        Assert.That(Read(reader, "scalar", "I64"), Is.EqualTo(new[] { -7.0 }));
        Assert.That(Read(reader, "empty", "F32", 0, 3), Is.Empty);
        Assert.That(Read(reader, "layer/weight", "F32", 1, 2), Is.EqualTo(new[] { 0.5, -0.25 }));
        Assert.That(Read(reader, "größe", "F64", 1), Is.EqualTo(new[] { 1e-300 }));
        Assert.That(reader.Entries, Has.Length.EqualTo((4 * 12) + 4));
        Assert.That(reader.Metadata, Is.Empty);
    }

    [Test]
    public void Read_EveryVersionOfTheHeader()
    {
        File.WriteAllBytes(Path, EmbeddedFiles.Bytes("versions.npz"));
        using var reader = new NpzReader(Path);
        for (var version = 1; version <= 3; version++)
        {
            Assert.That(
                Read(reader, $"version{version}", "F32", 2, 3, 4), Is.EqualTo(Enumerable.Range(0, 24).Select(i => (double)i)));
        }
    }

    [Test]
    public void Open_PickledObjects_AreRefusedByName()
    {
        File.WriteAllBytes(Path, EmbeddedFiles.Bytes("objects.npz"));
        ErrorAssert.Throws<InvalidDataException>(
            () => _ = new NpzReader(Path), Path, "member \"labels.npy\": byte 20: ", "\"|O\", Python objects", "pickled");
    }

    [Test]
    public void Open_FilesOfTorchSave_AreRefusedWithAdvice()
    {
        File.WriteAllBytes(Path, NpzFile.Of([("archive/data.pkl", [0x80, 2, (byte)'.'])]));
        ErrorAssert.Throws<InvalidDataException>(
            () => _ = new NpzReader(Path), Path, "members that end in .npy", "archive/data.pkl", "safetensors.torch.save_file");
    }

    [TestCase("{'shape':(2,3),'fortran_order':True,\"descr\":'>u2'}")]
    [TestCase(" { 'descr' : 'u2' , 'fortran_order' : False , 'shape' : ( 2 , 3 , ) , } \n")]
    [TestCase("{'descr': '=u2', 'fortran_order': False, 'shape': (2L, 3L), }")]
    public void Open_HeadersOfOtherWriters_AreRead(string header)
    {
        WriteOne(NpzFile.Array(header, new byte[12]));
        using var reader = new NpzReader(Path);
        Assert.That(reader.Entries[0].DType, Is.EqualTo("U16"));
        Assert.That(reader.Entries[0].Shape, Is.EqualTo(new long[] { 2, 3 }));
    }

    // The header's text starts at byte 10 of the member.
    [TestCase("", 8, "a header of 2 to", "0")]
    [TestCase("[]", 10, "'{'", "\"[]\"")]
    [TestCase("{}", 10, "descr, fortran_order and shape", "not all of them")]
    [TestCase("{'descr': '|u1', 'shape': (3,)}", 10, "descr, fortran_order and shape", "not all of them")]
    [TestCase("{'descr': '|u1', 'descr': '|u1'}", 27, "each once", "\"descr\"")]
    [TestCase("{'extra': 1}", 11, "descr, fortran_order and shape, each once", "\"extra\"")]
    [TestCase("{'descr': |u1}", 20, "a string", "\"|u1}\"")]
    [TestCase("{'descr': '|u1}", 20, "a string that ends", "none")]
    [TestCase(@"{'descr': '\x75\x31'}", 20, "without escapes", "\\\\x75")]
    [TestCase("{'descr': [('a', '<f4')]}", 20, "a type out of f2, f4", "records of several types")]
    [TestCase("{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", 20, "a type out of", "\"<c8\", complex numbers")]
    [TestCase("{'descr': '<U5', 'fortran_order': False, 'shape': (1,)}", 20, "a type out of", "\"<U5\", text")]
    [TestCase("{'descr': '<M8[s]', 'fortran_order': False, 'shape': (1,)}", 20, "a type out of", "times")]
    [TestCase("{'descr': '<f16', 'fortran_order': False, 'shape': (1,)}", 20, "a type out of", "an unknown type")]
    [TestCase("{'descr': '|u1', 'fortran_order': 0}", 44, "True or False", "\"0}\"")]
    [TestCase("{'descr': '|u1', 'fortran_order': False, 'shape': 3}", 60, "'('", "\"3}\"")]
    [TestCase("{'descr': '|u1', 'fortran_order': False, 'shape': (3)}", 62, "a comma behind the only size", "none")]
    [TestCase("{'descr': '|u1', 'fortran_order': False, 'shape': (-3,)}", 61, "a size from 0 to 2^63-1", "\"-3,)}\"")]
    [TestCase("{'descr': '|u1', 'fortran_order': False, 'shape': (9223372036854775808,)}", 61, "a size", "\"9223372036854775808,)}\"")]
    [TestCase("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2 3)}", 66, "')'", "\"3)}\"")]
    [TestCase("{'descr': '|u1', 'fortran_order': False, 'shape': (3,)", 64, "'}'", "the end of the header")]
    [TestCase("{'descr': '|u1', 'fortran_order': False, 'shape': (3,)} x", 66, "blanks up to the end", "\"x\"")]
    [TestCase("{'descr': '|u1', 'fortran_order': False, 'shape': (2,)}", 65, "2 bytes of U8 [2]", "3")]
    [TestCase("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", 65, "12 bytes of F32 [3]", "3")]
    [TestCase("{'descr': '|u1', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", 85, "elements within 63 bits", "[4294967296,4294967296]")]
    public void Open_FaultyHeader_NamesMemberPlaceExpectedAndFound(string header, int offset, string expected, string found)
    {
        WriteOne(NpzFile.Array(header, [1, 2, 3]));
        ErrorAssert.Throws<InvalidDataException>(
            () => _ = new NpzReader(Path), $"{Path}: member \"a.npy\": byte {offset}: expected ", expected, ", found ", found);
    }

    [TestCase(0, 0x92, 0, "\\x93NUMPY")]
    [TestCase(6, 4, 6, "version 1.0, 2.0 or 3.0")]
    [TestCase(7, 1, 6, "version 1.0, 2.0 or 3.0")]
    [TestCase(9, 0x40, 8, "a header of 2 to")]
    public void Open_FaultyPrefix_NamesThePlace(int at, int value, int offset, string expected)
    {
        var array = NpzFile.Array(Bytes3, [1, 2, 3]);
        array[at] = (byte)value;
        WriteOne(array);
        ErrorAssert.Throws<InvalidDataException>(() => _ = new NpzReader(Path), $"\"a.npy\": byte {offset}: expected {expected}");
    }

    [Test]
    public void Open_HeaderLongerThanNumPyReads_IsRefusedUnread()
    {
        WriteOne(NpzFile.Array("{" + new string(' ', 2_000_000) + "}", [], major: 2), CompressionLevel.Optimal);
        var before = GC.GetAllocatedBytesForCurrentThread();
        ErrorAssert.Throws<InvalidDataException>(() => _ = new NpzReader(Path), "byte 8: expected a header of 2 to 10000 bytes");
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(200_000));
    }

    [Test]
    public void Open_NotAsciiInVersion3_IsRefusedAtItsByte()
    {
        WriteOne(NpzFile.Array("{'descr': [('größe', '<f4')]}", [1, 2, 3], major: 3));
        ErrorAssert.Throws<InvalidDataException>(() => _ = new NpzReader(Path), "byte 22: expected a type out of");
        WriteOne(NpzFile.Array("{'descr': '|u1', 'größe': 1}", [1, 2, 3], major: 3));
        ErrorAssert.Throws<InvalidDataException>(() => _ = new NpzReader(Path), "byte 29: expected descr, fortran_order");
    }

    [Test]
    public void Read_ContentOfAnotherCheckSum_IsRefused([Values] bool isDeflated)
    {
        WriteOne(
            NpzFile.Array(Bytes3, [1, 2, 3]), isDeflated ? CompressionLevel.Optimal : CompressionLevel.NoCompression);
        var file = File.ReadAllBytes(Path);
        var directory = (int)BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(file.Length - 6));
        file[directory + 16] ^= 1;
        File.WriteAllBytes(Path, file);
        using var reader = new NpzReader(Path);
        ErrorAssert.Throws<InvalidDataException>(
            () => reader.Read(reader.Entries[0], new byte[3]), Path, "\"a.npy\": byte 71: expected content of check sum");
    }

    [Test]
    public void Read_DeflatedContentOfAnotherLength_IsRefused()
    {
        // The array fits the length that the directory tells; the content does not.
        const string bytes4 = "{'descr': '|u1', 'fortran_order': False, 'shape': (4,), }\n";
        WriteDeflated(NpzFile.Array(Bytes3, [1, 2, 3, 9]), told: 71);
        using (var reader = new NpzReader(Path))
            ErrorAssert.Throws<InvalidDataException>(
                () => reader.Read(reader.Entries[0], new byte[3]), Path, "\"a.npy\": byte 71: expected the end", "more");

        WriteDeflated(NpzFile.Array(bytes4, [1, 2, 3]), told: 72);
        using (var reader = new NpzReader(Path))
            ErrorAssert.Throws<InvalidDataException>(
                () => reader.Read(reader.Entries[0], new byte[4]), Path, "\"a.npy\": byte 71: expected 72 bytes", "their end");
    }

    [Test]
    public void Read_DamagedDeflateData_IsRefused()
    {
        WriteOne(NpzFile.Array(Bytes3, [1, 2, 3]), CompressionLevel.Optimal);
        var file = File.ReadAllBytes(Path);
        // The first block becomes one of a kind that there is not.
        file[30 + "a.npy".Length] |= 0b110;
        File.WriteAllBytes(Path, file);
        ErrorAssert.Throws<InvalidDataException>(
            () => _ = new NpzReader(Path), Path, "\"a.npy\": byte 0: expected sound deflate data");
    }

    [Test]
    public void Read_ColumnsOfPromisedGigabytes_AllocateNothingBeforeTheyAreSeen()
    {
        // 2 GB of zeros deflate to 2 MB; here are only some of them.
        var array = NpzFile.Array(
            "{'descr': '|u1', 'fortran_order': True, 'shape': (40000, 50000)}", new byte[20 << 20]);
        var told = 2_000_000_000 + (uint)(array.Length - (20 << 20));
        WriteDeflated(array, told);

        // What so few bytes cannot hold is refused at once.
        ErrorAssert.Throws<InvalidDataException>(() => _ = new NpzReader(Path), "of a size that ", $"found {told}");

        // With as many bytes behind the member as could, it is refused when it is read.
        var file = File.ReadAllBytes(Path);
        var directory = (int)BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(file.Length - 6));
        var padded = new byte[file.Length + 2_000_000];
        file.AsSpan(0, directory).CopyTo(padded);
        file.AsSpan(directory).CopyTo(padded.AsSpan(directory + 2_000_000));
        var moved = directory + 2_000_000;
        BinaryPrimitives.WriteInt32LittleEndian(padded.AsSpan(padded.Length - 6), moved);
        BinaryPrimitives.WriteInt32LittleEndian(
            padded.AsSpan(moved + 20), BinaryPrimitives.ReadInt32LittleEndian(padded.AsSpan(moved + 20)) + 2_000_000);
        File.WriteAllBytes(Path, padded);
        using var reader = new NpzReader(Path);
        var before = GC.GetAllocatedBytesForCurrentThread();
        ErrorAssert.Throws<InvalidDataException>(() => reader.Open(reader.Entries[0]), "\"a.npy\"", "expected ");
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(1 << 20));
    }

    [Test]
    public void Read_ColumnsThatDeflateFarBeyondABlock_AreInRowsAndTakeLittleMemory()
    {
        const int rows = 3000;
        const int columns = 1000;
        // Column by column; what there is besides zeros stands in the last rows.
        var elements = new byte[2 * rows * columns];
        for (var column = 0; column < columns; column++)
            BinaryPrimitives.WriteUInt16LittleEndian(elements.AsSpan(2 * ((column * rows) + rows - 1 - column)), (ushort)column);
        WriteOne(
            NpzFile.Array($"{{'descr': '<u2', 'fortran_order': True, 'shape': ({rows}, {columns})}}", elements),
            CompressionLevel.SmallestSize);
        using var reader = new NpzReader(Path);
        var before = GC.GetAllocatedBytesForCurrentThread();
        using var stream = reader.Open(reader.Entries[0]);
        var row = new byte[2 * columns];
        for (var i = 0; i < rows; i++)
        {
            stream.ReadExactly(row);
            for (var column = 0; column < columns; column++)
            {
                var value = BinaryPrimitives.ReadUInt16LittleEndian(row.AsSpan(2 * column));
                if (value != (i == rows - 1 - column ? column : 0))
                    Assert.Fail($"[{i}, {column}] is {value}");
            }
        }

        Assert.That(stream.ReadByte(), Is.EqualTo(-1));
        Assert.That(
            GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan((40 * new FileInfo(Path).Length) + (1 << 18)));
        Assert.That(new FileInfo(Path).Length, Is.LessThan(elements.Length / 100));
    }

    [Test]
    public void Read_WrongLengthOrEntry_Throws()
    {
        WriteOne(NpzFile.Array(Bytes3, [1, 2, 3]));
        using var reader = new NpzReader(Path);
        Assert.That(
            () => reader.Read(reader.Entries[0], new byte[2]),
            Throws.ArgumentException.With.Message.Contains("array a holds 3 bytes, the destination 2"));
        Assert.That(
            () => reader.Open(reader.Entries[0] with { Length = 3 }),
            Throws.ArgumentException.With.Message.Contains("array a is not an entry of"));
        Assert.That(reader.TryGetEntry("b", out _), Is.False);
    }

    [TestCase("{\"a\":\"ü\"}", "a", "ü")]
    [TestCase("{\"a\":null}", "comment", "{\"a\":null}")]
    [TestCase("{\"a\":1}", "comment", "{\"a\":1}")]
    [TestCase("[\"a\"]", "comment", "[\"a\"]")]
    [TestCase("made by hand", "comment", "made by hand")]
    public void Metadata_AreTheComments(string comment, string key, string value)
    {
        File.WriteAllBytes(Path, NpzFile.Of([], comment: comment));
        using var reader = new NpzReader(Path);
        Assert.That(reader.Metadata, Is.EqualTo(new Dictionary<string, string> { [key] = value }));
    }

    [Test]
    public void Open_MissingFile_Throws() =>
        Assert.That(() => new NpzReader(Path), Throws.TypeOf<FileNotFoundException>());

    private void WriteOne(byte[] array, CompressionLevel compression = CompressionLevel.NoCompression) =>
        File.WriteAllBytes(Path, NpzFile.Of([("a.npy", array)], compression));

    private void WriteDeflated(byte[] array, uint told)
    {
        WriteOne(array, CompressionLevel.Optimal);
        var file = File.ReadAllBytes(Path);
        var directory = (int)BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(file.Length - 6));
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(directory + 24), told);
        File.WriteAllBytes(Path, file);
    }

    private static double[] Read(NpzReader reader, string name, string dtype, params long[] shape)
    {
        Assert.That(reader.TryGetEntry(name, out var entry), Is.True, name);
        Assert.That(entry!.DType, Is.EqualTo(dtype), name);
        Assert.That(entry.Shape, Is.EqualTo(shape), name);
        var bytes = new byte[entry.Length];
        reader.Read(entry, bytes);
        var values = new double[shape.Aggregate(1L, (product, size) => product * size)];
        Assert.That(TensorValues.Decode(dtype, bytes, values), Is.EqualTo(values.Length));
        return values;
    }
}
