namespace CudaBn;

/// <summary>What a convolution does along one axis of space.</summary>
internal readonly record struct ConvAxis(int Kernel, int Stride, int Dilation, int PaddingBegin, int PaddingEnd)
{
    /// <summary>An axis of size 1 that an input of fewer axes does not have.</summary>
    public static ConvAxis Missing => new(1, 1, 1, 0, 0);

    /// <summary>Places of the padded input from the first to the last that a window meets.</summary>
    public long Span => (Kernel - 1L) * Dilation + 1;

    /// <summary>The gaps of a kernel of one place are nobody's.</summary>
    public int DilationInUse => Kernel == 1 ? 1 : Dilation;

    public long Padded(int size) => (long)size + PaddingBegin + PaddingEnd;

    /// <summary>The windows that fit a size that one fits, by the formula of PyTorch's Conv2d.</summary>
    public int OutputSize(int size) => (int)((Padded(size) - Span) / Stride + 1);
}
