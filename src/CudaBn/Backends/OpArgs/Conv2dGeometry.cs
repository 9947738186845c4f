namespace CudaBn.Backends.OpArgs;

/// <summary>The sizes of one two-dimensional convolution. Images are [N, C, H, W], weights
/// [OutChannels, InChannels, KernelHeight, KernelWidth].</summary>
/// <param name="Batch">Images, N.</param>
/// <param name="InChannels">Channels of the input.</param>
/// <param name="InHeight">Rows of the input.</param>
/// <param name="InWidth">Columns of the input.</param>
/// <param name="OutChannels">Channels of the output.</param>
/// <param name="OutHeight">Rows of the output.</param>
/// <param name="OutWidth">Columns of the output.</param>
/// <param name="KernelHeight">Rows of the kernel.</param>
/// <param name="KernelWidth">Columns of the kernel.</param>
/// <param name="StrideY">Rows of the input from one output row to the next.</param>
/// <param name="StrideX">Columns of the input from one output column to the next.</param>
/// <param name="PaddingY">Rows of zeros above and below the input.</param>
/// <param name="PaddingX">Columns of zeros left and right of the input.</param>
public readonly record struct Conv2dGeometry(
    int Batch,
    int InChannels,
    int InHeight,
    int InWidth,
    int OutChannels,
    int OutHeight,
    int OutWidth,
    int KernelHeight,
    int KernelWidth,
    int StrideY,
    int StrideX,
    int PaddingY,
    int PaddingX);
