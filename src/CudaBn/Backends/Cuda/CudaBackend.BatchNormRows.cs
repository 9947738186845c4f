using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

// Batch normalization of matrices [N, C], and so of images whose channels come last.
public sealed unsafe partial class CudaBackend
{
    internal static readonly KernelFile BatchNormRowsFile = new("batch_norm_rows.cu");

    private void ForwardOfRows(in BatchNormForwardArgs args)
    {
        using var scope = Enter();
        var (pack, rows) = ShareOutRows(args.Geometry, args.Input, args.Output);
        ComputeStatisticsOfRows(rows, pack, in args);
        NormalizeRows(rows, pack, Saved(args.Mean, args.InvStd), args.Input, args.Gamma, args.Beta, args.Output);
    }

    private void BackwardOfRows(in BatchNormBackwardArgs args)
    {
        using var scope = Enter();
        var statistics = Saved(args.Mean, args.InvStd);
        var (pack, rows) = ShareOutRows(args.Geometry, args.Input, args.GradOutput, args.GradInput);
        var sums = ReduceGradientsOfRows(
            rows, pack, statistics, args.Input, args.GradOutput, args.GradGamma, args.GradBeta);
        if (args.GradInput is not null)
            InputGradientOfRows(
                rows, pack, statistics, args.Input, args.Gamma, args.GradOutput, sums, args.GradInput);
    }

    private void FrozenForwardOfRows(in BatchNormFrozenForwardArgs args)
    {
        using var scope = Enter();
        var (pack, rows) = ShareOutRows(args.Geometry, args.Input, args.Output);
        NormalizeRows(
            rows, pack, Given(args.Mean, args.Variance, args.Epsilon), args.Input, args.Gamma, args.Beta, args.Output);
    }

    private void FrozenBackwardOfRows(in BatchNormFrozenBackwardArgs args)
    {
        using var scope = Enter();
        var statistics = Given(args.Mean, args.Variance, args.Epsilon);
        var (pack, rows) = ShareOutRows(args.Geometry, args.Input, args.GradOutput, args.GradInput);
        if (args.GradGamma is not null || args.GradBeta is not null)
            ReduceGradientsOfRows(
                rows, pack, statistics, args.Input, args.GradOutput, args.GradGamma, args.GradBeta);
        if (args.GradInput is not null)
            FrozenInputGradientOfRows(rows, pack, statistics, args.Gamma, args.GradOutput, args.GradInput);
    }

    private BoundKernel BatchNormRowsKernel(string name, DType dtype, int pack) =>
        Kernel(BatchNormRowsFile, name, dtype, [new KernelConstant("PACK", pack)]);

    private (int Pack, ChannelRows Rows) ShareOutRows(
        BatchNormGeometry g, Tensor first, params ReadOnlySpan<Tensor?> others)
    {
        var pack = 16 / first.DType.Size();
        var isAligned = IsAligned(first, pack);
        foreach (var other in others)
            isAligned &= other is null || IsAligned(other, pack);
        if (!isAligned || g.Channels % pack != 0)
            pack = 1;
        return (pack, ChannelRows.Of(g.Batch, g.Channels, pack, WantedBlocks));
    }

    private void ComputeStatisticsOfRows(ChannelRows rows, int pack, in BatchNormForwardArgs args)
    {
        var parts = Scratch((long)rows.Channels * rows.Slices * MomentsBytes);
        BatchNormRowsKernel("batch_norm_rows_stats", args.Input.DType, pack).Launch(
            rows.Blocks(pack), ChannelRows.Threads,
            [KernelArgument.Struct(&rows), args.Input, parts, args.Running?.BatchesTracked]);
        FinishStatistics(
            rows.Channels, parts, rows.Slices, args.Input.DType,
            Results(args.Epsilon, args.Running, args.Mean, args.InvStd));
    }

    private void NormalizeRows(
        ChannelRows rows, int pack, BatchNormStatistics statistics, Tensor input, Tensor? gamma, Tensor? beta,
        Tensor output) =>
        BatchNormRowsKernel("batch_norm_rows_normalize", input.DType, pack).Launch(
            rows.Blocks(pack), ChannelRows.Threads,
            [KernelArgument.Struct(&rows), KernelArgument.Struct(&statistics), input, gamma, beta, output]);

    private void InputGradientOfRows(
        ChannelRows rows, int pack, BatchNormStatistics statistics, Tensor input, Tensor? gamma, Tensor gradOutput,
        nint sums, Tensor gradInput) =>
        BatchNormRowsKernel("batch_norm_rows_backward_input", input.DType, pack).Launch(
            rows.Blocks(pack), ChannelRows.Threads,
            [
                KernelArgument.Struct(&rows), KernelArgument.Struct(&statistics), input, gamma, gradOutput, sums,
                gradInput,
            ]);

    private void FrozenInputGradientOfRows(
        ChannelRows rows, int pack, BatchNormStatistics statistics, Tensor? gamma, Tensor gradOutput, Tensor gradInput) =>
        BatchNormRowsKernel("batch_norm_rows_frozen_backward_input", gradOutput.DType, pack).Launch(
            rows.Blocks(pack), ChannelRows.Threads,
            [KernelArgument.Struct(&rows), KernelArgument.Struct(&statistics), gamma, gradOutput, gradInput]);

    /// <summary>Writes the gradients of gamma and beta.</summary>
    /// <returns>The sums of every channel, for the gradient of the input.</returns>
    private nint ReduceGradientsOfRows(
        ChannelRows rows, int pack, BatchNormStatistics statistics, Tensor input, Tensor gradOutput, Tensor? gradGamma,
        Tensor? gradBeta)
    {
        var parts = GradientScratch(rows.Channels, rows.Slices, gradGamma, gradBeta, out var results);
        BatchNormRowsKernel("batch_norm_rows_backward_reduce", input.DType, pack).Launch(
            rows.Blocks(pack), ChannelRows.Threads,
            [KernelArgument.Struct(&rows), KernelArgument.Struct(&statistics), input, gradOutput, parts]);
        FinishGradients(rows.Channels, parts, rows.Slices, statistics, input.DType, results);
        return results.Sums;
    }
}
