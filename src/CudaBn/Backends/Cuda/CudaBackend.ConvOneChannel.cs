using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    // As in conv_one_channel.cu.
    private const int OneChannelThreads = 128;
    private const int OneChannelBand = 256;
    private const int OneChannelGroup = 10;
    private const int OneChannelGradientBand = 64;
    private const int OneChannelGradientGroup = 20;
    private const int OneChannelColumns = 32;

    // What every block of every GPU can have of dynamic shared memory without asking, less what kernels declare themselves.
    private const int MaxConvShared = 32 * 1024;

    internal static readonly KernelFile ConvOneChannelFile = new("conv_one_channel.cu");

    /// <summary>Whether the input is one channel of images, and windows have no gaps.</summary>
    private static bool HasOneChannel(in ConvGeometry g) =>
        g.InChannels == 1 && g.IsFlat && g.DilationY == 1 && g.DilationX == 1;

    /// <summary>Runs the direct kernel for one input channel, if weights and a band of the image fit in shared memory.</summary>
    /// <returns>Whether it ran.</returns>
    private bool TryConvForwardOneChannel(in ConvForwardArgs args)
    {
        var g = args.Geometry;
        var dtype = args.Input.DType;
        var weights = CeilDiv(g.OutChannels, OneChannelGroup) * OneChannelGroup * g.KernelHeight * g.KernelWidth;
        var shared = (weights + BandElements(g, OneChannelBand)) * dtype.Size();
        if (!HasOneChannel(in g) || shared > MaxConvShared)
            return false;
        Kernel(ConvOneChannelFile, "conv_one_channel_forward", dtype).Launch(
            Blocks(g.Batch * CeilDiv((long)g.OutHeight * g.OutWidth, OneChannelBand)), OneChannelThreads,
            [KernelArgument.Struct(&g), args.Input, args.Weight, args.Bias, args.Output], (int)shared);
        return true;
    }

    /// <summary>Runs the direct kernel of the weight gradient for one input channel, if a band of the image fits in shared
    /// memory.</summary>
    /// <returns>Whether it ran.</returns>
    private bool TryConvBackwardWeightOneChannel(in ConvBackwardArgs args, int columns)
    {
        var g = args.Geometry;
        var dtype = args.Input.DType;
        var shared = BandElements(g, OneChannelGradientBand) * dtype.Size();
        if (!HasOneChannel(in g) || shared > MaxConvShared)
            return false;
        var tiles = CeilDiv(g.OutChannels, OneChannelGradientGroup) * CeilDiv(columns, OneChannelColumns);
        var bands = g.Batch * CeilDiv((long)g.OutHeight * g.OutWidth, OneChannelGradientBand);
        var splits = (int)Math.Clamp(6L * MultiprocessorCount / tiles, 1, CeilDiv(bands, 2));
        var partials = Scratch((long)splits * g.OutChannels * columns * dtype.Size());
        Kernel(ConvOneChannelFile, "conv_one_channel_backward_weight", dtype).Launch(
            Blocks(tiles * splits), OneChannelThreads,
            [KernelArgument.Struct(&g), args.Input, args.GradOutput, columns, splits, partials], (int)shared);
        SumSplits(in args, columns, partials, splits);
        return true;
    }

    /// <summary>The elements of the rows that so many outputs one after the other see, wherever in a row they begin.</summary>
    private static long BandElements(ConvGeometry g, int positions)
    {
        var rows = Math.Min(g.OutHeight, (positions + 2L * g.OutWidth - 2) / g.OutWidth);
        return ((rows - 1) * g.StrideY + g.KernelHeight) * ((g.OutWidth - 1L) * g.StrideX + g.KernelWidth);
    }
}
