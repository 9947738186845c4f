namespace CudaBn.Backends.Cuda.Native;

/// <summary>A place where a library was looked for.</summary>
/// <param name="Path">A file, or a bare name that the system's loader looks up.</param>
/// <param name="Outcome">What came of it: <c>loaded</c>, or why not.</param>
internal readonly record struct LibraryAttempt(string Path, string Outcome)
{
    public override string ToString() => $"{Path}: {Outcome}";
}
