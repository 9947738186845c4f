using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace CudaBn.Serialization;

/// <summary>Puts the names of files on the disk: after a loss of power, a file that was renamed may else have its old name, and
/// one deleted after that be gone all the same.</summary>
internal static partial class FolderFlush
{
    private const int ReadOnly = 0;
    private const int NotPermitted = 1;
    private const int AccessDenied = 13;

    /// <summary>Waits until the names in a folder are on the disk. Does nothing on Windows, which opens no folder for that, for
    /// file systems that do not support it, and for a folder that may be written but not read.</summary>
    /// <exception cref="IOException">The disk does not take them.</exception>
    public static void Flush(string folder)
    {
        if (OperatingSystem.IsWindows())
            return;

        // .NET opens no folders.
        using var handle = Open(folder, ReadOnly);
        if (!handle.IsInvalid)
        {
            RandomAccess.FlushToDisk(handle);
            return;
        }

        var error = Marshal.GetLastPInvokeError();
        if (error is not (NotPermitted or AccessDenied))
            throw new IOException($"cannot flush {folder}: {Marshal.GetPInvokeErrorMessage(error)}");
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags);
}
