using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;

namespace CudaBn.Backends.Cuda;

/// <summary>Compiled kernel files: of this process, else from disk, else from the compiler. Any number of threads may ask;
/// they compile different files at once, and the same file once.</summary>
internal sealed class KernelImages(CubinCache cache)
{
    private static readonly Lazy<KernelImages> LazyOfThisProcess = new(() => new(CubinCache.OfThisProcess()));

    private readonly ConcurrentDictionary<string, Lazy<byte[]>> _images = new();
    private int _compiled;

    public static KernelImages OfThisProcess => LazyOfThisProcess.Value;

    public CubinCache Cache { get; } = cache;

    /// <summary>How many files the compiler was asked for.</summary>
    public int CompiledCount => _compiled;

    /// <summary>A file compiled with options.</summary>
    /// <exception cref="KernelCompilationException">The source has an error.</exception>
    public byte[] Get(string file, string source, string[] options)
    {
        var key = Key(file, source, options);
        var name = Convert.ToHexString(key);
        try
        {
            return _images.GetOrAdd(name, _ => new Lazy<byte[]>(() => Load(key, file, source, options))).Value;
        }
        catch
        {
            // What went wrong may have been the moment's: the next to ask tries again.
            _images.TryRemove(name, out _);
            throw;
        }
    }

    /// <summary>A file compiled with options, whatever was kept of it: for an image that the driver refused.</summary>
    public byte[] Renew(string file, string source, string[] options)
    {
        var key = Key(file, source, options);
        var image = Compile(key, file, source, options);
        _images[Convert.ToHexString(key)] = new Lazy<byte[]>(image);
        return image;
    }

    private static byte[] Key(string file, string source, string[] options)
    {
        var (major, minor) = KernelCompiler.Version;
        var text = new StringBuilder();
        Add($"NVRTC {major}.{minor}");
        Add(file);
        Add(source);
        foreach (var (name, header) in KernelSources.Headers)
        {
            Add(name);
            Add(header);
        }

        foreach (var option in options)
            Add(option);
        return SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString()));

        // With its length in front, no part runs into the next.
        void Add(string part) => text.Append(part.Length).Append(':').Append(part);
    }

    private byte[] Load(byte[] key, string file, string source, string[] options) =>
        Cache.Read(key) ?? Compile(key, file, source, options);

    private byte[] Compile(byte[] key, string file, string source, string[] options)
    {
        Interlocked.Increment(ref _compiled);
        var image = KernelCompiler.Compile(file, source, options);
        Cache.Write(key, image);
        return image;
    }
}
