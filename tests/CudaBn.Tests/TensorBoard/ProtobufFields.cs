using System.Buffers.Binary;
using System.Text;

namespace CudaBn.Tests.TensorBoard;

/// <summary>The fields of a serialized message, read from the description of the wire format.</summary>
internal sealed class ProtobufFields
{
    private readonly List<(int Number, int Type, ulong Number64, byte[] Bytes)> _fields = [];

    public ProtobufFields(byte[] message)
    {
        for (var offset = 0; offset < message.Length;)
        {
            var key = Varint(message, ref offset);
            var (number, type) = ((int)(key >> 3), (int)(key & 7));
            var length = type switch
            {
                0 => 0,
                1 => 8,
                2 => checked((int)Varint(message, ref offset)),
                5 => 4,
                _ => throw new InvalidDataException($"offset {offset}: there is no wire type {type}."),
            };
            var value = type == 0 ? Varint(message, ref offset) : 0;
            _fields.Add((number, type, value, message.AsSpan(offset, length).ToArray()));
            offset += length;
        }
    }

    public bool Has(int number) => _fields.Exists(field => field.Number == number);

    public long Int64(int number) => (long)Only(number, 0).Number64;

    public double Double(int number) => BinaryPrimitives.ReadDoubleLittleEndian(Only(number, 1).Bytes);

    public float Float(int number) => BinaryPrimitives.ReadSingleLittleEndian(Only(number, 5).Bytes);

    public string String(int number) => Encoding.UTF8.GetString(Only(number, 2).Bytes);

    public ProtobufFields Message(int number) => new(Only(number, 2).Bytes);

    public double[] Doubles(int number) =>
        [.. Only(number, 2).Bytes.Chunk(8).Select(bytes => BinaryPrimitives.ReadDoubleLittleEndian(bytes))];

    private (int Number, int Type, ulong Number64, byte[] Bytes) Only(int number, int type)
    {
        var found = _fields.Single(field => field.Number == number);
        return found.Type == type ? found
            : throw new InvalidDataException($"field {number}: expected the wire type {type}, found {found.Type}.");
    }

    private static ulong Varint(byte[] bytes, ref int offset)
    {
        ulong value = 0;
        for (var shift = 0; ; shift += 7)
        {
            var part = bytes[offset++];
            value |= (ulong)(part & 0x7f) << shift;
            if (part < 0x80)
                return value;
        }
    }
}
