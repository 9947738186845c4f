using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    internal static readonly KernelFile BatchNormReLUMaxPoolFile = new("batch_norm_relu_max_pool.cu");

    /// <inheritdoc/>
    public override void BatchNormReLUMaxPoolForward(in BatchNormReLUMaxPoolForwardArgs args)
    {
        using var scope = Enter();
        var g = args.Geometry;
        var (pack, slices) = ShareOut(g, args.Input, args.Input);
        ComputeStatistics(g, pack, slices, args.Input, args.Epsilon, args.Running, args.Mean, args.InvStd);
        NormalizeAndPool(
            g, args.Pool, Saved(args.Mean, args.InvStd), args.Input, args.Gamma, args.Beta, args.Output, args.ArgMax,
            args.Winners);
    }

    /// <inheritdoc/>
    public override void BatchNormReLUMaxPoolBackward(in BatchNormReLUMaxPoolBackwardArgs args)
    {
        using var scope = Enter();
        var g = args.Geometry;
        var statistics = Saved(args.Mean, args.InvStd);
        // No gradient reaches an input that did not win: the sums are those of a normalization and rectifier of the winners.
        var winners = args.WinnersGeometry;
        var (pack, winnersSlices) = ShareOut(winners, args.Winners, args.GradOutput);
        var sums = ReduceRectifiedGradients(
            winners, pack, winnersSlices, statistics, args.Winners, args.Gamma, args.Beta, sum: null, args.GradOutput,
            args.GradGamma, args.GradBeta);
        if (args.GradInput is null)
            return;
        var isAligned = IsAligned(args.Input, 2) && IsAligned(args.GradInput, 2);
        var slices = WindowSlices(g);
        Kernel(BatchNormReLUMaxPoolFile, "batch_norm_relu_max_pool_backward_input", args.Input.DType).Launch(
            slices.Blocks(g.Channels, g.Spatial / 4), ChannelSlices.Threads,
            [
                KernelArgument.Struct(&g), KernelArgument.Struct(&slices), KernelArgument.Struct(&statistics),
                args.Pool.OutWidth, isAligned ? 1 : 0, args.Input, args.Gamma, args.ArgMax, args.GradOutput, sums,
                args.GradInput,
            ]);
    }

    /// <inheritdoc/>
    public override void BatchNormFrozenReLUMaxPoolForward(in BatchNormFrozenReLUMaxPoolForwardArgs args)
    {
        using var scope = Enter();
        NormalizeAndPool(
            args.Geometry, args.Pool, Given(args.Mean, args.Variance, args.Epsilon), args.Input, args.Gamma, args.Beta,
            args.Output, argMax: null, winners: null);
    }

    /// <summary>How the windows of channels, which lie four times as close as the inputs, are shared out.</summary>
    private ChannelSlices WindowSlices(BatchNormGeometry g) =>
        ChannelSlices.OfPlanes(g.Batch, g.Channels, g.Spatial / 4, pack: 1, WantedBlocks);

    private void NormalizeAndPool(
        BatchNormGeometry g, PoolGeometry pool, BatchNormStatistics statistics, Tensor input, Tensor? gamma,
        Tensor? beta, Tensor output, Tensor? argMax, Tensor? winners)
    {
        var slices = WindowSlices(g);
        Kernel(BatchNormReLUMaxPoolFile, "batch_norm_relu_max_pool_forward", input.DType).Launch(
            slices.Blocks(g.Channels, g.Spatial / 4), ChannelSlices.Threads,
            [
                KernelArgument.Struct(&g), KernelArgument.Struct(&slices), KernelArgument.Struct(&statistics),
                pool.OutWidth, IsAligned(input, 2) ? 1 : 0, input, gamma, beta, output, argMax, winners,
            ]);
    }
}
