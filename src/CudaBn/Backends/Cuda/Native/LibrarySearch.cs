using System.Runtime.InteropServices;

namespace CudaBn.Backends.Cuda.Native;

/// <summary>How a library was looked for, up to the first place that has it.</summary>
internal sealed class LibrarySearch
{
    private LibrarySearch(IReadOnlyList<LibraryAttempt> attempts, nint handle)
    {
        Attempts = attempts;
        Handle = handle;
    }

    /// <summary>Every place tried, in order. The last one has the library if any has.</summary>
    public IReadOnlyList<LibraryAttempt> Attempts { get; }

    /// <summary>The library; 0 if there is none.</summary>
    public nint Handle { get; }

    public bool IsFound => Handle != 0;

    /// <summary>The path that was loaded.</summary>
    public string? Path => IsFound ? Attempts[^1].Path : null;

    /// <summary>What the loader said of a file that is there and does not load.</summary>
    public string? Fault { get; private init; }

    /// <summary>Tries files in order.</summary>
    public static LibrarySearch In(IEnumerable<string> paths)
    {
        var attempts = new List<LibraryAttempt>();
        string? fault = null;
        foreach (var path in paths)
        {
            var isFile = System.IO.Path.IsPathRooted(path);
            if (isFile && !File.Exists(path))
            {
                attempts.Add(new LibraryAttempt(path, "no such file"));
                continue;
            }

            try
            {
                var handle = NativeLibrary.Load(path);
                attempts.Add(new LibraryAttempt(path, "loaded"));
                return new LibrarySearch(attempts, handle);
            }
            catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
            {
                // A bare name that is nowhere fails with the same exception as a file that is broken.
                attempts.Add(new LibraryAttempt(path, isFile ? OneLine(e.Message) : "not on the loader's path"));
                if (isFile)
                    fault ??= $"{path} does not load: {OneLine(e.Message)}";
            }
        }

        return new LibrarySearch(attempts, 0) { Fault = fault };
    }

    /// <summary>The first of some functions that the library lacks; null if it has them all.</summary>
    public string? FirstMissing(IEnumerable<string> functions) =>
        functions.FirstOrDefault(function => !NativeLibrary.TryGetExport(Handle, function, out _));

    /// <summary>Whether the library is there and has some functions.</summary>
    public bool Has(IEnumerable<string> functions) => IsFound && FirstMissing(functions) is null;

    private static string OneLine(string text) =>
        string.Join(' ', text.Split((char[])['\r', '\n'], StringSplitOptions.RemoveEmptyEntries));
}
