namespace CudaBn.Backends.Cpu;

/// <summary>The sizes of a two-dimensional convolution as the CPU computes it: all channels see all channels, and images lie
/// any distance apart. A group of channels is one, and so are slices of volumes.</summary>
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
/// <param name="InImage">Elements from one image of the input to the next.</param>
/// <param name="OutImage">Elements from one image of the output to the next.</param>
internal readonly record struct Conv2dGeometry(
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
    int DilationY,
    int DilationX,
    nint InImage,
    nint OutImage)
{
    /// <summary>Rows of the input that a window reaches over.</summary>
    public int SpanY => (KernelHeight - 1) * DilationY + 1;

    /// <summary>Columns of the input that a window reaches over.</summary>
    public int SpanX => (KernelWidth - 1) * DilationX + 1;

    /// <summary>Rows below the input that windows reach; less than none where they leave rows out.</summary>
    public int PaddingBelow => (OutHeight - 1) * StrideY + SpanY - InHeight - PaddingY;

    /// <summary>Columns right of the input that windows reach; less than none where they leave columns out.</summary>
    public int PaddingRight => (OutWidth - 1) * StrideX + SpanX - InWidth - PaddingX;

    /// <summary>Multiply-adds of an image, those outside of the input included.</summary>
    public long Products => (long)InChannels * OutChannels * KernelHeight * KernelWidth * OutHeight * OutWidth;

    public bool IsDilated => DilationY > 1 || DilationX > 1;

    /// <summary>The sizes of one group of channels.</summary>
    public static Conv2dGeometry OfGroup(in OpArgs.ConvGeometry g) => new(
        g.Batch, g.GroupInChannels, g.InHeight, g.InWidth, g.GroupOutChannels, g.OutHeight, g.OutWidth, g.KernelHeight,
        g.KernelWidth, g.StrideY, g.StrideX, g.PaddingY, g.PaddingX, g.DilationY, g.DilationX,
        InImage: (nint)g.InChannels * g.InHeight * g.InWidth, OutImage: (nint)g.OutChannels * g.OutHeight * g.OutWidth);
}
