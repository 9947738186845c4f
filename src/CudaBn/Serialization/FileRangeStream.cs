namespace CudaBn.Serialization;

/// <summary>A part of a file, read from its first byte to its last.</summary>
internal sealed class FileRangeStream(FileBytes file, long start, long length) : ReadOnlyStream
{
    private long _position;

    /// <exception cref="InvalidDataException">The file has been cut short since it was opened.</exception>
    public override int Read(Span<byte> buffer)
    {
        var wanted = buffer[..(int)Math.Min(buffer.Length, length - _position)];
        if (wanted.IsEmpty)
            return 0;
        var count = file.ReadSome(start + _position, wanted);
        if (count == 0)
            throw BrokenFile.At(file.Path, start + _position, $"{length - _position} more bytes", "the end of the file");
        _position += count;
        return count;
    }
}
