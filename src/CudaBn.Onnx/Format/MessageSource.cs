namespace CudaBn.Onnx.Format;

/// <summary>A file in memory that messages are read out of.</summary>
/// <param name="path">Its path, for messages to the user.</param>
/// <param name="bytes">All of it.</param>
internal sealed class MessageSource(string path, byte[] bytes)
{
    public byte[] Bytes => bytes;

    /// <summary>Where the field that was read last begins.</summary>
    public long Offset { get; set; }

    /// <summary>What is wrong there.</summary>
    public InvalidDataException Fault(string expected, Exception? cause = null) =>
        new($"{path}: byte {Offset}: expected {expected}.", cause);
}
