namespace CudaBn.Backends.Cpu;

/// <summary>The backward pass of a two-dimensional convolution, and where its tensors are. Images of input and output, and of
/// their gradients, lie as far apart as the geometry says.</summary>
internal readonly unsafe struct Conv2dBackwardCall<T>(
    Conv2dGeometry geometry, T* input, T* weight, T* gradOutput, T* gradInput, T* gradWeight, T* gradBias)
    where T : unmanaged
{
    public Conv2dGeometry Geometry { get; } = geometry;

    public T* Input { get; } = input;

    public T* Weight { get; } = weight;

    public T* GradOutput { get; } = gradOutput;

    /// <summary>Null when nobody needs it.</summary>
    public T* GradInput { get; init; } = gradInput;

    /// <summary>Null when nobody needs it.</summary>
    public T* GradWeight { get; init; } = gradWeight;

    /// <summary>Null where there is no bias, and where <see cref="GradWeight"/> is.</summary>
    public T* GradBias { get; } = gradBias;
}
