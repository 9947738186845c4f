using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public override void SoftmaxCrossEntropyForward(in SoftmaxCrossEntropyForwardArgs args)
    {
        lock (_gate)
            For(args.Logits.DType).SoftmaxCrossEntropyForward(in args);
    }

    /// <inheritdoc/>
    public override void SoftmaxCrossEntropyBackward(in SoftmaxCrossEntropyBackwardArgs args)
    {
        lock (_gate)
            For(args.Probabilities.DType).SoftmaxCrossEntropyBackward(in args);
    }
}

internal abstract partial class CpuOperators
{
    public abstract void SoftmaxCrossEntropyForward(in SoftmaxCrossEntropyForwardArgs args);

    public abstract void SoftmaxCrossEntropyBackward(in SoftmaxCrossEntropyBackwardArgs args);
}

internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    public override void SoftmaxCrossEntropyForward(in SoftmaxCrossEntropyForwardArgs args)
    {
        var labels = (int*)args.Labels.Address;
        // Before anything is written: a bad label leaves loss and totals as they were.
        for (var row = 0; row < args.Batch; row++)
        {
            if ((uint)labels[row] >= (uint)args.Classes)
                throw new RefusedLabel(1, row, labels[row], args.Classes).ToException();
        }

        T* logits = Data(args.Logits), probabilities = Data(args.Probabilities);
        double loss = 0;
        long correct = 0;
        for (var row = 0; row < args.Batch; row++)
        {
            var first = (long)row * args.Classes;
            loss += SoftmaxRow(logits + first, probabilities + first, args.Classes, labels[row], out var greatest);
            if (greatest == labels[row])
                correct++;
        }

        *Data(args.Loss) = T.CreateTruncating(loss * args.Scale);
        if (args.Totals is { } totals)
        {
            var sums = (double*)totals.Address;
            sums[0] += loss;
            sums[1] += correct;
        }
    }

    public override void SoftmaxCrossEntropyBackward(in SoftmaxCrossEntropyBackwardArgs args)
    {
        var labels = (int*)args.Labels.Address;
        var scale = T.CreateTruncating(args.Scale);
        T* probabilities = Data(args.Probabilities), gradLogits = Data(args.GradLogits);
        long i = 0;
        for (var row = 0; row < args.Batch; row++)
        {
            for (var column = 0; column < args.Classes; column++, i++)
                gradLogits[i] = (column == labels[row] ? probabilities[i] - T.One : probabilities[i]) * scale;
        }
    }

    /// <summary>Writes the softmax of a row; returns its loss, and where its first greatest logit is.</summary>
    private static double SoftmaxRow(T* logits, T* probabilities, int classes, int label, out int greatest)
    {
        greatest = 0;
        for (var column = 1; column < classes; column++)
        {
            if (logits[column] > logits[greatest])
                greatest = column;
        }

        var maximum = logits[greatest];
        var sum = T.Zero;
        for (var column = 0; column < classes; column++)
        {
            probabilities[column] = T.Exp(logits[column] - maximum);
            sum += probabilities[column];
        }

        for (var column = 0; column < classes; column++)
            probabilities[column] /= sum;
        return double.CreateTruncating(T.Log(sum) - (logits[label] - maximum));
    }
}
