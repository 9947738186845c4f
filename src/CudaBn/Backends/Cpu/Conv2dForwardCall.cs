namespace CudaBn.Backends.Cpu;

/// <summary>The forward pass of a two-dimensional convolution, and where its tensors are. Images of the input and the output
/// lie as far apart as the geometry says.</summary>
internal readonly unsafe struct Conv2dForwardCall<T>(Conv2dGeometry geometry, T* input, T* weight, T* bias, T* output)
    where T : unmanaged
{
    public Conv2dGeometry Geometry { get; } = geometry;

    public T* Input { get; } = input;

    public T* Weight { get; } = weight;

    /// <summary>Null for none.</summary>
    public T* Bias { get; } = bias;

    public T* Output { get; } = output;
}
