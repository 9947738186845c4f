using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;

namespace CudaBn.Serialization;

/// <summary>
/// An open .npz file, what numpy.savez and numpy.savez_compressed write: a zip archive of arrays in .npy format. The whole
/// directory and the header of every array are checked when it is opened, and no elements are read before they are asked
/// for.
/// </summary>
/// <remarks>Arrays come as rows and little-endian, in whatever order of axes and bytes they were stored. Arrays of Python
/// objects are refused, for to read them is to run code. Reading is safe from several threads.</remarks>
public sealed class NpzReader : ITensorFile
{
    private const string ArrayExtension = ".npy";

    private readonly FileBytes _file;
    private readonly Dictionary<string, NpzArray> _byName = new(StringComparer.Ordinal);

    /// <summary>Opens a file and checks its directory and headers.</summary>
    /// <exception cref="InvalidDataException">The file is not a sound .npz file of numbers; the message names the file, the
    /// array where it is one, the byte offset, what was expected there and what was found.</exception>
    /// <exception cref="IOException">The file does not exist or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read, or is a folder.</exception>
    public NpzReader(string path)
    {
        _file = new FileBytes(path);
        try
        {
            var (members, comment) = ZipDirectory.Read(_file);
            Entries = [.. members.Select(ReadHeader)];
            Metadata = ReadMetadata(comment);
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    /// <summary>The path as it was given.</summary>
    public string Path => _file.Path;

    /// <summary>All arrays, in the order of the file, under NumPy's names for them: without .npy.</summary>
    public ImmutableArray<TensorEntry> Entries { get; }

    /// <summary>The free-form texts that <see cref="NpzWriter"/> keeps in the archive's comment. A comment of another origin
    /// is under the key comment; empty if there is none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    string ITensorFile.Format => "npz";

    IReadOnlyList<TensorEntry> ITensorFile.Tensors => Entries;

    /// <summary>Finds an array by its name.</summary>
    public bool TryGetEntry(string name, [NotNullWhen(true)] out TensorEntry? entry)
    {
        entry = _byName.GetValueOrDefault(name)?.Entry;
        return entry is not null;
    }

    /// <summary>Reads a whole array.</summary>
    /// <param name="entry">One of <see cref="Entries"/>.</param>
    /// <param name="destination">As long as the entry's <see cref="TensorEntry.Length"/>; receives the elements row-major
    /// and little-endian.</param>
    /// <exception cref="ArgumentException">The entry is of another file, or the destination of another length.</exception>
    /// <exception cref="InvalidDataException">The array is not what the archive says: of another length or check sum, or
    /// badly compressed.</exception>
    public void Read(TensorEntry entry, Span<byte> destination)
    {
        if (destination.Length != entry.Length)
        {
            throw new ArgumentException(
                $"array {entry.Name} holds {entry.Length} bytes, the destination {destination.Length}", nameof(destination));
        }

        using var elements = Open(entry);
        elements.ReadExactly(destination);
    }

    /// <summary>Opens the elements of an array, for one that is taken piece by piece or exceeds a span.</summary>
    /// <param name="entry">One of <see cref="Entries"/>.</param>
    /// <returns>As many bytes as the entry's <see cref="TensorEntry.Length"/>, row-major and little-endian. Reading them
    /// throws an InvalidDataException where the array is not what the archive says. The caller disposes it.</returns>
    /// <exception cref="ArgumentException">The entry is of another file.</exception>
    /// <exception cref="InvalidDataException">The array is stored column by column, which has it read here, and is
    /// broken.</exception>
    public Stream Open(TensorEntry entry)
    {
        if (!_byName.TryGetValue(entry.Name, out var array) || !ReferenceEquals(array.Entry, entry))
            throw new ArgumentException($"array {entry.Name} is not an entry of {Path}", nameof(entry));
        return array.Open(_file);
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file.Dispose();

    Stream ITensorFile.OpenElements(TensorEntry tensor) => Open(tensor);

    private TensorEntry ReadHeader(ZipMember member)
    {
        if (!member.Name.EndsWith(ArrayExtension, StringComparison.Ordinal))
        {
            throw BrokenFile.At(Path, member.DirectoryAt, $"members that end in {ArrayExtension}",
                BrokenFile.Quote(member.Name) + (member.Name.EndsWith("data.pkl", StringComparison.Ordinal)
                    ? ": a file of torch.save, to be saved by safetensors.torch.save_file instead"
                    : ""));
        }

        using var content = member.Open(_file);
        var header = NpyHeader.Read(content, member.Place(_file), member.Length);
        var entry = new TensorEntry(
            member.Name[..^ArrayExtension.Length], header.DType, header.Shape, header.ElementsLength);
        _byName.Add(entry.Name, new NpzArray(entry, member, header));
        return entry;
    }

    private static Dictionary<string, string> ReadMetadata(byte[] comment)
    {
        if (comment.Length == 0)
            return [];
        try
        {
            if (JsonSerializer.Deserialize(comment, NpzMetadataJson.Default.DictionaryStringString) is { } texts
                && !texts.ContainsValue(null!))
                return texts;
        }
        catch (JsonException)
        {
            // Not written by this library, so there is nothing wrong with it.
        }

        return new Dictionary<string, string> { [NpzWriter.ForeignComment] = Encoding.UTF8.GetString(comment) };
    }
}
