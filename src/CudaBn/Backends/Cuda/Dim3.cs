namespace CudaBn.Backends.Cuda;

/// <summary>The extent of a grid in blocks, or of a block in threads.</summary>
internal readonly record struct Dim3(int X, int Y = 1, int Z = 1)
{
    public static implicit operator Dim3(int x) => new(x);
}
