using System.Buffers.Binary;
using CudaBn.Serialization;
using CudaBn.Tests.Core;
using NUnit.Framework;

namespace CudaBn.Tests.Serialization;

/// <summary>Archives with one thing wrong each. Two stored members of three bytes each; offsets are those of the format's
/// description.</summary>
public class ZipDirectoryTests
{
    private const int LocalLength = 30 + 1 + 3;
    private const int Directory = 2 * LocalLength;
    private const int EntryLength = 46 + 1;
    private const int End = Directory + (2 * EntryLength);

    private TemporaryFolder _folder = null!;

    private string Path => _folder["f.zip"];

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Read_SoundArchive_GivesMembersAndTheirBytes()
    {
        var (members, contents) = Read(Archive());
        Assert.That(members.Select(member => member.Name), Is.EqualTo(new[] { "a", "b" }));
        Assert.That(contents, Is.EqualTo(new byte[][] { [1, 2, 3], [4, 5, 6] }));
    }

    [Test]
    public void Read_EndRecordBehindAComment_IsFound()
    {
        // The comment holds what looks like an end record.
        byte[] comment = [.. Archive()[End..], 7];
        var archive = Archive();
        archive[^2] = (byte)comment.Length;
        var (members, _) = Read([.. archive, .. comment]);
        Assert.That(members, Has.Count.EqualTo(2));
    }

    [Test]
    public void Read_Zip64_GivesTheSame()
    {
        var archive = Archive().ToList();
        // The second member's sizes and place go into a field of its own.
        var entry = Directory + EntryLength;
        var field = new byte[4 + 24];
        BinaryPrimitives.WriteUInt16LittleEndian(field, 1);
        BinaryPrimitives.WriteUInt16LittleEndian(field.AsSpan(2), 24);
        BinaryPrimitives.WriteUInt64LittleEndian(field.AsSpan(4), 3);
        BinaryPrimitives.WriteUInt64LittleEndian(field.AsSpan(12), 3);
        BinaryPrimitives.WriteUInt64LittleEndian(field.AsSpan(20), LocalLength);
        archive.InsertRange(entry + EntryLength, field);
        var bytes = archive.ToArray();
        bytes.AsSpan(entry + 20, 8).Fill(0xFF);
        bytes.AsSpan(entry + 42, 4).Fill(0xFF);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(entry + 30), (ushort)field.Length);

        // And the directory's into a record and a locator before the end record.
        var end = End + field.Length;
        var record = new byte[56];
        BinaryPrimitives.WriteUInt32LittleEndian(record, 0x06064B50);
        BinaryPrimitives.WriteUInt64LittleEndian(record.AsSpan(4), 44);
        BinaryPrimitives.WriteUInt64LittleEndian(record.AsSpan(24), 2);
        BinaryPrimitives.WriteUInt64LittleEndian(record.AsSpan(32), 2);
        BinaryPrimitives.WriteUInt64LittleEndian(record.AsSpan(40), (ulong)(end - Directory));
        BinaryPrimitives.WriteUInt64LittleEndian(record.AsSpan(48), Directory);
        var locator = new byte[20];
        BinaryPrimitives.WriteUInt32LittleEndian(locator, 0x07064B50);
        BinaryPrimitives.WriteUInt64LittleEndian(locator.AsSpan(8), (ulong)end);
        locator[16] = 1;
        bytes.AsSpan(end + 8, 12).Fill(0xFF);

        var (members, contents) = Read([.. bytes[..end], .. record, .. locator, .. bytes[end..]]);
        Assert.That(members.Select(member => member.Name), Is.EqualTo(new[] { "a", "b" }));
        Assert.That(contents, Is.EqualTo(new byte[][] { [1, 2, 3], [4, 5, 6] }));

        BinaryPrimitives.WriteUInt64LittleEndian(locator.AsSpan(8), ulong.MaxValue);
        AssertRefused([.. bytes[..end], .. record, .. locator, .. bytes[end..]], end + 56 + 8, "a zip64 end record before");
        BinaryPrimitives.WriteUInt64LittleEndian(locator.AsSpan(8), 0);
        AssertRefused([.. bytes[..end], .. record, .. locator, .. bytes[end..]], 0, "the signature 06064B50");
    }

    [TestCase(End, 0, End + 22, "an end record of a zip archive")]
    [TestCase(End + 4, 1, End + 4, "an archive in one part")]
    [TestCase(End + 8, 1, End + 8, "all 2 members in this part")]
    [TestCase(End + 12, 7, End, "a directory that ends at 162")]
    [TestCase(End + 16, 7, End, "a directory that ends at 162")]
    [TestCase(Directory, 0, Directory, "2 entries of members")]
    [TestCase(Directory + EntryLength + 30, 200, Directory + EntryLength, "an entry within the 47 bytes left")]
    [TestCase(Directory + 8, 1, Directory + 8, "\"a\" neither encrypted nor patched")]
    [TestCase(Directory + 10, 12, Directory + 10, "stored or deflated", "method 12")]
    [TestCase(Directory + 23, 1, Directory, "\"a\" within the 68 bytes before the directory")]
    [TestCase(Directory + 45, 1, Directory, "\"a\" within the 68 bytes before the directory")]
    [TestCase(Directory + 24, 4, Directory + 24, "a size that 3 bytes hold", "found 4")]
    [TestCase(Directory + 42, 60, 60, "the local header of \"a\"")]
    [TestCase(Directory + 42, 1, 1, "the signature 04034B50 of \"a\"'s local header")]
    [TestCase(26, 40, 0, "3 bytes of \"a\" before 68", "their start at 70")]
    [TestCase(26, 2, 30, "the name \"a\", as in the directory")]
    [TestCase(30, (byte)'c', 30, "the name \"a\", as in the directory")]
    [TestCase(Directory + 46, 0xFC, Directory + 46, "a name in ASCII, or marked as UTF-8")]
    public void Read_OneByteChanged_NamesPlaceAndRule(int at, int value, int offset, params string[] parts)
    {
        var archive = Archive();
        archive[at] = (byte)value;
        AssertRefused(archive, offset, parts);
    }

    [Test]
    public void Read_NameMarkedAsUtf8ThatIsNot_IsRefused()
    {
        var archive = Archive();
        archive[Directory + 9] = 0x08;
        archive[Directory + 46] = archive[30] = 0xFC;
        AssertRefused(archive, Directory + 46, "a name in UTF-8");
    }

    [Test]
    public void Read_NameTwice_IsRefused()
    {
        var archive = Archive();
        archive[Directory + EntryLength + 46] = archive[LocalLength + 30] = (byte)'a';
        AssertRefused(archive, Directory + EntryLength, "every name once", "\"a\" again");
    }

    [Test]
    public void Read_OverlappingMembers_AreRefused()
    {
        var archive = Archive();
        // The first member claims the second one's header, too.
        archive[Directory + 20] = archive[Directory + 24] = 4;
        AssertRefused(archive, Directory + EntryLength, "\"b\" behind \"a\", which ends at 35", "34, an overlap");
    }

    [Test]
    public void Read_OtherCountThanEntries_IsRefused()
    {
        var archive = Archive();
        archive[End + 8] = archive[End + 10] = 3;
        AssertRefused(archive, Directory, "3 members, as the end record says", "2");
    }

    [Test]
    public void Read_DeflatedPromiseBeyondTheFormat_IsRefused()
    {
        var archive = Archive();
        archive[Directory + 10] = 8;
        BinaryPrimitives.WriteUInt32LittleEndian(archive.AsSpan(Directory + 24), 4 * 1032);
        AssertRefused(archive, Directory + 24, "\"a\" of a size that 3 bytes hold deflated", "4128");
    }

    [Test]
    public void Read_CutAnywhere_IsRefused()
    {
        var archive = Archive();
        for (var length = 0; length < archive.Length; length++)
            AssertRefused(archive[..length], length, "an end record");
    }

    [Test]
    public void Crc32_IsThatOfTheStandard()
    {
        var crc = new Crc32();
        crc.Add("1234"u8);
        crc.Add("56789"u8);
        Assert.That(crc.Value, Is.EqualTo(0xCBF43926));
    }

    private void AssertRefused(byte[] archive, int offset, params string[] parts) => ErrorAssert.Throws<InvalidDataException>(
        () => Read(archive), [$"{Path}: byte {offset}: expected ", ", found ", .. parts]);

    private (IReadOnlyList<ZipMember> Members, byte[][] Contents) Read(byte[] archive)
    {
        File.WriteAllBytes(Path, archive);
        using var file = new FileBytes(Path);
        var (members, _) = ZipDirectory.Read(file);
        return (members, [.. members.Select(member =>
        {
            var content = new byte[member.Length];
            using var stream = member.Open(file);
            stream.ReadExactly(content);
            return content;
        })]);
    }

    private static byte[] Archive()
    {
        byte[] a = [1, 2, 3], b = [4, 5, 6];
        byte[] archive =
        [
            .. Local("a"u8, a), .. Local("b"u8, b), .. Entry("a"u8, a, 0), .. Entry("b"u8, b, LocalLength),
            .. new byte[22],
        ];
        var end = archive.AsSpan(End);
        BinaryPrimitives.WriteUInt32LittleEndian(end, 0x06054B50);
        end[8] = end[10] = 2;
        BinaryPrimitives.WriteInt32LittleEndian(end[12..], End - Directory);
        BinaryPrimitives.WriteInt32LittleEndian(end[16..], Directory);
        return archive;
    }

    private static byte[] Local(ReadOnlySpan<byte> name, byte[] content)
    {
        var header = new byte[30];
        BinaryPrimitives.WriteUInt32LittleEndian(header, 0x04034B50);
        WriteSums(header.AsSpan(14), content);
        header[26] = (byte)name.Length;
        return [.. header, .. name, .. content];
    }

    private static byte[] Entry(ReadOnlySpan<byte> name, byte[] content, int at)
    {
        var header = new byte[46];
        BinaryPrimitives.WriteUInt32LittleEndian(header, 0x02014B50);
        WriteSums(header.AsSpan(16), content);
        header[28] = (byte)name.Length;
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(42), at);
        return [.. header, .. name];
    }

    private static void WriteSums(Span<byte> target, byte[] content)
    {
        var crc = new Crc32();
        crc.Add(content);
        BinaryPrimitives.WriteUInt32LittleEndian(target, crc.Value);
        BinaryPrimitives.WriteInt32LittleEndian(target[4..], content.Length);
        BinaryPrimitives.WriteInt32LittleEndian(target[8..], content.Length);
    }
}
