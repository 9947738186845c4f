namespace CudaBn.Tests.Fuzzing;

/// <summary>A reader of files that must stand any file. A class that derives from it is fuzzed.</summary>
internal abstract class FuzzTarget
{
    /// <summary>What it is called in messages.</summary>
    public string Name => GetType().Name.Replace("FuzzTarget", null, StringComparison.Ordinal);

    /// <summary>Valid inputs, as different as the format allows, and small: their bytes are what is changed.</summary>
    public abstract IReadOnlyList<FuzzSeed> Seeds();

    /// <summary>Reads all of a file. It must return, or throw an InvalidDataException that names the file and an
    /// offset.</summary>
    public abstract void Read(string path);

    /// <summary>The greatest allocation that a file may cause, in bytes: the file's size times a small constant, and a fixed
    /// amount.</summary>
    public virtual long AllocationLimit(long fileLength) => (32 * fileLength) + (1 << 18);
}
