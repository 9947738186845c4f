using System.Buffers.Binary;
using System.IO.Compression;

namespace CudaBn.Tests.Data;

/// <summary>IDX files as byte arrays, written from the format's description, not by the library.</summary>
internal static class IdxBytes
{
    public static byte[] Images(int count, int height, int width, ReadOnlySpan<byte> pixels) =>
        [.. Header(0x00000803, (uint)count, (uint)height, (uint)width), .. pixels];

    public static byte[] Labels(ReadOnlySpan<byte> labels) => [.. Header(0x00000801, (uint)labels.Length), .. labels];

    public static byte[] Header(uint magic, params ReadOnlySpan<uint> dimensions)
    {
        var header = new byte[4 + 4 * dimensions.Length];
        BinaryPrimitives.WriteUInt32BigEndian(header, magic);
        for (var i = 0; i < dimensions.Length; i++)
            BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(4 + 4 * i), dimensions[i]);
        return header;
    }

    public static byte[] Gzip(ReadOnlySpan<byte> content)
    {
        using var target = new MemoryStream();
        using (var gzip = new GZipStream(target, CompressionLevel.Optimal))
            gzip.Write(content);
        return target.ToArray();
    }

    public static byte[] Random(int seed, int count)
    {
        var bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
