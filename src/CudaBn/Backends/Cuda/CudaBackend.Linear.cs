using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    private const int LinearThreads = 256;

    internal static readonly KernelFile LinearFile = new("linear.cu");

    /// <inheritdoc/>
    public override void LinearForward(in LinearForwardArgs args)
    {
        using var scope = Enter();
        var g = args.Geometry;
        var output = args.Output;
        Multiply(new MatrixProduct(g.Batch, g.OutFeatures, g.InFeatures, false, true), args.Input, args.Weight, output);
        if (args.Bias is null)
            return;
        Kernel(LinearFile, "linear_add_bias", output.DType).Launch(
            BlocksFor(output.ElementCount, 4 * LinearThreads), LinearThreads,
            [args.Bias, output.ElementCount, g.OutFeatures, output]);
    }

    /// <inheritdoc/>
    public override void LinearBackward(in LinearBackwardArgs args)
    {
        using var scope = Enter();
        var g = args.Geometry;
        if (args.GradInput is { } gradInput)
            Multiply(
                new MatrixProduct(g.Batch, g.InFeatures, g.OutFeatures, false, false),
                args.GradOutput, args.Weight, gradInput);
        if (args.GradWeight is { } gradWeight)
            Multiply(
                new MatrixProduct(g.OutFeatures, g.InFeatures, g.Batch, true, false),
                args.GradOutput, args.Input, gradWeight);
        if (args.GradBias is { } gradBias)
            SumRows(new SumRowsArgs(g.Batch, g.OutFeatures, args.GradOutput, gradBias));
    }

    /// <inheritdoc/>
    public override void SumRows(in SumRowsArgs args)
    {
        using var scope = Enter();
        Kernel(LinearFile, "linear_backward_bias", args.Source.DType).Launch(
            Blocks(CeilDiv(args.Columns, SplitSumColumns)), SplitSumThreads,
            [args.Source, args.Rows, args.Columns, args.Destination]);
    }
}
