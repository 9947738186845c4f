using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

// Batch normalization of matrices with an addition, a rectifier or both behind it.
public sealed unsafe partial class CudaBackend
{
    internal static readonly KernelFile BatchNormRowsAddReLUFile = new("batch_norm_rows_add_relu.cu");

    private void ForwardOfRows(in BatchNormAddReLUForwardArgs args)
    {
        using var scope = Enter();
        var norm = args.Normalization;
        // As batch norm by itself gathers them, whatever the addend's alignment.
        var (pack, rows) = ShareOutRows(norm.Geometry, norm.Input, norm.Output);
        ComputeStatisticsOfRows(rows, pack, in norm);
        NormalizeAddReLUOfRows(
            norm.Geometry, Saved(norm.Mean, norm.InvStd), norm.Input, norm.Gamma, norm.Beta, args.Addend, args.Rectifies,
            norm.Output);
    }

    private void BackwardOfRows(in BatchNormAddReLUBackwardArgs args)
    {
        using var scope = Enter();
        var norm = args.Normalization;
        var statistics = Saved(norm.Mean, norm.InvStd);
        var (pack, rows) = ShareOutRows(
            norm.Geometry, norm.Input, norm.GradOutput, norm.GradInput, args.Sum?.Output, args.Sum?.GradAddend);
        var sums = ReduceRectifiedGradientsOfRows(
            rows, pack, statistics, norm.Input, norm.Gamma, args.Beta, args.Sum, norm.GradOutput, norm.GradGamma,
            norm.GradBeta);
        if (norm.GradInput is null)
            return;
        if (args.Sum is { } sum)
        {
            InputGradientOfRows(
                rows, pack, statistics, norm.Input, norm.Gamma, sum.GradAddend, sums, norm.GradInput);
            return;
        }

        BatchNormRowsAddReLUKernel("batch_norm_rows_relu_backward_input", norm.Input.DType, pack).Launch(
            rows.Blocks(pack), ChannelRows.Threads,
            [
                KernelArgument.Struct(&rows), KernelArgument.Struct(&statistics), norm.Input, norm.Gamma, args.Beta,
                norm.GradOutput, sums, norm.GradInput,
            ]);
    }

    private void FrozenForwardOfRows(in BatchNormFrozenAddReLUForwardArgs args)
    {
        using var scope = Enter();
        var norm = args.Normalization;
        NormalizeAddReLUOfRows(
            norm.Geometry, Given(norm.Mean, norm.Variance, norm.Epsilon), norm.Input, norm.Gamma, norm.Beta, args.Addend,
            args.Rectifies, norm.Output);
    }

    private void FrozenBackwardOfRows(in BatchNormFrozenAddReLUBackwardArgs args)
    {
        using var scope = Enter();
        var norm = args.Normalization;
        var statistics = Given(norm.Mean, norm.Variance, norm.Epsilon);
        var (pack, rows) = ShareOutRows(
            norm.Geometry, norm.Input, norm.GradOutput, norm.GradInput, args.Sum?.Output, args.Sum?.GradAddend);
        if (norm.GradGamma is not null || norm.GradBeta is not null)
            ReduceRectifiedGradientsOfRows(
                rows, pack, statistics, norm.Input, norm.Gamma, args.Beta, args.Sum, norm.GradOutput, norm.GradGamma,
                norm.GradBeta);
        else if (args.Sum is { } unreduced)
            RectifiedGradient(unreduced.Output, norm.GradOutput, unreduced.GradAddend);
        if (norm.GradInput is null)
            return;
        if (args.Sum is { } sum)
        {
            FrozenInputGradientOfRows(rows, pack, statistics, norm.Gamma, sum.GradAddend, norm.GradInput);
            return;
        }

        BatchNormRowsAddReLUKernel("batch_norm_rows_relu_frozen_backward_input", norm.Input.DType, pack).Launch(
            rows.Blocks(pack), ChannelRows.Threads,
            [
                KernelArgument.Struct(&rows), KernelArgument.Struct(&statistics), norm.Input, norm.Gamma, args.Beta,
                norm.GradOutput, norm.GradInput,
            ]);
    }

    private BoundKernel BatchNormRowsAddReLUKernel(string name, DType dtype, int pack) =>
        Kernel(BatchNormRowsAddReLUFile, name, dtype, [new KernelConstant("PACK", pack)]);

    private void NormalizeAddReLUOfRows(
        BatchNormGeometry g, BatchNormStatistics statistics, Tensor input, Tensor? gamma, Tensor? beta, Tensor? addend,
        bool rectifies, Tensor output)
    {
        var (pack, rows) = ShareOutRows(g, input, output, addend);
        BatchNormRowsAddReLUKernel("batch_norm_rows_add_relu_forward", input.DType, pack).Launch(
            rows.Blocks(pack), ChannelRows.Threads,
            [
                KernelArgument.Struct(&rows), KernelArgument.Struct(&statistics), input, gamma, beta, addend,
                rectifies ? 1 : 0, output,
            ]);
    }

    /// <summary>Writes the gradients of gamma and beta, and that of an addend.</summary>
    /// <returns>The sums of every channel, for the gradient of the input.</returns>
    private nint ReduceRectifiedGradientsOfRows(
        ChannelRows rows, int pack, BatchNormStatistics statistics, Tensor input, Tensor? gamma, Tensor? beta,
        RectifiedSum? sum, Tensor gradOutput, Tensor? gradGamma, Tensor? gradBeta)
    {
        var parts = GradientScratch(rows.Channels, rows.Slices, gradGamma, gradBeta, out var results);
        if (sum is { } added)
        {
            BatchNormRowsAddReLUKernel("batch_norm_rows_add_relu_backward_reduce", input.DType, pack).Launch(
                rows.Blocks(pack), ChannelRows.Threads,
                [
                    KernelArgument.Struct(&rows), KernelArgument.Struct(&statistics), input, added.Output, gradOutput,
                    added.GradAddend, parts,
                ]);
        }
        else
        {
            BatchNormRowsAddReLUKernel("batch_norm_rows_relu_backward_reduce", input.DType, pack).Launch(
                rows.Blocks(pack), ChannelRows.Threads,
                [
                    KernelArgument.Struct(&rows), KernelArgument.Struct(&statistics), input, gamma, beta, gradOutput, parts,
                ]);
        }

        FinishGradients(rows.Channels, parts, rows.Slices, statistics, input.DType, results);
        return results.Sums;
    }
}
