using System.Diagnostics;

namespace CudaBn;

/// <summary>
/// Keeps a folder to one downloading process at a time. The operating system drops the lock when its process ends,
/// however it ends; the empty lock file stays, because removing it would let two processes hold two locks of one
/// name.
/// </summary>
internal static class FolderLock
{
    private static readonly TimeSpan _poll = TimeSpan.FromMilliseconds(100);

    /// <summary>Waits for the lock as long as its holder makes headway: the folder's files grow.</summary>
    /// <exception cref="IOException">The folder cannot be written, or its holder makes no headway.</exception>
    public static async Task<FileStream> TakeAsync(
        string folder, TimeSpan patience, CancellationToken cancellationToken)
    {
        var path = Path.Combine(folder, ".lock");
        var sizeSeen = -1L;
        var waiting = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException e) when (IsSharingViolation(e))
            {
                var size = SizeOf(folder);
                if (size != sizeSeen)
                    waiting.Restart();
                else if (waiting.Elapsed > patience)
                    throw new IOException(
                        $"{path} is held by another process, which has downloaded nothing for " +
                        $"{patience.TotalSeconds:0.#} s.",
                        e);
                sizeSeen = size;
            }

            await Task.Delay(_poll, cancellationToken).ConfigureAwait(false);
        }
    }

    // ERROR_SHARING_VIOLATION on Windows; EAGAIN, which is 11 on Linux and 35 on macOS.
    private static bool IsSharingViolation(IOException e) => e.HResult is unchecked((int)0x80070020) or 11 or 35;

    private static long SizeOf(string folder) => new DirectoryInfo(folder).EnumerateFiles().Sum(LengthOf);

    // The holder may rename a file between its listing and its measuring.
    private static long LengthOf(FileInfo file) => file.Exists ? file.Length : 0;
}
