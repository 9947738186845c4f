using System.Globalization;
using System.Text;
using CudaBn.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Serialization;

[TestFixture]
public class SafeTensorsReaderTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void CreateFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Open_FileByHand_GivesWhatItSays()
    {
        // Out of order, with blanks, escapes, an unknown field, an empty tensor and a scalar.
        using var reader = Open("""
            {"b\u0041\n": {"shape": [2, 1], "dtype": "I16", "note": {"x": [1, {}]}, "data_offsets": [1, 5]},
             "scalar": {"dtype": "BOOL", "shape": [], "data_offsets": [0, 1]},
             "empty": {"dtype": "F64", "shape": [3, 0], "data_offsets": [1, 1]},
             "__metadata__": {"format": "pt", "": "ü"}}
            """, 1, 2, 3, 4, 5);

        Assert.That(reader.Entries.Select(entry => entry.Name), Is.EqualTo(["scalar", "empty", "bA\n"]));
        Assert.That(
            reader.Metadata, Is.EquivalentTo(new Dictionary<string, string> { ["format"] = "pt", [""] = "ü" }));

        Assert.That(reader.TryGetEntry("bA\n", out var entry));
        Assert.That(entry!.DType, Is.EqualTo("I16"));
        Assert.That(entry.Shape, Is.EqualTo(new long[] { 2, 1 }));
        Assert.That(entry.Length, Is.EqualTo(4));
        Assert.That(entry.Offset, Is.EqualTo(new FileInfo(_folder["f"]).Length - 4));
        var payload = new byte[4];
        reader.Read(entry, payload);
        Assert.That(payload, Is.EqualTo(new byte[] { 2, 3, 4, 5 }));
        reader.Read(entry, 1, payload.AsSpan(0, 2));
        Assert.That(payload, Is.EqualTo(new byte[] { 3, 4, 4, 5 }));
        reader.Read(reader.Entries[1], []);
        Assert.That(reader.TryGetEntry("b", out _), Is.False);
    }

    [TestCase("{}")]
    [TestCase("{}      ")]
    [TestCase("""{"__metadata__":{}} """)]
    public void Open_NoTensors_IsValid(string header)
    {
        using var reader = Open(header);

        Assert.That(reader.Entries, Is.Empty);
        Assert.That(reader.Metadata, Is.Empty);
    }

    [TestCase("F64", 8)]
    [TestCase("I64", 8)]
    [TestCase("U64", 8)]
    [TestCase("F32", 4)]
    [TestCase("I32", 4)]
    [TestCase("U32", 4)]
    [TestCase("F16", 2)]
    [TestCase("BF16", 2)]
    [TestCase("I16", 2)]
    [TestCase("U16", 2)]
    [TestCase("I8", 1)]
    [TestCase("U8", 1)]
    [TestCase("BOOL", 1)]
    public void Open_EveryElementType_HasItsSize(string dtype, int size)
    {
        using var reader = Open(
            $$$"""{"a":{"dtype":"{{{dtype}}}","shape":[3],"data_offsets":[0,{{{3 * size}}}]}}""", new byte[3 * size]);

        Assert.That(reader.Entries[0].Length, Is.EqualTo(3 * size));
    }

    [TestCase("F4", 8, 4)]
    [TestCase("F6_E2M3", 4, 3)]
    [TestCase("F6_E3M2", 4, 3)]
    [TestCase("F8_E5M2", 3, 3)]
    [TestCase("F8_E4M3", 3, 3)]
    [TestCase("F8_E8M0", 3, 3)]
    [TestCase("F8_E4M3FNUZ", 3, 3)]
    [TestCase("F8_E5M2FNUZ", 3, 3)]
    [TestCase("C64", 3, 24)]
    public void Open_TypesThatNoModelHas_HaveTheirWidths(string dtype, int count, int length)
    {
        using var reader = Open(
            $$$"""{"a":{"dtype":"{{{dtype}}}","shape":[{{{count}}}],"data_offsets":[0,{{{length}}}]}}""", new byte[length]);
        Assert.That(reader.Entries[0].Length, Is.EqualTo(length));
    }

    // Each header is followed by eight payload bytes. Offsets count from the start of the file: header byte 0 is 8.
    [TestCase("", 8, "'{'", "an empty header")]
    [TestCase(" {}", 8, "'{'", "byte 0x20")]
    [TestCase("[]", 8, "'{'", "byte 0x5B")]
    [TestCase("{", 9, "a JSON object", "Expected depth to be zero")]
    [TestCase("{} x", 11, "a JSON object", "'x' is invalid after a single JSON value")]
    [TestCase("{}{}", 10, "a JSON object", "'{' is invalid after a single JSON value")]
    [TestCase("""{"a" 1}""", 13, "a JSON object", "'1' is invalid after a property name")]
    [TestCase("""{"a":1}""", 13, "an object for tensor \"a\"", "\"1\"")]
    [TestCase("""{"a":null}""", 13, "an object for tensor \"a\"", "\"null\"")]
    [TestCase("""{"a":[]}""", 13, "an object for tensor \"a\"", "an array")]
    [TestCase("""{"\ud800":{}}""", 9, "a name of whole characters", "half of a surrogate pair")]
    [TestCase("""{"a":{"dtype":"\udc00"}}""", 22, "a dtype of whole characters", "half of a surrogate pair")]
    [TestCase("""{"__metadata__":[]}""", 24, "an object of strings for __metadata__", "an array")]
    [TestCase("""{"__metadata__":{"k":1}}""", 29, "a string for __metadata__ key \"k\"", "\"1\"")]
    [TestCase("""{"__metadata__":{"k":"","k":""}}""", 32, "every __metadata__ key once", "\"k\" again")]
    [TestCase("""{"__metadata__":{},"__metadata__":{}}""", 27, "every name once", "\"__metadata__\" again")]
    [TestCase("""{"a":{"shape":[8],"data_offsets":[0,8]}}""", 9, "dtype of tensor \"a\"", "none")]
    [TestCase("""{"a":{"dtype":"U8","data_offsets":[0,8]}}""", 9, "shape of tensor \"a\"", "none")]
    [TestCase("""{"a":{"dtype":"U8","shape":[8]}}""", 9, "data_offsets of tensor \"a\"", "none")]
    [TestCase("""{"a":{"dtype":7}}""", 22, "a string for the dtype of tensor \"a\"", "\"7\"")]
    [TestCase("""{"a":{"shape":8}}""", 22, "an array for shape of tensor \"a\"", "\"8\"")]
    [TestCase("""{"a":{"shape":[-1]}}""", 23, "an integer from 0 to 2^63-1 in shape", "\"-1\"")]
    [TestCase("""{"a":{"shape":[1.0]}}""", 23, "an integer from 0 to 2^63-1 in shape", "\"1.0\"")]
    [TestCase("""{"a":{"shape":[1e3]}}""", 23, "an integer from 0 to 2^63-1 in shape", "\"1e3\"")]
    [TestCase("""{"a":{"shape":["1"]}}""", 23, "an integer from 0 to 2^63-1 in shape", "\"1\"")]
    [TestCase("""{"a":{"shape":[[1]]}}""", 23, "an integer from 0 to 2^63-1 in shape", "an array")]
    [TestCase("""{"a":{"data_offsets":[0,9223372036854775808]}}""", 32,
        "an integer from 0 to 2^63-1 in data_offsets", "9223372036854775808")]
    [TestCase("""{"a":{"dtype":"U8","dtype":"U8"}}""", 27, "every field of tensor \"a\" once", "dtype again")]
    [TestCase("""{"a":{"shape":[],"shape":[]}}""", 25, "every field of tensor \"a\" once", "shape again")]
    [TestCase("""{"a":{"dtype":"F8","shape":[8],"data_offsets":[0,8]}}""", 9, "a dtype out of BOOL, F4", "\"F8\"")]
    [TestCase("""{"a":{"dtype":"F4","shape":[3,5],"data_offsets":[0,7]}}""", 9, "whose F4 fill whole bytes", "[3,5]")]
    [TestCase("""{"a":{"dtype":"F6_E2M3","shape":[6],"data_offsets":[0,5]}}""", 9, "whose F6_E2M3 fill whole bytes", "[6]")]
    [TestCase("""{"a":{"dtype":"u8","shape":[8],"data_offsets":[0,8]}}""", 9, "a dtype out of BOOL, F4", "\"u8\"")]
    [TestCase("""{"a":{"dtype":"U8","shape":[8],"data_offsets":[8]}}""", 9, "two data_offsets of tensor \"a\"", "1")]
    [TestCase("""{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8,8]}}""", 9, "two data_offsets", "3")]
    [TestCase("""{"a":{"dtype":"U8","shape":[8],"data_offsets":[8,0]}}""", 9, "ascending data_offsets", "[8,0]")]
    [TestCase("""{"a":{"dtype":"U8","shape":[7],"data_offsets":[0,8]}}""", 9,
        "7 bytes for tensor \"a\" of U8 [7]", "data_offsets [0,8] of 8 bytes")]
    [TestCase("""{"a":{"dtype":"F32","shape":[8],"data_offsets":[0,8]}}""", 9, "32 bytes", "of 8 bytes")]
    // 2^32 * 2^32 = 2^64 and 2^61 * 8 = 2^64 would both wrap to 0; a later 0 does not excuse an overflow.
    [TestCase("""{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}""", 9,
        "a shape of tensor \"a\" within 63 bits", "[4294967296,4294967296]")]
    [TestCase("""{"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}}""", 9,
        "a shape of tensor \"a\" within 63 bits", "[2305843009213693952]")]
    [TestCase("""{"a":{"dtype":"U8","shape":[4294967296,4294967296,0],"data_offsets":[0,0]}}""", 9,
        "a shape of tensor \"a\" within 63 bits", "[4294967296,4294967296,0]")]
    [TestCase("""{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}""", 9,
        "tensor \"a\" within the file's 8 payload bytes", "data_offsets [0,9]")]
    [TestCase("""{"a":{"dtype":"U8","shape":[7],"data_offsets":[1,8]}}""", 9,
        "tensor \"a\" at data offset 0", "1, a hole")]
    [TestCase("""{"a":{"dtype":"U8","shape":[7],"data_offsets":[0,7]}}""", 68, "the end of the file", "1 bytes")]
    [TestCase("""{}""", 10, "the end of the file", "8 bytes that belong to no tensor")]
    public void Open_FaultyHeader_NamesPlaceExpectedAndFound(string header, int offset, string expected, string found)
    {
        var fault = Fault(SafeTensorsFile.Bytes(header, new byte[8]));

        Assert.That(fault, Does.StartWith($"{_folder["f"]}: byte {offset}: expected "));
        Assert.That(fault[..fault.IndexOf(", found ", StringComparison.Ordinal)], Does.Contain(expected));
        Assert.That(fault[fault.IndexOf(", found ", StringComparison.Ordinal)..], Does.Contain(found));
        Assert.That(fault, Does.Not.Contain('\n').And.Not.Contain('\r'));
    }

    [TestCase("""{"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]},""",
        """ "b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}""",
        62, "tensor \"b\" at data offset 5", "4, an overlap")]
    [TestCase("""{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},""",
        """ "b":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}""",
        62, "tensor \"b\" at data offset 8", "0, an overlap")]
    [TestCase("""{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},""",
        """ "b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}""",
        62, "tensor \"b\" at data offset 3", "4, a hole")]
    [TestCase("""{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},""",
        """ "a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}""",
        62, "every name once", "\"a\" again")]
    public void Open_TwoTensors_MustFollowEachOther(
        string first, string second, int offset, string expected, string found) =>
        Open_FaultyHeader_NamesPlaceExpectedAndFound(first + second, offset, expected, found);

    [Test]
    public void Open_HeaderIsNotUtf8_NamesTheByte() =>
        Assert.That(Fault(SafeTensorsFile.Bytes([.. "{\"ü"u8, 0xFF, .. "\":{}}"u8], [])),
            Does.EndWith("byte 12: expected UTF-8 text, found an invalid byte sequence"));

    [TestCase(0)]
    [TestCase(7)]
    public void Open_FileShorterThanItsPrefix_Faults(int length) =>
        Assert.That(Fault(new byte[length]),
            Does.EndWith($"byte 0: expected 8 bytes of header length, found a file of {length}"));

    [TestCase("0300000000000000", "a header within the 2 bytes that follow, found 3")]
    [TestCase("00E1F50500000000", "a header within the 2 bytes that follow, found 100000000")]
    [TestCase("01E1F50500000000", "a header of at most 100000000 bytes, found 100000001")]
    [TestCase("FFFFFFFFFFFFFFFF", "a header of at most 100000000 bytes, found 18446744073709551615")]
    public void Open_HeaderLengthBeyondTheFile_Faults(string prefix, string message) =>
        Assert.That(Fault([.. Convert.FromHexString(prefix), .. "{}"u8]), Does.EndWith($"byte 0: expected {message}"));

    [Test]
    public void Open_NamesFromTheFile_StayShortAndOnOneLine()
    {
        var name = string.Concat(Enumerable.Repeat("line\\n\u2028", 1000));

        var fault = Fault(SafeTensorsFile.Bytes($$"""{"{{name}}":1}"""));

        Assert.That(fault, Does.Contain("\"line\\n\\u2028line").And.Contain("...\""));
        Assert.That(fault, Has.Length.LessThan(500).And.Not.Contain('\n').And.Not.Contain('\u2028'));
    }

    [Test]
    public void Open_DeepNesting_Faults() =>
        Assert.That(Fault(SafeTensorsFile.Bytes($$"""{"a":{"x":{{new string('[', 100_000)}}""")),
            Does.Contain("expected a JSON object"));

    [Test]
    public void Open_MissingFile_Throws() =>
        Assert.That(() => new SafeTensorsReader(_folder["none"]), Throws.TypeOf<FileNotFoundException>());

    [Test]
    public void Read_WrongLengthOrPartOrEntry_Throws()
    {
        using var reader = Open("""{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}""", 1, 2, 3, 4);
        var entry = reader.Entries[0];

        Assert.That(() => reader.Read(entry, new byte[3]), Throws.ArgumentException.With.Message.Contains(
            "tensor a holds 4 bytes, the destination 3"));
        foreach (var start in (long[])[-1, 3, 5, long.MaxValue, long.MinValue])
        {
            Assert.That(() => reader.Read(entry, start, new byte[2]), Throws.ArgumentException.With.Message.Contains(
                string.Create(CultureInfo.InvariantCulture, $"not 2 from {start} on")));
        }

        Assert.That(() => reader.Read(entry with { Offset = 0 }, new byte[4]),
            Throws.ArgumentException.With.Message.Contains("tensor a is not an entry of"));
    }

    [Test]
    public void Read_FileCutShortSinceOpening_Faults()
    {
        using var reader = Open("""{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}""", 1, 2, 3, 4);
        using (var file = File.OpenHandle(_folder["f"], FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            RandomAccess.SetLength(file, reader.Entries[0].Offset + 1);

        Assert.That(() => reader.Read(reader.Entries[0], new byte[4]),
            Throws.TypeOf<InvalidDataException>().With.Message.EndsWith(
                $"byte {reader.Entries[0].Offset + 1}: expected 3 more bytes, found the end of the file"));
    }

    [Test]
    public void Open_HeaderOfManySmallThings_AllocatesInProportion()
    {
        var tensors = new StringBuilder("{");
        for (var i = 0; i < 16_400; i++)
            tensors.Append(CultureInfo.InvariantCulture, $$"""
                {{(i == 0 ? "" : ",")}}"{{i:x}}":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}
                """);
        tensors.Append('}');
        var sizes = new StringBuilder("""{"a":{"dtype":"U8","data_offsets":[0,1],"shape":[1""");
        for (var i = 0; i < 524_300; i++)
            sizes.Append(",1");
        sizes.Append("]}}");

        foreach (var file in (byte[][])[
            SafeTensorsFile.Bytes(tensors.ToString()), SafeTensorsFile.Bytes(sizes.ToString(), 0)])
        {
            File.WriteAllBytes(_folder["f"], file);
            var before = GC.GetAllocatedBytesForCurrentThread();
            new SafeTensorsReader(_folder["f"]).Dispose();
            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

            Assert.That(allocated, Is.LessThan(16 * file.Length + (1 << 20)));
        }
    }

    private SafeTensorsReader Open(string header, params byte[] payload)
    {
        File.WriteAllBytes(_folder["f"], SafeTensorsFile.Bytes(header, payload));
        return new SafeTensorsReader(_folder["f"]);
    }

    private string Fault(byte[] file)
    {
        File.WriteAllBytes(_folder["f"], file);
        var fault = Assert.Throws<InvalidDataException>(() => new SafeTensorsReader(_folder["f"]));

        // A reader that fails must not keep the file open.
        File.OpenHandle(_folder["f"], FileMode.Open, FileAccess.ReadWrite, FileShare.None).Dispose();
        return fault!.Message;
    }
}
