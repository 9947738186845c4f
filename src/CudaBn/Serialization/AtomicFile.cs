namespace CudaBn.Serialization;

/// <summary>Replaces whole files, so that a reader sees the old content or the new, never a part.</summary>
internal static class AtomicFile
{
    private const int BufferSize = 1 << 16;
    private const string TemporaryStem = ".cudabn-";
    private const string TemporaryExtension = ".tmp";

    // A writer has its file for itself alone. On Windows it leaves the right to delete it, without which AbandonAll could not.
    private static readonly FileShare _sharing = OperatingSystem.IsWindows() ? FileShare.Delete : FileShare.None;

    // Held for good once this process is about to end.
    private static readonly Lock _gate = new();
    private static readonly HashSet<string> _unfinished = [];

    /// <summary>
    /// Writes beside <paramref name="path"/>, flushes to the disk and renames over it, which is flushed to the disk, too.
    /// Whatever fails before that, the target stays as it was and nothing is left beside it.
    /// </summary>
    /// <param name="path">The target; its folder must exist.</param>
    /// <param name="content">Writes the new content; leaves the stream open.</param>
    /// <exception cref="IOException">The file cannot be created or written, or the target cannot be replaced.</exception>
    public static void Write(string path, Action<Stream> content)
    {
        var target = Path.GetFullPath(path);
        // In the same folder, for a rename is atomic within one file system only; and not named after the target, whose
        // name may already be as long as a name can be.
        var temporary = Path.Combine(
            Path.GetDirectoryName(target) ?? target, $"{TemporaryStem}{Guid.NewGuid():N}{TemporaryExtension}");

        using (var stream = Create(temporary, path))
        {
            try
            {
                content(stream);
                stream.Flush(flushToDisk: true);
            }
            catch (Exception fault)
            {
                Abandon(stream);
                Discard(temporary);
                if (fault is IOException or UnauthorizedAccessException)
                    throw new IOException($"cannot write {path}: {fault.Message}", fault);
                throw;
            }
        }

        try
        {
            lock (_gate)
            {
                File.Move(temporary, target, overwrite: true);
                _unfinished.Remove(temporary);
            }
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            Discard(temporary);
            throw new IOException($"cannot write {path}: {fault.Message}", fault);
        }

        FolderFlush.Flush(Path.GetDirectoryName(target) ?? target);
    }

    /// <summary>Deletes a file that nobody needs any more; if it cannot be deleted, it stays.</summary>
    public static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // It harms nobody but for the room that it takes.
        }
    }

    /// <summary>Removes what is half written in this process, which is about to end: whoever begins a file, or is done with one,
    /// waits for that.</summary>
    public static void AbandonAll()
    {
        _gate.Enter();
        foreach (var temporary in _unfinished)
            TryDelete(temporary);
    }

    /// <summary>Removes what writers left in a folder that were killed. A file that is being written, or that cannot be removed,
    /// is left alone.</summary>
    /// <exception cref="IOException">The folder cannot be read.</exception>
    public static void RemoveLeftovers(string folder)
    {
        foreach (var temporary in Directory.GetFiles(folder, $"{TemporaryStem}*{TemporaryExtension}"))
        {
            if (!IsBeingWritten(temporary))
                TryDelete(temporary);
        }
    }

    // One that may not be opened is another user's.
    private static bool IsBeingWritten(string temporary)
    {
        try
        {
            using var stream = new FileStream(temporary, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            return false;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }

    private static FileStream Create(string temporary, string path)
    {
        try
        {
            lock (_gate)
            {
                var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, _sharing, BufferSize);
                _unfinished.Add(temporary);
                return stream;
            }
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"cannot write {path}: {fault.Message}", fault);
        }
    }

    private static void Abandon(FileStream stream)
    {
        try
        {
            stream.Dispose();
        }
        catch (IOException)
        {
            // What it still held has no place to go, which is being reported.
        }
    }

    private static void Discard(string temporary)
    {
        lock (_gate)
        {
            TryDelete(temporary);
            _unfinished.Remove(temporary);
        }
    }
}
