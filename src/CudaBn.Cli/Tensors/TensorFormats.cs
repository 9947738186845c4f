using CudaBn.Serialization;

namespace CudaBn.Cli;

/// <summary>The files of tensors that the command reads.</summary>
internal static class TensorFormats
{
    /// <summary>Opens a file in the format that its content is of: where to join another format.</summary>
    /// <exception cref="InvalidDataException">The file is broken.</exception>
    /// <exception cref="IOException">The file does not exist or cannot be read.</exception>
    public static ITensorFile Open(string path) => TensorFile.Open(path);
}
