using System.Buffers.Binary;
using System.Text;

namespace CudaBn.Tests.Serialization;

/// <summary>Files put together by hand, right or wrong, without the writer.</summary>
internal static class SafeTensorsFile
{
    public static byte[] Bytes(string header, params byte[] payload) => Bytes(Encoding.UTF8.GetBytes(header), payload);

    public static byte[] Bytes(byte[] header, byte[] payload)
    {
        var length = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        return [.. length, .. header, .. payload];
    }
}
