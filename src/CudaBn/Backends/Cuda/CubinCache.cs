using System.Buffers.Binary;
using System.Security.Cryptography;
using CudaBn.Serialization;

namespace CudaBn.Backends.Cuda;

/// <summary>Compiled kernels on disk, so that only the first start on a machine compiles. A file is named by the hash of
/// all that decides its content, and holds the hash of that name and its content: one that is damaged, cut off or put
/// under another name is never loaded.</summary>
/// <remarks>The folder is open to its user alone; one that others can write to is not used. Files are written beside and
/// renamed, so any number of threads and processes may share it. Where it cannot be used, kernels are compiled every
/// time and <see cref="Problem"/> says why.</remarks>
internal sealed class CubinCache
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private const UnixFileMode WritableByOthers = UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;

    private static readonly byte[] Magic = "CudaBn kernel 1\n"u8.ToArray();

    private CubinCache(string? folder, string? problem) => (Folder, Problem) = (folder, problem);

    /// <summary>Where the files are; null if nothing is kept.</summary>
    public string? Folder { get; private set; }

    /// <summary>Why nothing is kept, or why the last file could not be written; null if all is well.</summary>
    public string? Problem { get; private set; }

    /// <summary>The cache that the environment asks for: the folder <c>CUDABN_CACHE</c>, none if it says <c>off</c>, else
    /// one in the user's cache.</summary>
    public static CubinCache OfThisProcess() => Environment.GetEnvironmentVariable("CUDABN_CACHE") switch
    {
        "off" => new CubinCache(null, "CUDABN_CACHE=off"),
        { Length: > 0 } chosen => In(Path.GetFullPath(chosen)),
        _ => UserCache.Folder() is { } folder
            ? In(Path.Combine(folder, "kernels"))
            : new CubinCache(null, "this user has no cache folder; set CUDABN_CACHE"),
    };

    /// <summary>A cache in a folder, which is made if need be.</summary>
    public static CubinCache In(string folder)
    {
        try
        {
            return RefusalOf(folder) is { } refusal ? new CubinCache(null, refusal) : new CubinCache(folder, null);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return new CubinCache(null, $"{folder}: {fault.Message}");
        }
    }

    /// <summary>What was stored under a key, if it is whole.</summary>
    /// <param name="key">Hash of all that decides the content.</param>
    /// <returns>The content; null if there is none.</returns>
    public byte[]? Read(byte[] key)
    {
        if (Folder is null)
            return null;
        byte[] file;
        try
        {
            file = File.ReadAllBytes(PathOf(key));
        }
        catch (Exception fault) when (fault is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            Problem = fault.Message;
            return null;
        }

        var content = Magic.Length + sizeof(long) + SHA256.HashSizeInBytes;
        if (file.Length < content
            || !file.AsSpan(0, Magic.Length).SequenceEqual(Magic)
            || BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(Magic.Length)) != file.Length - content)
            return null;
        var hash = file.AsSpan(Magic.Length + sizeof(long), SHA256.HashSizeInBytes);
        return hash.SequenceEqual(Hash(key, file.AsSpan(content))) ? file[content..] : null;
    }

    /// <summary>Stores content, over whatever was there. Failure is noted in <see cref="Problem"/>: the content itself is
    /// at hand all the same.</summary>
    public void Write(byte[] key, byte[] content)
    {
        if (Folder is null)
            return;
        var length = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(length, content.Length);
        try
        {
            AtomicFile.Write(PathOf(key), stream =>
            {
                stream.Write(Magic);
                stream.Write(length);
                stream.Write(Hash(key, content));
                stream.Write(content);
            });
        }
        catch (IOException fault)
        {
            Problem = fault.Message;
        }
    }

    private static byte[] Hash(byte[] key, ReadOnlySpan<byte> content)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(key);
        hash.AppendData(content);
        return hash.GetHashAndReset();
    }

    // Who can write here can have any code run on the GPU in this user's name.
    private static string? RefusalOf(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
            return null;
        }

        if (Directory.Exists(folder))
        {
            if ((File.GetUnixFileMode(folder) & WritableByOthers) != 0)
                return $"others can write to {folder}";
            // Only the owner may: a folder of somebody else is refused with an exception.
            File.SetUnixFileMode(folder, OwnerOnly);
            return null;
        }

        Directory.CreateDirectory(folder, OwnerOnly);
        return null;
    }

    private string PathOf(byte[] key) => Path.Combine(Folder!, Convert.ToHexStringLower(key) + ".cubin");
}
