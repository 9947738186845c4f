using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    // As in split_sums.cuh.
    private const int SplitSumThreads = 256;
    private const int SplitSumColumns = 32;

    private const int ImageSumThreads = 256;

    // As in conv.cu: the places of a kernel that a mask has bits for.
    private const int MaskedTaps = 32;

    internal static readonly KernelFile ConvFile = new("conv.cu");
    internal static readonly KernelFile ConvSumSplitsFile = new("conv_sum_splits.cu");

    /// <inheritdoc/>
    public override void ConvForward(in ConvForwardArgs args)
    {
        using var scope = Enter();
        if (TryConvForwardOneChannel(in args) || TryConvForwardWindows(in args) || TryConvForwardSmallGroups(in args))
            return;
        var g = args.Geometry;
        var positions = (long)g.Batch * g.OutPlaces;
        var plan = ConvTile.Plan(
            g.Groups, g.GroupOutChannels, positions, (long)g.GroupInChannels * g.Taps, args.Input.DType, MultiprocessorCount);
        var output = SplitOutput(in plan, args.Output);
        ConvKernel("conv_forward", in g, in plan, args.Input.DType).Launch(
            Blocks(g.Groups * plan.Tile.Count(g.GroupOutChannels, positions) * plan.Splits), ConvTile.Threads,
            [
                KernelArgument.Struct(&g), args.Input, args.Weight, plan.Splits > 1 ? null : args.Bias,
                (int)plan.TermsPerSplit, output,
            ]);
        SumImages(in plan, output, args.Bias, g.OutChannels, g.OutPlaces, args.Output);
    }

    /// <inheritdoc/>
    public override void ConvBackward(in ConvBackwardArgs args)
    {
        using var scope = Enter();
        if (args.GradInput is not null)
            ConvBackwardInput(in args, args.GradInput);
        if (args.GradWeight is not null)
            ConvBackwardWeight(in args);
    }

    internal static long CeilDiv(long dividend, long divisor) => (dividend + divisor - 1) / divisor;

    private static int Blocks(long blocks) => checked((int)blocks);

    /// <summary>Whether a kernel's places fit in a mask, and an int counts the elements of every tensor.</summary>
    private static bool IsNear(in ConvGeometry g) => g.Taps <= MaskedTaps
        && (long)g.Batch * g.InChannels * g.InPlaces <= int.MaxValue
        && (long)g.Batch * g.OutChannels * g.OutPlaces <= int.MaxValue
        && (long)g.OutChannels * g.GroupInChannels * g.Taps <= int.MaxValue;

    /// <summary>Along one axis, the most places of a kernel that lead from an output to inputs which are a stride
    /// apart.</summary>
    private static long MostTaps(int kernel, int stride, int dilation)
    {
        var (common, rest) = (stride, dilation);
        while (rest != 0)
            (common, rest) = (rest, common % rest);
        return CeilDiv(kernel, stride / common);
    }

    private BoundKernel ConvKernel(string name, in ConvGeometry g, in ConvPlan plan, DType dtype) =>
        Kernel(ConvFile, name, dtype, (IsNear(in g) ? plan.Tile.NearConstants : plan.Tile.FarConstants).AsSpan());

    private void ConvBackwardInput(in ConvBackwardArgs args, Tensor gradInput)
    {
        if (TryConvBackwardInputWindows(in args) || TryConvBackwardInputSmallGroups(in args))
            return;
        var g = args.Geometry;
        // Places with the same remainder by the strides make a product of their own.
        var phases = (long)Math.Min(g.StrideZ, g.InDepth) * Math.Min(g.StrideY, g.InHeight) * Math.Min(g.StrideX, g.InWidth);
        var positions = g.Batch * CeilDiv(g.InDepth, g.StrideZ) * CeilDiv(g.InHeight, g.StrideY) * CeilDiv(g.InWidth, g.StrideX);
        var terms = g.GroupOutChannels * MostTaps(g.KernelDepth, g.StrideZ, g.DilationZ)
            * MostTaps(g.KernelHeight, g.StrideY, g.DilationY) * MostTaps(g.KernelWidth, g.StrideX, g.DilationX);
        var plan = ConvTile.Plan(
            phases * g.Groups, g.GroupInChannels, positions, terms, args.Input.DType, MultiprocessorCount);
        var output = SplitOutput(in plan, gradInput);
        ConvKernel("conv_backward_input", in g, in plan, args.Input.DType).Launch(
            Blocks(phases * g.Groups * plan.Tile.Count(g.GroupInChannels, positions) * plan.Splits), ConvTile.Threads,
            [KernelArgument.Struct(&g), args.Weight, args.GradOutput, (int)plan.TermsPerSplit, output]);
        SumImages(in plan, output, bias: null, g.InChannels, g.InPlaces, gradInput);
    }

    private void ConvBackwardWeight(in ConvBackwardArgs args)
    {
        var g = args.Geometry;
        var columns = checked(g.GroupInChannels * g.Taps + (args.GradBias is null ? 0 : 1));
        if (TryConvBackwardWeightOneChannel(in args, columns) || TryConvBackwardWeightWindows(in args, columns)
            || TryConvBackwardWeightSmallGroups(in args, columns))
            return;
        var dtype = args.Input.DType;
        var plan = ConvTile.Plan(
            g.Groups, g.GroupOutChannels, columns, (long)g.Batch * g.OutPlaces, dtype, MultiprocessorCount, hasSum: true);
        var partials = Scratch((long)plan.Splits * g.OutChannels * columns * dtype.Size());
        ConvKernel("conv_backward_weight", in g, in plan, dtype).Launch(
            Blocks(g.Groups * plan.Tile.Count(g.GroupOutChannels, columns) * plan.Splits), ConvTile.Threads,
            [KernelArgument.Struct(&g), args.Input, args.GradOutput, columns, plan.TermsPerSplit, partials]);
        SumSplits(in args, columns, partials, plan.Splits);
    }

    private void SumSplits(in ConvBackwardArgs args, int columns, nint partials, int splits)
    {
        var channels = args.Geometry.OutChannels;
        Kernel(ConvSumSplitsFile, "conv_sum_splits", args.Input.DType).Launch(
            Blocks(CeilDiv((long)channels * columns, SplitSumColumns)), SplitSumThreads,
            [partials, splits, channels, columns, args.GradWeight, args.GradBias]);
    }

    /// <summary>Where a kernel whose terms may be split writes images.</summary>
    private KernelArgument SplitOutput(in ConvPlan plan, Tensor output) =>
        plan.Splits == 1 ? output : Scratch(plan.Splits * output.ByteLength);

    /// <summary>Adds up images, unless there is one of each alone.</summary>
    private void SumImages(
        in ConvPlan plan, KernelArgument partials, Tensor? bias, int channels, int places, Tensor output)
    {
        if (plan.Splits == 1)
            return;
        var elements = output.ElementCount;
        Kernel(ConvSumSplitsFile, "conv_sum_images", output.DType).Launch(
            BlocksFor(elements, ImageSumThreads), ImageSumThreads,
            [partials, plan.Splits, elements, bias, channels, places, output]);
    }
}
