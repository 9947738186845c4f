using System.Runtime.CompilerServices;
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
    // Fewer take less time than waking another thread.
    private const int SoftmaxElementsPerChunk = 8 * 1024;

    public override void SoftmaxCrossEntropyForward(in SoftmaxCrossEntropyForwardArgs args)
    {
        var labels = (int*)args.Labels.Address;
        // Before anything is written: a bad label leaves loss and totals as they were.
        for (var row = 0; row < args.Batch; row++)
        {
            if ((uint)labels[row] >= (uint)args.Classes)
                throw new RefusedLabel(1, row, labels[row], args.Classes).ToException();
        }

        var job = new SoftmaxCrossEntropyJob(
            args.Batch, args.Classes, Data(args.Logits), labels, Data(args.Probabilities),
            _shared.Get<SoftmaxCrossEntropyRow>(args.Batch));
        _pool.Run(ref job, job.Chunks);
        double loss = 0;
        long correct = 0;
        for (var row = 0; row < args.Batch; row++)
        {
            loss += job.Rows[row].Loss;
            if (job.Rows[row].IsCorrect)
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
        var job = new SoftmaxCrossEntropyGradientJob(
            args.Batch, args.Classes, Data(args.Probabilities), (int*)args.Labels.Address,
            T.CreateTruncating(args.Scale), Data(args.GradLogits));
        _pool.Run(ref job, job.Chunks);
    }

    private static int RowChunks(int batch, int classes) =>
        (int)Math.Clamp((long)batch * classes / SoftmaxElementsPerChunk, 1, batch);

    private readonly record struct SoftmaxCrossEntropyRow(double Loss, bool IsCorrect);

    /// <summary>A chunk is a share of the rows.</summary>
    private readonly struct SoftmaxCrossEntropyJob(
        int batch, int classes, T* logits, int* labels, T* probabilities, SoftmaxCrossEntropyRow* rows) : IChunkJob
    {
        public int Chunks => RowChunks(batch, classes);

        public SoftmaxCrossEntropyRow* Rows => rows;

        public void Run(int chunk, int worker)
        {
            var end = (int)((chunk + 1L) * batch / Chunks);
            for (var row = (int)((long)chunk * batch / Chunks); row < end; row++)
            {
                var first = (long)row * classes;
                rows[row] = Softmax(logits + first, probabilities + first, labels[row]);
            }
        }

        /// <summary>Writes the softmax of a row; returns its loss, and whether its first greatest logit is that of its
        /// label.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private SoftmaxCrossEntropyRow Softmax(T* row, T* result, int label)
        {
            var greatest = 0;
            var maximum = row[0];
            for (var column = 1; column < classes; column++)
            {
                if (row[column] > maximum)
                {
                    maximum = row[column];
                    greatest = column;
                }
            }

            var sum = T.Zero;
            var maxima = TSimd.Create(maximum);
            if (classes >= TSimd.Count)
            {
                // The last register is pulled back to end with the row; what it has in common with the one before counts
                // once.
                var sums = TSimd.Zero;
                for (var i = 0; i < classes; i += TSimd.Count)
                {
                    var at = Math.Min(i, classes - TSimd.Count);
                    var exponential = TSimd.Exp(TSimd.Subtract(TSimd.Load(row + at), maxima));
                    TSimd.Store(exponential, result + at);
                    sums = TSimd.Add(sums, TSimd.AndNot(exponential, FirstLanes(i - at)));
                }

                sum = TSimd.Sum(sums);
            }
            else
            {
                for (var column = 0; column < classes; column++)
                {
                    result[column] = T.Exp(row[column] - maximum);
                    sum += result[column];
                }
            }

            Normalize(result, sum);
            return new SoftmaxCrossEntropyRow(
                double.CreateTruncating(T.Log(sum) - (row[label] - maximum)), greatest == label);
        }

        private void Normalize(T* result, T sum)
        {
            var column = 0;
            var factor = T.One / sum;
            var factors = TSimd.Create(factor);
            for (; column + TSimd.Count <= classes; column += TSimd.Count)
                TSimd.Store(TSimd.Multiply(TSimd.Load(result + column), factors), result + column);
            for (; column < classes; column++)
                result[column] *= factor;
        }
    }

    /// <summary>A chunk is a share of the rows.</summary>
    private readonly struct SoftmaxCrossEntropyGradientJob(
        int batch, int classes, T* probabilities, int* labels, T scale, T* gradLogits) : IChunkJob
    {
        public int Chunks => RowChunks(batch, classes);

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int chunk, int worker)
        {
            int firstRow = (int)((long)chunk * batch / Chunks), endRow = (int)((chunk + 1L) * batch / Chunks);
            long i = (long)firstRow * classes, end = (long)endRow * classes;
            var scales = TSimd.Create(scale);
            for (; i + TSimd.Count <= end; i += TSimd.Count)
                TSimd.Store(TSimd.Multiply(TSimd.Load(probabilities + i), scales), gradLogits + i);
            for (; i < end; i++)
                gradLogits[i] = probabilities[i] * scale;
            // Of every row, one differs.
            for (var row = firstRow; row < endRow; row++)
            {
                var ofLabel = (long)row * classes + labels[row];
                gradLogits[ofLabel] = (probabilities[ofLabel] - T.One) * scale;
            }
        }
    }
}
