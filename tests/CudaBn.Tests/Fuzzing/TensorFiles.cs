using CudaBn.Serialization;

namespace CudaBn.Tests.Fuzzing;

/// <summary>Files of tensors in any format, read to the last byte.</summary>
internal static class TensorFiles
{
    public static void ReadAll(string path)
    {
        using var file = TensorFile.Open(path);
        Span<byte> piece = stackalloc byte[4096];
        foreach (var tensor in file.Tensors)
        {
            using var elements = file.OpenElements(tensor);
            var length = 0L;
            for (int count; (count = elements.Read(piece)) > 0;)
                length += count;
            if (length != tensor.Length)
                throw new InvalidOperationException($"{tensor.Name}: {length} bytes read, {tensor.Length} promised");
        }
    }
}
