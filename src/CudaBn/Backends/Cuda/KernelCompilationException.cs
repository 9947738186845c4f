namespace CudaBn.Backends.Cuda;

/// <summary>A kernel does not compile.</summary>
/// <param name="file">The source, such as <c>batch_norm.cu</c>.</param>
/// <param name="options">What the compiler was told.</param>
/// <param name="log">What the compiler said, with file and line.</param>
public sealed class KernelCompilationException(string file, IReadOnlyList<string> options, string log)
    : Exception($"{file} does not compile with {string.Join(' ', options)}:{Environment.NewLine}{log}")
{
    /// <summary>The source, such as <c>batch_norm.cu</c>.</summary>
    public string File { get; } = file;

    /// <summary>What the compiler was told.</summary>
    public IReadOnlyList<string> Options { get; } = options;

    /// <summary>What the compiler said, with file and line.</summary>
    public string Log { get; } = log;
}
