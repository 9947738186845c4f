using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    // As in tile_product.cuh and conv.cu.
    private const int TileThreads = 128;
    private const int TileColumns = 64;
    private const int TileSteps = 16;

    internal static readonly KernelFile ConvFile = new("conv.cu");

    /// <inheritdoc/>
    public override void ConvForward(in ConvForwardArgs args)
    {
        using var scope = Enter();
        if (TryConvForwardOneChannel(in args) || TryConvForwardSmallGroups(in args))
            return;
        var g = args.Geometry;
        var rows = TileRows(g.GroupOutChannels);
        Kernel(ConvFile, rows == 32 ? "conv_forward_32" : "conv_forward_64", args.Input.DType).Launch(
            Blocks(g.Groups * CeilDiv(g.GroupOutChannels, rows) * CeilDiv((long)g.Batch * g.OutPlaces, TileColumns)),
            TileThreads, [KernelArgument.Struct(&g), args.Input, args.Weight, args.Bias, args.Output]);
    }

    /// <inheritdoc/>
    public override void ConvBackward(in ConvBackwardArgs args)
    {
        using var scope = Enter();
        if (args.GradInput is not null)
            ConvBackwardInput(in args);
        if (args.GradWeight is not null)
            ConvBackwardWeight(in args);
    }

    /// <summary>The smaller tile wastes less where there are few channels.</summary>
    private static int TileRows(int channels) => channels <= 32 ? 32 : 64;

    private static long CeilDiv(long dividend, long divisor) => (dividend + divisor - 1) / divisor;

    private static int Blocks(long blocks) => checked((int)blocks);

    private void ConvBackwardInput(in ConvBackwardArgs args)
    {
        if (TryConvBackwardInputSmallGroups(in args))
            return;
        var g = args.Geometry;
        var rows = TileRows(g.GroupInChannels);
        Kernel(ConvFile, rows == 32 ? "conv_backward_input_32" : "conv_backward_input_64", args.Input.DType).Launch(
            Blocks(g.Groups * CeilDiv(g.GroupInChannels, rows) * CeilDiv((long)g.Batch * g.InPlaces, TileColumns)),
            TileThreads, [KernelArgument.Struct(&g), args.Weight, args.GradOutput, args.GradInput]);
    }

    private void ConvBackwardWeight(in ConvBackwardArgs args)
    {
        var g = args.Geometry;
        var columns = checked(g.GroupInChannels * g.Taps + (args.GradBias is null ? 0 : 1));
        if (TryConvBackwardWeightOneChannel(in args, columns) || TryConvBackwardWeightSmallGroups(in args, columns))
            return;
        var rows = TileRows(g.GroupOutChannels);
        var tiles = g.Groups * CeilDiv(g.GroupOutChannels, rows) * CeilDiv(columns, TileColumns);
        var positions = (long)g.Batch * g.OutPlaces;
        // Blocks for all multiprocessors, but no split shorter than a few steps.
        var wanted = Math.Clamp(4L * MultiprocessorCount / tiles, 1, CeilDiv(positions, 8 * TileSteps));
        var perSplit = CeilDiv(CeilDiv(positions, wanted), TileSteps) * TileSteps;
        var splits = (int)CeilDiv(positions, perSplit);

        var dtype = args.Input.DType;
        var partials = Scratch((long)splits * g.OutChannels * columns * dtype.Size());
        Kernel(ConvFile, rows == 32 ? "conv_backward_weight_32" : "conv_backward_weight_64", dtype).Launch(
            Blocks(tiles * splits), TileThreads,
            [KernelArgument.Struct(&g), args.Input, args.GradOutput, columns, perSplit, partials]);
        SumSplits(in args, columns, partials, splits);
    }

    private void SumSplits(in ConvBackwardArgs args, int columns, nint partials, int splits)
    {
        var channels = args.Geometry.OutChannels;
        Kernel(ConvFile, "conv_sum_splits", args.Input.DType).Launch(
            BlocksFor((long)channels * columns, TileThreads), TileThreads,
            [partials, splits, channels, columns, args.GradWeight, args.GradBias]);
    }
}
