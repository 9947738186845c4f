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

        var chunks = RowChunks(args.Batch, args.Classes);
        var sums = _shared.Get<SoftmaxCrossEntropySums>(chunks);
        var job = new SoftmaxCrossEntropyJob(
            this, args.Batch, args.Classes, chunks, Data(args.Logits), labels,
            T.CreateTruncating(1 - args.LabelSmoothing), T.CreateTruncating(args.LabelSmoothing / args.Classes),
            Data(args.Probabilities), sums);
        _pool.Run(ref job, chunks);
        var sum = default(SoftmaxCrossEntropySums);
        for (var chunk = 0; chunk < chunks; chunk++)
            sum += sums[chunk];

        *Data(args.Loss) = T.CreateTruncating(sum.Loss * args.Scale);
        if (args.Watch is { } watch)
            Note(T.IsFinite(*Data(args.Loss)), (long*)watch.Address);
        if (args.Totals is { } totals)
        {
            var running = (double*)totals.Address;
            running[0] += sum.Loss;
            running[1] += sum.Correct;
        }
    }

    public override void SoftmaxCrossEntropyBackward(in SoftmaxCrossEntropyBackwardArgs args)
    {
        var job = new SoftmaxCrossEntropyGradientJob(
            args.Batch, args.Classes, Data(args.Probabilities), (int*)args.Labels.Address,
            T.CreateTruncating(args.Scale), T.CreateTruncating(1 - args.LabelSmoothing),
            T.CreateTruncating(args.LabelSmoothing / args.Classes), Data(args.GradLogits));
        _pool.Run(ref job, job.Chunks);
    }

    private static void Note(bool isFinite, long* watch)
    {
        var number = ++watch[0];
        if (!isFinite && watch[1] == 0)
            watch[1] = number;
    }

    private static int RowChunks(int batch, int classes) =>
        (int)Math.Clamp((long)batch * classes / SoftmaxElementsPerChunk, 1, batch);

    /// <summary>The losses of some rows, and how many of them have their first greatest logit at their label.</summary>
    private readonly record struct SoftmaxCrossEntropySums(double Loss, long Correct)
    {
        public static SoftmaxCrossEntropySums operator +(
            SoftmaxCrossEntropySums left, SoftmaxCrossEntropySums right) =>
            new(left.Loss + right.Loss, left.Correct + right.Correct);
    }

    /// <summary>A chunk is a share of the rows.</summary>
    private readonly struct SoftmaxCrossEntropyJob(
        CpuOperators<TSimd, TVector, T> operators, int batch, int classes, int chunks, T* logits, int* labels,
        T labelWeight, T classWeight, T* probabilities, SoftmaxCrossEntropySums* sums) : IChunkJob
    {
        // So many classes of as many rows as a register has lanes stay in the first-level cache.
        private const int MaxClassesInLanes = 128;

        public void Run(int chunk, int worker)
        {
            int row = (int)((long)chunk * batch / chunks), end = (int)((chunk + 1L) * batch / chunks);
            var sum = default(SoftmaxCrossEntropySums);
            if (classes <= MaxClassesInLanes)
            {
                var scratch = operators._perWorker[worker].Get<T>(
                    Math.Max(classes, TSimd.Count) * (long)TSimd.Count);
                for (; row + TSimd.Count <= end; row += TSimd.Count)
                    sum += SoftmaxOfLanes(row, scratch);
            }

            for (; row < end; row++)
                sum += SoftmaxOfRow(row);
            sums[chunk] = sum;
        }

        /// <summary>The softmax of as many rows as a register has lanes, a row in each: few classes fill no register, and
        /// what is done once per row, as the logarithm is, is done for all of them at once.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private SoftmaxCrossEntropySums SoftmaxOfLanes(int firstRow, T* scratch)
        {
            var count = TSimd.Count;
            T* rows = logits + (long)firstRow * classes, results = probabilities + (long)firstRow * classes;
            // scratch[column][row]. Of a last block, what it has in common with the one before is written twice; where there
            // are fewer classes than lanes, it reads past the rows, and nothing looks at that.
            for (var i = 0; i < classes; i += count)
            {
                var at = Math.Max(0, Math.Min(i, classes - count));
                TSimd.Transpose(rows + at, classes, scratch + at * count, count);
            }

            var maxima = TSimd.Load(scratch);
            var greatest = TSimd.Zero;
            for (var column = 1; column < classes; column++)
            {
                var logit = TSimd.Load(scratch + column * count);
                var isGreater = TSimd.GreaterThan(logit, maxima);
                maxima = TSimd.Select(isGreater, logit, maxima);
                greatest = TSimd.Select(isGreater, TSimd.Create(T.CreateTruncating(column)), greatest);
            }

            var isSmoothed = classWeight != T.Zero;
            TVector sums = TSimd.Zero, sumsBehind = TSimd.Zero;
            for (var column = 0; column < classes; column++)
            {
                var place = scratch + column * count;
                var behind = TSimd.Subtract(TSimd.Load(place), maxima);
                var exponential = TSimd.ExpOfNegative(behind);
                TSimd.Store(exponential, place);
                sums = TSimd.Add(sums, exponential);
                if (isSmoothed)
                    sumsBehind = TSimd.Add(sumsBehind, behind);
            }

            var factors = TSimd.Divide(TSimd.Create(T.One), sums);
            for (var column = 0; column < classes; column++)
            {
                var place = scratch + column * count;
                TSimd.Store(TSimd.Multiply(TSimd.Load(place), factors), place);
            }

            WriteRows(scratch, results);
            var lanes = stackalloc TVector[4] { TSimd.Log(sums), maxima, greatest, sumsBehind };
            double loss = 0;
            var correct = 0;
            for (var lane = 0; lane < count; lane++)
            {
                T logSum = ((T*)lanes)[lane], maximum = ((T*)(lanes + 1))[lane];
                var label = labels[firstRow + lane];
                loss += RowLoss(
                    logSum, rows[(long)lane * classes + label] - maximum, ((T*)(lanes + 3))[lane]);
                if (((T*)(lanes + 2))[lane] == T.CreateTruncating(label))
                    correct++;
            }

            return new SoftmaxCrossEntropySums(loss, correct);
        }

        [MethodImpl(Compiled.AsLoop)]
        private void WriteRows(T* scratch, T* results)
        {
            var count = TSimd.Count;
            if (classes >= count)
            {
                for (var i = 0; i < classes; i += count)
                {
                    var at = Math.Min(i, classes - count);
                    TSimd.Transpose(scratch + at * count, count, results + at, classes);
                }

                return;
            }

            for (var lane = 0; lane < count; lane++)
            {
                for (var column = 0; column < classes; column++)
                    results[lane * classes + column] = scratch[column * count + lane];
            }
        }

        /// <summary>The softmax of a row.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private SoftmaxCrossEntropySums SoftmaxOfRow(int index)
        {
            T* row = logits + (long)index * classes, result = probabilities + (long)index * classes;
            var (maximum, greatest) = Greatest(row);
            T sum = T.Zero, sumBehind = T.Zero;
            var isSmoothed = classWeight != T.Zero;
            var maxima = TSimd.Create(maximum);
            if (classes >= TSimd.Count)
            {
                // The last register is pulled back to end with the row; what it has in common with the one before counts
                // once.
                TVector sums = TSimd.Zero, sumsBehind = TSimd.Zero;
                var at = 0;
                for (; at + TSimd.Count <= classes; at += TSimd.Count)
                {
                    var behind = TSimd.Subtract(TSimd.Load(row + at), maxima);
                    var exponential = TSimd.ExpOfNegative(behind);
                    TSimd.Store(exponential, result + at);
                    sums = TSimd.Add(sums, exponential);
                    if (isSmoothed)
                        sumsBehind = TSimd.Add(sumsBehind, behind);
                }

                if (at < classes)
                {
                    var last = classes - TSimd.Count;
                    var behind = TSimd.Subtract(TSimd.Load(row + last), maxima);
                    var exponential = TSimd.ExpOfNegative(behind);
                    TSimd.Store(exponential, result + last);
                    sums = TSimd.Add(sums, TSimd.AndNot(exponential, FirstLanes(at - last)));
                    if (isSmoothed)
                        sumsBehind = TSimd.Add(sumsBehind, TSimd.AndNot(behind, FirstLanes(at - last)));
                }

                sum = TSimd.Sum(sums);
                sumBehind = TSimd.Sum(sumsBehind);
            }
            else
            {
                for (var column = 0; column < classes; column++)
                {
                    var behind = row[column] - maximum;
                    result[column] = T.Exp(behind);
                    sum += result[column];
                    sumBehind += behind;
                }
            }

            Normalize(result, sum);
            var label = labels[index];
            return new SoftmaxCrossEntropySums(
                RowLoss(T.Log(sum), row[label] - maximum, isSmoothed ? sumBehind : T.Zero),
                greatest == label ? 1 : 0);
        }

        /// <summary>From the logarithm of the sum of exponentials, and how far behind the greatest logit that of the label
        /// is, and all are together.</summary>
        private double RowLoss(T logSum, T labelBehind, T sumBehind) =>
            double.CreateTruncating(logSum - (labelWeight * labelBehind + classWeight * sumBehind));

        /// <summary>The greatest logit of a row, and the first column that has it. A NaN in front is the greatest; one
        /// elsewhere is not.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private (T Maximum, int Column) Greatest(T* row)
        {
            var (maximum, greatest) = (row[0], 0);
            // Each lane has its own, and the round in which it came.
            var maxima = TSimd.Create(maximum);
            TVector rounds = TSimd.Zero, round = TSimd.Zero, one = TSimd.Create(T.One);
            var column = 0;
            for (; column + TSimd.Count <= classes; column += TSimd.Count)
            {
                var values = TSimd.Load(row + column);
                var isGreater = TSimd.GreaterThan(values, maxima);
                maxima = TSimd.Select(isGreater, values, maxima);
                rounds = TSimd.Select(isGreater, round, rounds);
                round = TSimd.Add(round, one);
            }

            var lanes = stackalloc TVector[2] { maxima, rounds };
            for (var lane = 0; lane < TSimd.Count; lane++)
            {
                var value = ((T*)lanes)[lane];
                var of = int.CreateTruncating(((T*)(lanes + 1))[lane]) * TSimd.Count + lane;
                if (value > maximum || (value == maximum && of < greatest))
                    (maximum, greatest) = (value, of);
            }

            for (; column < classes; column++)
            {
                if (row[column] > maximum)
                    (maximum, greatest) = (row[column], column);
            }

            return (maximum, greatest);
        }

        [MethodImpl(Compiled.AsLoop)]
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
        int batch, int classes, T* probabilities, int* labels, T scale, T labelWeight, T classWeight, T* gradLogits)
        : IChunkJob
    {
        public int Chunks => RowChunks(batch, classes);

        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            int firstRow = (int)((long)chunk * batch / Chunks), endRow = (int)((chunk + 1L) * batch / Chunks);
            long i = (long)firstRow * classes, end = (long)endRow * classes;
            var (scales, targets) = (TSimd.Create(scale), TSimd.Create(classWeight));
            for (; i + TSimd.Count <= end; i += TSimd.Count)
                TSimd.Store(
                    TSimd.Multiply(TSimd.Subtract(TSimd.Load(probabilities + i), targets), scales), gradLogits + i);
            for (; i < end; i++)
                gradLogits[i] = (probabilities[i] - classWeight) * scale;
            // Of every row, one differs.
            for (var row = firstRow; row < endRow; row++)
            {
                var ofLabel = (long)row * classes + labels[row];
                gradLogits[ofLabel] = (probabilities[ofLabel] - (labelWeight + classWeight)) * scale;
            }
        }
    }
}
