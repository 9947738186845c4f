using Microsoft.Win32.SafeHandles;

namespace CudaBn.Serialization;

/// <summary>The bytes of an open file, read from any place and from several threads at once.</summary>
internal sealed class FileBytes : IDisposable
{
    private readonly SafeFileHandle _handle;

    /// <summary>Opens a file; others may read, replace or delete it meanwhile.</summary>
    /// <exception cref="IOException">The file does not exist or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read, or is a folder.</exception>
    public FileBytes(string path)
    {
        Path = path;
        _handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        Length = RandomAccess.GetLength(_handle);
    }

    /// <summary>The path as it was given.</summary>
    public string Path { get; }

    /// <summary>The length when the file was opened.</summary>
    public long Length { get; }

    /// <summary>Fills the destination.</summary>
    /// <exception cref="InvalidDataException">The file ends before.</exception>
    public void Read(long offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            var count = ReadSome(offset, destination);
            if (count == 0)
                throw BrokenFile.At(Path, offset, $"{destination.Length} more bytes", "the end of the file");
            offset += count;
            destination = destination[count..];
        }
    }

    /// <summary>Reads at least one byte where the file has one there.</summary>
    /// <returns>How many were read.</returns>
    public int ReadSome(long offset, Span<byte> destination) => RandomAccess.Read(_handle, destination, offset);

    public void Dispose() => _handle.Dispose();
}
