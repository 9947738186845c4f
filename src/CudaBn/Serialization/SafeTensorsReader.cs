using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace CudaBn.Serialization;

/// <summary>
/// An open safetensors file: eight bytes of header length, a JSON header, then the payloads. The whole header is
/// checked against the length of the file when it is opened, and no payload is read before it is asked for.
/// </summary>
/// <remarks>The format: https://github.com/huggingface/safetensors, section Format of its README. Like the format's own
/// reader, this one refuses holes, overlaps, duplicate names and headers above 100,000,000 bytes. Reading is safe from
/// several threads.</remarks>
public sealed class SafeTensorsReader : ITensorFile
{
    private readonly FileBytes _file;
    private readonly Dictionary<string, SafeTensorsEntry> _byName;

    /// <summary>Opens a file and checks its header.</summary>
    /// <exception cref="InvalidDataException">The file is not a valid safetensors file; the message names the file, the
    /// byte offset, what was expected there and what was found.</exception>
    /// <exception cref="IOException">The file does not exist or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read, or is a folder.</exception>
    public SafeTensorsReader(string path)
    {
        _file = new FileBytes(path);
        try
        {
            (Entries, var metadata) = new SafeTensorsHeaderParser(ReadHeader(), path, _file.Length).Parse();
            Metadata = metadata;
            _byName = new Dictionary<string, SafeTensorsEntry>(Entries.Length);
            foreach (var entry in Entries)
                _byName.Add(entry.Name, entry);
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    /// <summary>The path as it was given.</summary>
    public string Path => _file.Path;

    /// <summary>All tensors, in the order of their payloads.</summary>
    public ImmutableArray<SafeTensorsEntry> Entries { get; }

    /// <summary>The free-form texts of the header's __metadata__; empty if it has none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Finds a tensor by its name.</summary>
    public bool TryGetEntry(string name, [NotNullWhen(true)] out SafeTensorsEntry? entry) =>
        _byName.TryGetValue(name, out entry);

    /// <summary>Reads a whole tensor.</summary>
    /// <param name="entry">One of <see cref="Entries"/>.</param>
    /// <param name="destination">As long as the entry's <see cref="TensorEntry.Length"/>.</param>
    /// <exception cref="ArgumentException">The entry is of another file, or the destination of another length.
    /// </exception>
    /// <exception cref="InvalidDataException">The file has been cut short since it was opened.</exception>
    public void Read(SafeTensorsEntry entry, Span<byte> destination)
    {
        if (destination.Length != entry.Length)
        {
            throw new ArgumentException(
                $"tensor {entry.Name} holds {entry.Length} bytes, the destination {destination.Length}",
                nameof(destination));
        }

        Read(entry, 0, destination);
    }

    /// <summary>Reads a part of a tensor, for one that is converted piece by piece or exceeds a span.</summary>
    /// <param name="entry">One of <see cref="Entries"/>.</param>
    /// <param name="start">The first byte to read, counted from the start of the tensor.</param>
    /// <param name="destination">Is filled; start plus its length stays within the entry's length.</param>
    /// <exception cref="ArgumentException">The entry is of another file, or the part lies outside of it.</exception>
    /// <exception cref="InvalidDataException">The file has been cut short since it was opened.</exception>
    public void Read(SafeTensorsEntry entry, long start, Span<byte> destination)
    {
        if (!_byName.TryGetValue(entry.Name, out var own) || !ReferenceEquals(own, entry))
            throw new ArgumentException($"tensor {entry.Name} is not an entry of {Path}", nameof(entry));
        if (start < 0 || start > entry.Length - destination.Length)
        {
            throw new ArgumentException(
                $"tensor {entry.Name} holds {entry.Length} bytes, not {destination.Length} from {start} on",
                nameof(start));
        }

        _file.Read(entry.Offset + start, destination);
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file.Dispose();

    string ITensorFile.Format => "safetensors";

    IReadOnlyList<TensorEntry> ITensorFile.Tensors => Entries;

    Stream ITensorFile.OpenElements(TensorEntry tensor) =>
        new FileRangeStream(_file, ((SafeTensorsEntry)tensor).Offset, tensor.Length);

    private byte[] ReadHeader()
    {
        var fileLength = _file.Length;
        if (fileLength < SafeTensorsHeaderParser.PrefixLength)
        {
            throw BrokenFile.At(
                Path, 0, $"{SafeTensorsHeaderParser.PrefixLength} bytes of header length", $"a file of {fileLength}");
        }

        Span<byte> prefix = stackalloc byte[SafeTensorsHeaderParser.PrefixLength];
        _file.Read(0, prefix);
        var length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > SafeTensorsHeaderParser.MaxHeaderLength)
        {
            throw BrokenFile.At(
                Path, 0, $"a header of at most {SafeTensorsHeaderParser.MaxHeaderLength} bytes", $"{length}");
        }

        var rest = fileLength - prefix.Length;
        if (length > (ulong)rest)
            throw BrokenFile.At(Path, 0, $"a header within the {rest} bytes that follow", $"{length}");

        var header = new byte[length];
        _file.Read(prefix.Length, header);
        return header;
    }
}
