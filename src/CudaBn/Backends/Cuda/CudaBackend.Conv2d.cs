using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    // As in tile_product.cuh and conv2d.cu.
    private const int TileThreads = 128;
    private const int TileColumns = 64;
    private const int TileSteps = 16;

    internal static readonly KernelFile Conv2dFile = new("conv2d.cu");

    /// <inheritdoc/>
    public override void Conv2dForward(in Conv2dForwardArgs args)
    {
        using var scope = Enter();
        if (TryConv2dForwardOneChannel(in args))
            return;
        var g = args.Geometry;
        var rows = TileRows(g.OutChannels);
        Kernel(Conv2dFile, rows == 32 ? "conv2d_forward_32" : "conv2d_forward_64", args.Input.DType).Launch(
            Blocks(CeilDiv(g.OutChannels, rows) * CeilDiv((long)g.Batch * g.OutHeight * g.OutWidth, TileColumns)),
            TileThreads, [KernelArgument.Struct(&g), args.Input, args.Weight, args.Bias, args.Output]);
    }

    /// <inheritdoc/>
    public override void Conv2dBackward(in Conv2dBackwardArgs args)
    {
        using var scope = Enter();
        if (args.GradInput is not null)
            Conv2dBackwardInput(in args);
        if (args.GradWeight is not null)
            Conv2dBackwardWeight(in args);
    }

    /// <summary>The smaller tile wastes less where there are few channels.</summary>
    private static int TileRows(int channels) => channels <= 32 ? 32 : 64;

    private static long CeilDiv(long dividend, long divisor) => (dividend + divisor - 1) / divisor;

    private static int Blocks(long blocks) => checked((int)blocks);

    private void Conv2dBackwardInput(in Conv2dBackwardArgs args)
    {
        var g = args.Geometry;
        var rows = TileRows(g.InChannels);
        Kernel(Conv2dFile, rows == 32 ? "conv2d_backward_input_32" : "conv2d_backward_input_64", args.Input.DType).Launch(
            Blocks(CeilDiv(g.InChannels, rows) * CeilDiv((long)g.Batch * g.InHeight * g.InWidth, TileColumns)),
            TileThreads, [KernelArgument.Struct(&g), args.Weight, args.GradOutput, args.GradInput]);
    }

    private void Conv2dBackwardWeight(in Conv2dBackwardArgs args)
    {
        var g = args.Geometry;
        var columns = checked(g.InChannels * g.KernelHeight * g.KernelWidth + (args.GradBias is null ? 0 : 1));
        if (TryConv2dBackwardWeightOneChannel(in args, columns))
            return;
        var rows = TileRows(g.OutChannels);
        var tiles = CeilDiv(g.OutChannels, rows) * CeilDiv(columns, TileColumns);
        var positions = (long)g.Batch * g.OutHeight * g.OutWidth;
        // Blocks for all multiprocessors, but no split shorter than a few steps.
        var wanted = Math.Clamp(4L * MultiprocessorCount / tiles, 1, CeilDiv(positions, 8 * TileSteps));
        var perSplit = CeilDiv(CeilDiv(positions, wanted), TileSteps) * TileSteps;
        var splits = (int)CeilDiv(positions, perSplit);

        var dtype = args.Input.DType;
        var partials = Scratch((long)splits * g.OutChannels * columns * dtype.Size());
        Kernel(Conv2dFile, rows == 32 ? "conv2d_backward_weight_32" : "conv2d_backward_weight_64", dtype).Launch(
            Blocks(tiles * splits), TileThreads,
            [KernelArgument.Struct(&g), args.Input, args.GradOutput, columns, perSplit, partials]);
        SumSplits(in args, columns, partials, splits);
    }

    private void SumSplits(in Conv2dBackwardArgs args, int columns, nint partials, int splits)
    {
        var channels = args.Geometry.OutChannels;
        Kernel(Conv2dFile, "conv2d_sum_splits", args.Input.DType).Launch(
            BlocksFor((long)channels * columns, TileThreads), TileThreads,
            [partials, splits, channels, columns, args.GradWeight, args.GradBias]);
    }
}
