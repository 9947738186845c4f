using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;

namespace CudaBn.Serialization;

/// <summary>The SHA-256 of what a checkpoint says: its texts, then every tensor in the order of the file. A flipped bit
/// anywhere makes another one.</summary>
internal sealed class CheckpointHash : IDisposable
{
    /// <summary>The name of the tensor that holds it: after all others of its type, so that it stands last in the
    /// file.</summary>
    public const string Name = "sha256";

    public const string DType = "U8";

    public static readonly ImmutableArray<long> Shape = [SHA256.HashSizeInBytes];

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    public CheckpointHash(IReadOnlyDictionary<string, string> texts)
    {
        foreach (var (key, text) in texts.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            Add(key);
            Add(text);
        }
    }

    public void Add(string name, string dtype, ImmutableArray<long> shape, ReadOnlySpan<byte> payload)
    {
        Add(name);
        Add(dtype);
        Add(shape.Length);
        foreach (var size in shape)
            Add(size);
        _hash.AppendData(payload);
    }

    public byte[] Finish() => _hash.GetHashAndReset();

    public void Dispose() => _hash.Dispose();

    // With its length before it: so that "ab" and "c" is another thing than "a" and "bc".
    private void Add(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Add(bytes.Length);
        _hash.AppendData(bytes);
    }

    private void Add(long number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        _hash.AppendData(bytes);
    }
}
