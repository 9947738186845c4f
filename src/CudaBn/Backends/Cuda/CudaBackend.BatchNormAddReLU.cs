using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    internal static readonly KernelFile BatchNormAddReLUFile = new("batch_norm_add_relu.cu");

    /// <inheritdoc/>
    public override void BatchNormAddReLUForward(in BatchNormAddReLUForwardArgs args)
    {
        if (args.Normalization.Geometry.IsRows)
        {
            ForwardOfRows(in args);
            return;
        }

        using var scope = Enter();
        var norm = args.Normalization;
        // As batch norm by itself gathers them, whatever the addend's alignment.
        var g = norm.Geometry;
        var (pack, slices) = ShareOut(g, norm.Input, norm.Output);
        if (ThreadsOfChannel(g, pack, norm.Running) is not 0 and var threads
            && (args.Addend is null || IsAligned(args.Addend, pack)))
        {
            ForwardOfChannels(
                threads, g, pack, norm.Input, norm.Gamma, norm.Beta, args.Addend, args.Rectifies, norm.Output,
                Results(norm.Epsilon, norm.Running, norm.Mean, norm.InvStd));
            return;
        }

        ComputeStatistics(g, pack, slices, norm.Input, norm.Epsilon, norm.Running, norm.Mean, norm.InvStd);
        NormalizeAddReLU(
            g, Saved(norm.Mean, norm.InvStd), norm.Input, norm.Gamma, norm.Beta, args.Addend, args.Rectifies,
            norm.Output);
    }

    /// <inheritdoc/>
    public override void BatchNormAddReLUBackward(in BatchNormAddReLUBackwardArgs args)
    {
        if (args.Normalization.Geometry.IsRows)
        {
            BackwardOfRows(in args);
            return;
        }

        using var scope = Enter();
        var norm = args.Normalization;
        var g = norm.Geometry;
        var statistics = Saved(norm.Mean, norm.InvStd);
        var (pack, slices) = ShareOut(
            g, norm.Input, norm.GradOutput, norm.GradInput, args.Sum?.Output, args.Sum?.GradAddend);
        if (ThreadsOfChannel(g, pack) is not 0 and var threads)
        {
            if (args.Sum is { } rectified)
                RectifiedGradient(rectified.Output, norm.GradOutput, rectified.GradAddend);
            BackwardOfChannels(
                threads, g, pack, statistics, norm.Input, norm.Gamma, args.Beta, args.Sum?.GradAddend ?? norm.GradOutput,
                rectifies: args.Sum is null, norm.GradInput, norm.GradGamma, norm.GradBeta);
            return;
        }

        var sums = ReduceRectifiedGradients(
            g, pack, slices, statistics, norm.Input, norm.Gamma, args.Beta, args.Sum, norm.GradOutput, norm.GradGamma,
            norm.GradBeta);
        if (norm.GradInput is null)
            return;
        if (args.Sum is { } sum)
        {
            InputGradient(g, pack, slices, statistics, norm.Input, norm.Gamma, sum.GradAddend, sums, norm.GradInput);
            return;
        }

        BatchNormAddReLUKernel("batch_norm_relu_backward_input", norm.Input.DType, pack).Launch(
            slices.Blocks(g.Channels, g.Spatial), ChannelSlices.Threads,
            [
                KernelArgument.Struct(&g), KernelArgument.Struct(&slices), KernelArgument.Struct(&statistics), norm.Input,
                norm.Gamma, args.Beta, norm.GradOutput, sums, norm.GradInput,
            ]);
    }

    /// <inheritdoc/>
    public override void BatchNormFrozenAddReLUForward(in BatchNormFrozenAddReLUForwardArgs args)
    {
        if (args.Normalization.Geometry.IsRows)
        {
            FrozenForwardOfRows(in args);
            return;
        }

        using var scope = Enter();
        var norm = args.Normalization;
        NormalizeAddReLU(
            norm.Geometry, Given(norm.Mean, norm.Variance, norm.Epsilon), norm.Input, norm.Gamma, norm.Beta, args.Addend,
            args.Rectifies, norm.Output);
    }

    /// <inheritdoc/>
    public override void BatchNormFrozenAddReLUBackward(in BatchNormFrozenAddReLUBackwardArgs args)
    {
        if (args.Normalization.Geometry.IsRows)
        {
            FrozenBackwardOfRows(in args);
            return;
        }

        using var scope = Enter();
        var norm = args.Normalization;
        var g = norm.Geometry;
        var statistics = Given(norm.Mean, norm.Variance, norm.Epsilon);
        var (pack, slices) = ShareOut(
            g, norm.Input, norm.GradOutput, norm.GradInput, args.Sum?.Output, args.Sum?.GradAddend);
        if (norm.GradGamma is not null || norm.GradBeta is not null)
            ReduceRectifiedGradients(
                g, pack, slices, statistics, norm.Input, norm.Gamma, args.Beta, args.Sum, norm.GradOutput, norm.GradGamma,
                norm.GradBeta);
        else if (args.Sum is { } unreduced)
            RectifiedGradient(unreduced.Output, norm.GradOutput, unreduced.GradAddend);
        if (norm.GradInput is null)
            return;
        if (args.Sum is { } sum)
        {
            FrozenInputGradient(g, pack, slices, statistics, norm.Gamma, sum.GradAddend, norm.GradInput);
            return;
        }

        BatchNormAddReLUKernel("batch_norm_relu_frozen_backward_input", norm.Input.DType, pack).Launch(
            slices.Blocks(g.Channels, g.Spatial), ChannelSlices.Threads,
            [
                KernelArgument.Struct(&g), KernelArgument.Struct(&slices), KernelArgument.Struct(&statistics), norm.Input,
                norm.Gamma, args.Beta, norm.GradOutput, norm.GradInput,
            ]);
    }

    private BoundKernel BatchNormAddReLUKernel(string name, DType dtype, int pack) =>
        Kernel(BatchNormAddReLUFile, name, dtype, [new KernelConstant("PACK", pack)]);

    private void NormalizeAddReLU(
        BatchNormGeometry g, BatchNormStatistics statistics, Tensor input, Tensor? gamma, Tensor? beta, Tensor? addend,
        bool rectifies, Tensor output)
    {
        var (pack, slices) = ShareOut(g, input, output, addend);
        BatchNormAddReLUKernel("batch_norm_add_relu_forward", input.DType, pack).Launch(
            slices.Blocks(g.Channels, g.Spatial), ChannelSlices.Threads,
            [
                KernelArgument.Struct(&g), KernelArgument.Struct(&slices), KernelArgument.Struct(&statistics), input,
                gamma, beta, addend, rectifies ? 1 : 0, output,
            ]);
    }

    /// <summary>Writes the gradients of gamma and beta, and that of an addend.</summary>
    /// <returns>The sums of every channel, for the gradient of the input.</returns>
    private nint ReduceRectifiedGradients(
        BatchNormGeometry g, int pack, ChannelSlices slices, BatchNormStatistics statistics, Tensor input, Tensor? gamma,
        Tensor? beta, RectifiedSum? sum, Tensor gradOutput, Tensor? gradGamma, Tensor? gradBeta)
    {
        var partsPerChannel = slices.PartsPerChannel(g.Spatial);
        var parts = GradientScratch(g.Channels, partsPerChannel, gradGamma, gradBeta, out var results);
        var counters = ChannelCounters(g.Channels, slices);
        var blocks = slices.Blocks(g.Channels, g.Spatial);
        if (sum is { } added)
        {
            BatchNormAddReLUKernel("batch_norm_add_relu_backward_reduce", input.DType, pack).Launch(
                blocks, ChannelSlices.Threads,
                [
                    KernelArgument.Struct(&g), KernelArgument.Struct(&slices), KernelArgument.Struct(&statistics), input,
                    added.Output, gradOutput, added.GradAddend, parts, counters, KernelArgument.Struct(&results),
                ]);
        }
        else
        {
            BatchNormAddReLUKernel("batch_norm_relu_backward_reduce", input.DType, pack).Launch(
                blocks, ChannelSlices.Threads,
                [
                    KernelArgument.Struct(&g), KernelArgument.Struct(&slices), KernelArgument.Struct(&statistics), input,
                    gamma, beta, gradOutput, parts, counters, KernelArgument.Struct(&results),
                ]);
        }

        if (counters == 0)
            FinishGradients(g.Channels, parts, partsPerChannel, statistics, input.DType, results);
        return results.Sums;
    }
}
