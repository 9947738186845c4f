namespace CudaBn.Serialization;

/// <summary>Tells formats of tensor files apart.</summary>
internal static class TensorFile
{
    /// <summary>The end of names of npz files.</summary>
    public const string NpzExtension = ".npz";

    /// <summary>Opens a file in the format that its first bytes are of: npz, else safetensors.</summary>
    /// <exception cref="InvalidDataException">The file is broken.</exception>
    /// <exception cref="IOException">The file does not exist or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read, or is a folder.</exception>
    public static ITensorFile Open(string path)
    {
        bool isZip;
        using (var file = new FileBytes(path))
        {
            Span<byte> start = stackalloc byte[4];
            // An archive without members begins with what others end with.
            isZip = file.ReadSome(0, start) == start.Length
                && (start.SequenceEqual("PK\x03\x04"u8) || start.SequenceEqual("PK\x05\x06"u8));
        }

        return isZip ? new NpzReader(path) : new SafeTensorsReader(path);
    }

    /// <summary>Writes a file in the format that its name ends with: npz, else safetensors.</summary>
    /// <inheritdoc cref="SafeTensorsWriter.Write"/>
    public static void Write(
        string path, IEnumerable<TensorSource> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        if (IsNpz(path))
            NpzWriter.Write(path, tensors, metadata);
        else
            SafeTensorsWriter.Write(path, tensors, metadata);
    }

    /// <summary>Whether a file of this name is written as npz.</summary>
    public static bool IsNpz(string path) =>
        Path.GetExtension(path).Equals(NpzExtension, StringComparison.OrdinalIgnoreCase);
}
