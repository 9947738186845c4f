using System.Diagnostics;
using System.Text;
using CudaBn.Serialization;

namespace CudaBn.Cli;

/// <summary>
/// Keeps a run folder to one training process at a time. The operating system drops the lock when its process ends,
/// however it ends. Two small files stand for it while it is held, the second to say by whom.
/// </summary>
internal sealed class RunLock : IDisposable
{
    public const string FileName = ".lock";
    public const string HolderName = ".lock-holder";

    private readonly FileStream _file;
    private readonly string _folder;

    private RunLock(FileStream file, string folder) => (_file, _folder) = (file, folder);

    /// <summary>Whether the folder is still the one that was locked, and says so: neither removed nor made anew by another
    /// process.</summary>
    public bool IsHeld => HolderOf(_folder) == ThisProcess;

    /// <summary>Takes the lock of an existing folder.</summary>
    /// <param name="folder">The folder of a run.</param>
    /// <exception cref="IOException">Another process trains in that folder, which the message names; or the folder cannot be
    /// written.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder, or the lock that another user left there, may not be
    /// written.</exception>
    public static RunLock Take(string folder) =>
        TryTake(folder) ?? throw new IOException(
            $"{folder}: {HolderOf(folder) ?? "another process"} trains in this folder; wait for it to end, or end it.");

    /// <summary>Takes the lock of an existing folder; null where another process has it.</summary>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder, or the lock that another user left there, may not be
    /// written.</exception>
    public static RunLock? TryTake(string folder)
    {
        if (TryOpen(Path.Combine(folder, FileName)) is not { } file)
            return null;

        try
        {
            WriteHolder(folder);
            return new RunLock(file, folder);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Takes the lock again of a folder that was removed, and made again since; or, of one that only lost the name of
    /// its holder, gives that back.</summary>
    /// <returns>What is to be disposed in place of this.</returns>
    /// <exception cref="IOException">Another process trains in that folder by now, or it cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public RunLock TakeAgain()
    {
        if (IsInPlace)
        {
            WriteHolder(_folder);
            return this;
        }

        var taken = Take(_folder);
        Abandon();
        return taken;
    }

    public void Dispose()
    {
        if (IsHeld || IsInPlace)
        {
            DeleteHolder();
            _file.Dispose();
        }
        else
        {
            Abandon();
        }
    }

    // No other file was made and changed at the same moments.
    private bool IsInPlace
    {
        get
        {
            var path = Path.Combine(_folder, FileName);
            return File.Exists(path)
                && File.GetCreationTimeUtc(path) == File.GetCreationTimeUtc(_file.SafeFileHandle)
                && File.GetLastWriteTimeUtc(path) == File.GetLastWriteTimeUtc(_file.SafeFileHandle);
        }
    }

    private static void WriteHolder(string folder) => AtomicFile.Write(
        Path.Combine(folder, HolderName), stream => stream.Write(Encoding.UTF8.GetBytes(ThisProcess)));

    // Closing would remove the file of that name, which is another one by now. The end of this process closes it, too, and
    // removes nothing.
    private void Abandon() => _file.SafeFileHandle.SetHandleAsInvalid();

    private static string ThisProcess { get; } = DescribeThisProcess();

    private static string DescribeThisProcess()
    {
        using var process = Process.GetCurrentProcess();
        return Text.Of(
            $"process {Environment.ProcessId} on {Environment.MachineName}, started {process.StartTime:yyyy-MM-dd HH:mm:ss},");
    }

    // The file goes with its handle. Whoever opened it just before finds that out and opens again: .NET sees to that for
    // this very combination of mode, sharing and option.
    private static FileStream? TryOpen(string path)
    {
        try
        {
            return new FileStream(
                path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 1, FileOptions.DeleteOnClose);
        }
        catch (IOException fault) when (IsSharingViolation(fault))
        {
            return null;
        }
    }

    // Null where the name is not there to be read: the folder is gone, its lock is just being taken or given up, or it
    // belongs to another user.
    private static string? HolderOf(string folder)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, HolderName));
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private void DeleteHolder()
    {
        try
        {
            File.Delete(Path.Combine(_folder, HolderName));
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // A folder that can no longer be written keeps the name. Without the lock it says nothing, and who takes the
            // lock next writes over it.
        }
    }

    // ERROR_SHARING_VIOLATION on Windows; EAGAIN, which is 11 on Linux and 35 on macOS.
    private static bool IsSharingViolation(IOException fault) => fault.HResult is unchecked((int)0x80070020) or 11 or 35;
}
