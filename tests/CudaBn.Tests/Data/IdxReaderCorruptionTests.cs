using System.Buffers.Binary;
using System.IO.Compression;
using NUnit.Framework;

namespace CudaBn.Tests.Data;

/// <summary>
/// Thousands of damaged files: each is read rightly or refused by name, and costs memory as it has bytes.
/// </summary>
public class IdxReaderCorruptionTests
{
    private const int FilesPerKind = 1500;

    // The reader may hold a piece, its larger copy and the pieces before them.
    private const int BytesPerByte = 8;

    private static readonly byte[] _small = IdxBytes.Images(6, 5, 4, IdxBytes.Random(3, 6 * 5 * 4));
    private static readonly byte[] _compressible = IdxBytes.Images(150, 28, 28, new byte[150 * 28 * 28]);

    [Test]
    public void PlainFile_IsReadAsItsBytesSayOrRefused()
    {
        var random = new Random(11);
        CheckMany(() =>
        {
            var file = Mutate(_small, random, headerBytes: 16);
            return (file, Expected(file), file.Length);
        });
    }

    [Test]
    public void GzipOfBrokenFile_IsReadAsItsBytesSayOrRefused()
    {
        var random = new Random(12);
        CheckMany(() =>
        {
            var content = Mutate(random.Next(10) == 0 ? _compressible : _small, random, headerBytes: 16);
            return (IdxBytes.Gzip(content), Expected(content), content.Length);
        });
    }

    [Test]
    public void BrokenGzip_IsReadAsBeforeOrRefused()
    {
        var random = new Random(13);
        var files = new[] { _small, _compressible };
        CheckMany(() =>
        {
            var content = files[random.Next(files.Length)];
            var intact = IdxBytes.Gzip(content);
            var file = Mutate(intact, random, headerBytes: 10);
            // The check sum of gzip leaves two outcomes. Only a whole file may be read, with something changed in its
            // header that does not matter.
            var decoded = Decompress(file);
            var isWhole = decoded.AsSpan().SequenceEqual(content) && file.AsSpan().EndsWith(intact.AsSpan(^8..));
            return (file, isWhole ? content[16..] : null, Math.Max(file.Length, decoded.Length));
        },
        mayRefuseWhole: true);
    }

    private static void CheckMany(
        Func<(byte[] File, byte[]? Expected, int Size)> next, bool mayRefuseWhole = false)
    {
        using var folder = new TestFolder();
        var (read, refused) = (0, 0);
        for (var i = 0; i < FilesPerKind; i++)
        {
            var (file, expected, size) = next();
            var path = folder.Write($"file{i}.idx", file);
            var before = GC.GetAllocatedBytesForCurrentThread();
            IdxImages? images = null;
            InvalidDataException? refusal = null;
            try
            {
                images = IdxReader.ReadImages(path);
            }
            catch (InvalidDataException e)
            {
                refusal = e;
            }

            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.That(
                allocated, Is.LessThan((long)size * BytesPerByte + (1 << 20)), $"file {i} of {file.Length} bytes");
            if (images is not null)
            {
                read++;
                Assert.That(expected, Is.Not.Null, $"file {i} is broken but was read: {Convert.ToHexString(file)}");
                Assert.That(images.Pixels.Span.SequenceEqual(expected), Is.True, $"file {i} was read wrongly");
                Assert.That((long)images.Count * images.Height * images.Width, Is.EqualTo(expected!.Length));
            }
            else
            {
                refused++;
                Assert.That(expected is null || mayRefuseWhole, Is.True, $"file {i} is sound: {refusal!.Message}");
                Assert.That(refusal!.Message, Does.StartWith($"{path}: offset ").And.Not.Contains("\n"));
            }
        }

        Assert.That(read, Is.GreaterThan(FilesPerKind / 100), "too few readable files to test anything");
        Assert.That(refused, Is.GreaterThan(FilesPerKind / 2), "too few refused files to test anything");
    }

    // What a plain file holds by the format's description; null where it is broken.
    private static byte[]? Expected(byte[] file)
    {
        if (file.Length < 16 || BinaryPrimitives.ReadUInt32BigEndian(file) != 0x803)
            return null;

        var elements = Int128.One;
        for (var offset = 4; offset < 16; offset += 4)
            elements *= BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(offset));
        return elements > 0 && elements == file.Length - 16 ? file[16..] : null;
    }

    private static byte[] Mutate(byte[] intact, Random random, int headerBytes)
    {
        var file = new List<byte>(intact);
        for (var changes = random.Next(1, 4); changes > 0 && file.Count > headerBytes; changes--)
        {
            var at = random.Next(file.Count);
            switch (random.Next(6))
            {
                case 0:
                    file[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    file.RemoveRange(at, file.Count - at);
                    break;
                case 2:
                    file.InsertRange(random.Next(2) == 0 ? at : file.Count, new byte[random.Next(1, 40)]);
                    break;
                case 3:
                    file.RemoveRange(at, Math.Min(random.Next(1, 5), file.Count - at));
                    break;
                case 4:
                    file[random.Next(headerBytes)] = (byte)random.Next(256);
                    break;
                case 5:
                    byte[] word = random.Next(3) switch
                    {
                        0 => [0x7F, 0xFF, 0xFF, 0xFF],
                        1 => [0, 0, 0, (byte)random.Next(8)],
                        _ => [(byte)random.Next(256), (byte)random.Next(256), (byte)random.Next(256), 0],
                    };
                    var field = random.Next(headerBytes / 4) * 4;
                    for (var i = 0; i < 4; i++)
                        file[field + i] = word[i];
                    break;
            }
        }

        return [.. file];
    }

    private static byte[] Decompress(byte[] file)
    {
        using var decoded = new MemoryStream();
        try
        {
            using var gzip = new GZipStream(new MemoryStream(file), CompressionMode.Decompress);
            gzip.CopyTo(decoded);
        }
        catch (InvalidDataException)
        {
            // What came before the damage counts.
        }

        return decoded.ToArray();
    }
}
