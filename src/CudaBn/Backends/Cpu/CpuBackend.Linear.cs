using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public override void LinearForward(in LinearForwardArgs args)
    {
        lock (_gate)
            For(args.Input.DType).LinearForward(in args);
    }

    /// <inheritdoc/>
    public override void LinearBackward(in LinearBackwardArgs args)
    {
        lock (_gate)
            For(args.Input.DType).LinearBackward(in args);
    }

    /// <inheritdoc/>
    public override void SumRows(in SumRowsArgs args)
    {
        lock (_gate)
            For(args.Source.DType).SumRows(in args);
    }
}

internal abstract partial class CpuOperators
{
    public abstract void LinearForward(in LinearForwardArgs args);

    public abstract void LinearBackward(in LinearBackwardArgs args);

    public abstract void SumRows(in SumRowsArgs args);
}

internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    public override void LinearForward(in LinearForwardArgs args)
    {
        var (batch, inFeatures, outFeatures) = args.Geometry;
        var input = MatrixView<T>.RowMajor(Data(args.Input), batch, inFeatures);
        var weight = MatrixView<T>.RowMajor(Data(args.Weight), outFeatures, inFeatures);
        MatrixProduct(input, weight.Transposed(), DataOrNull(args.Bias), Data(args.Output));
    }

    public override void LinearBackward(in LinearBackwardArgs args)
    {
        var (batch, inFeatures, outFeatures) = args.Geometry;
        var input = MatrixView<T>.RowMajor(Data(args.Input), batch, inFeatures);
        var weight = MatrixView<T>.RowMajor(Data(args.Weight), outFeatures, inFeatures);
        var gradOutput = MatrixView<T>.RowMajor(Data(args.GradOutput), batch, outFeatures);
        if (args.GradInput is { } gradInput)
            MatrixProduct(gradOutput, weight, bias: null, Data(gradInput));
        if (args.GradWeight is { } gradWeight)
            MatrixProduct(gradOutput.Transposed(), input, bias: null, Data(gradWeight));
        if (args.GradBias is { } gradBias)
            SumRows(Data(args.GradOutput), batch, outFeatures, outFeatures, Data(gradBias));
    }

    public override void SumRows(in SumRowsArgs args) =>
        SumRows(Data(args.Source), args.Rows, args.Columns, args.Columns, Data(args.Destination));
}
