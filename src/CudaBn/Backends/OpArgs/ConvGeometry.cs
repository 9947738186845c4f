namespace CudaBn.Backends.OpArgs;

/// <summary>The sizes of one convolution of images, or of volumes: [N, C, H, W] or [N, C, D, H, W], weights
/// [OutChannels, InChannels / Groups, KernelHeight, KernelWidth] or [OutChannels, InChannels / Groups, KernelDepth,
/// KernelHeight, KernelWidth]. An image is a volume of depth 1, and a signal [N, C, L] an image of height 1.</summary>
/// <remarks>Zeros past the end of an axis need no number: they follow from the size of the output.</remarks>
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
/// <param name="PaddingY">Rows of zeros above the input.</param>
/// <param name="PaddingX">Columns of zeros left of the input.</param>
/// <param name="DilationY">Rows of the input from one kernel row to the next; 1 for a kernel of one row.</param>
/// <param name="DilationX">Columns of the input from one kernel column to the next; 1 for a kernel of one column.</param>
/// <param name="Groups">Into how many groups of neighbours the channels are cut; each output sees its own group.</param>
/// <param name="InDepth">Slices of the input.</param>
/// <param name="OutDepth">Slices of the output.</param>
/// <param name="KernelDepth">Slices of the kernel.</param>
/// <param name="StrideZ">Slices of the input from one output slice to the next.</param>
/// <param name="PaddingZ">Slices of zeros before the first of the input.</param>
/// <param name="DilationZ">Slices of the input from one kernel slice to the next; 1 for a kernel of one slice.</param>
public readonly record struct ConvGeometry(
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
    int PaddingX,
    int DilationY = 1,
    int DilationX = 1,
    int Groups = 1,
    int InDepth = 1,
    int OutDepth = 1,
    int KernelDepth = 1,
    int StrideZ = 1,
    int PaddingZ = 0,
    int DilationZ = 1)
{
    /// <summary>Input channels of a group.</summary>
    internal int GroupInChannels => InChannels / Groups;

    /// <summary>Output channels of a group.</summary>
    internal int GroupOutChannels => OutChannels / Groups;

    /// <summary>Weights per pair of channels.</summary>
    internal int Taps => KernelDepth * KernelHeight * KernelWidth;

    /// <summary>Places per channel of the input.</summary>
    internal int InPlaces => InDepth * InHeight * InWidth;

    /// <summary>Places per channel of the output.</summary>
    internal int OutPlaces => OutDepth * OutHeight * OutWidth;

    /// <summary>Whether there is one slice of everything, and no padding in its place.</summary>
    internal bool IsFlat => InDepth == 1 && OutDepth == 1 && KernelDepth == 1 && PaddingZ == 0;
}
