using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace CudaBn.Tests.Serialization;

/// <summary>Files put together by hand, right or wrong, without the writer.</summary>
internal static class NpzFile
{
    /// <summary>A .npy file of a header's text.</summary>
    public static byte[] Array(string header, ReadOnlySpan<byte> elements, byte major = 1)
    {
        var text = Encoding.UTF8.GetBytes(header);
        byte[] length = major == 1 ? new byte[2] : new byte[4];
        if (major == 1)
            BinaryPrimitives.WriteUInt16LittleEndian(length, (ushort)text.Length);
        else
            BinaryPrimitives.WriteInt32LittleEndian(length, text.Length);
        return [0x93, .. "NUMPY"u8, major, 0, .. length, .. text, .. elements];
    }

    /// <summary>An archive of files.</summary>
    public static byte[] Of(
        IEnumerable<(string Name, byte[] Content)> members,
        CompressionLevel compression = CompressionLevel.NoCompression,
        string comment = "")
    {
        using var stream = new MemoryStream();
        using (var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            archive.Comment = comment;
            foreach (var (name, content) in members)
            {
                using var member = archive.CreateEntry(name, compression).Open();
                member.Write(content);
            }
        }

        return stream.ToArray();
    }
}
