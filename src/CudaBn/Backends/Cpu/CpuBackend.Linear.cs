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
    public override void LinearForward(in LinearForwardArgs args) => LinearForward(
        args.Geometry, Data(args.Input), Data(args.Weight), DataOrNull(args.Bias), Data(args.Output));

    public override void LinearBackward(in LinearBackwardArgs args) => LinearBackward(
        args.Geometry, Data(args.Input), Data(args.Weight), Data(args.GradOutput), DataOrNull(args.GradInput),
        DataOrNull(args.GradWeight), DataOrNull(args.GradBias));

    private void LinearForward(LinearGeometry geometry, T* input, T* weight, T* bias, T* output)
    {
        var (batch, inFeatures, outFeatures) = geometry;
        var inputs = MatrixView<T>.RowMajor(input, batch, inFeatures);
        var weights = MatrixView<T>.RowMajor(weight, outFeatures, inFeatures);
        MatrixProduct(inputs, weights.Transposed(), bias, output);
    }

    private void LinearBackward(
        LinearGeometry geometry, T* input, T* weight, T* gradOutput, T* gradInput, T* gradWeight, T* gradBias)
    {
        var (batch, inFeatures, outFeatures) = geometry;
        var inputs = MatrixView<T>.RowMajor(input, batch, inFeatures);
        var weights = MatrixView<T>.RowMajor(weight, outFeatures, inFeatures);
        var gradients = MatrixView<T>.RowMajor(gradOutput, batch, outFeatures);
        if (gradInput != null)
            MatrixProduct(gradients, weights, bias: null, gradInput);
        if (gradWeight != null)
            MatrixProduct(gradients.Transposed(), inputs, bias: null, gradWeight);
        if (gradBias != null)
            SumRows(gradOutput, batch, outFeatures, outFeatures, gradBias);
    }

    public override void SumRows(in SumRowsArgs args) =>
        SumRows(Data(args.Source), args.Rows, args.Columns, args.Columns, Data(args.Destination));
}
