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
    // Of the gradient, fewer take less time than another thread needs to notice them.
    private const int SoftmaxElementsPerChunk = 8 * 1024;

    // An exponential of each takes longer, so that a few threads are worth it sooner.
    private const int ExponentialsPerChunk = 640;
    private const int ChunksOfFewExponentials = 4;

    public override void SoftmaxCrossEntropyForward(in SoftmaxCrossEntropyForwardArgs args)
    {
        var labels = (int*)args.Labels.Address;
        // Before anything is written: a bad label leaves loss and totals as they were.
        var refused = new ReadOnlySpan<int>(labels, args.Batch).IndexOfAnyExceptInRange(0, args.Classes - 1);
        if (refused >= 0)
            throw new RefusedLabel(1, refused, labels[refused], args.Classes).ToException();

        var chunks = ExponentialChunks(args.Batch, args.Classes);
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

    private static int ExponentialChunks(int batch, int classes) => Math.Max(
        RowChunks(batch, classes),
        (int)Math.Clamp((long)batch * classes / ExponentialsPerChunk, 1, Math.Min(ChunksOfFewExponentials, batch)));

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
        // What a chunk works on of rows in lanes stays in the first-level cache.
        private const int MaxElementsInLanes = 2 * 1024;
        private const int MaxClassesInLanes = 128;

        public void Run(int chunk, int worker)
        {
            int row = (int)((long)chunk * batch / chunks), end = (int)((chunk + 1L) * batch / chunks);
            var sum = default(SoftmaxCrossEntropySums);
            if (classes <= MaxClassesInLanes)
            {
                var length = Math.Max(classes, TSimd.Count) * TSimd.Count;
                var most = Math.Max(1, MaxElementsInLanes / length);
                var states = (LaneState*)operators._perWorker[worker].Get<byte>(
                    (long)most * sizeof(LaneState) + (most + 1L) * length * sizeof(T));
                while (row + TSimd.Count <= end)
                {
                    var groups = Math.Min(most, (end - row) / TSimd.Count);
                    sum += SoftmaxOfLanes(row, groups, states, (T*)(states + most), length);
                    row += groups * TSimd.Count;
                }
            }

            for (; row < end; row++)
                sum += SoftmaxOfRow(row);
            sums[chunk] = sum;
        }

        /// <summary>Of as many rows as a register has lanes.</summary>
        private struct LaneState
        {
            /// <summary>The classes that are right.</summary>
            public TVector Labels;

            /// <summary>The logits at them.</summary>
            public TVector OfLabels;

            /// <summary>The greatest logits. A NaN in front is the greatest; one elsewhere is not.</summary>
            public TVector Maxima;

            /// <summary>The first columns that have them.</summary>
            public TVector Greatest;

            /// <summary>Of the exponentials.</summary>
            public TVector Sums;

            /// <summary>With smoothed labels, how far all logits together are behind the greatest.</summary>
            public TVector SumsBehind;

            /// <summary>One over <see cref="Sums"/>.</summary>
            public TVector Factors;
        }

        /// <summary>The softmax of groups of as many rows as a register has lanes, a row in each: few classes fill no register,
        /// and what is done once per row, as the logarithm is, is done for all of them at once.</summary>
        /// <remarks>Each step is taken for all groups, one after the other: of one group every step waits for the one
        /// before.</remarks>
        private SoftmaxCrossEntropySums SoftmaxOfLanes(
            int firstRow, int groups, LaneState* states, T* columns, int length)
        {
            var scratch = columns + groups * length;
            for (var group = 0; group < groups; group++)
                ReadRows(logits + (long)(firstRow + group * TSimd.Count) * classes, columns + group * length);
            for (var group = 0; group < groups; group++)
            {
                states[group].Labels = TSimd.LoadIntegers(labels + firstRow + group * TSimd.Count);
                FindGreatest(columns + group * length, states + group);
            }

            for (var group = 0; group < groups; group++)
                Exponentiate(columns + group * length, states + group);
            for (var group = 0; group < groups; group++)
                Scale(columns + group * length, states[group].Factors);
            for (var group = 0; group < groups; group++)
                WriteRows(columns + group * length, scratch, probabilities + (long)(firstRow + group * TSimd.Count) * classes);
            return Sums(states, groups);
        }

        /// <summary>Of rows the columns, each a register.</summary>
        private void ReadRows(T* rows, T* columns)
        {
            // Of a last block, what it has in common with the one before is written twice; where there are fewer classes
            // than lanes, it reads past the rows, and nothing looks at that.
            for (var i = 0; i < classes; i += TSimd.Count)
            {
                var at = Math.Max(0, Math.Min(i, classes - TSimd.Count));
                TSimd.Transpose(rows + at, classes, columns + at * TSimd.Count, TSimd.Count);
            }
        }

        [MethodImpl(Compiled.AsLoop)]
        private void FindGreatest(T* columns, LaneState* state)
        {
            // Odd and even columns have each their own, for a comparison waits for the one before it.
            TVector first = TSimd.Load(columns), labels = state->Labels;
            TVector maxima = first, otherMaxima = first, places = TSimd.Zero, otherPlaces = TSimd.Zero, ofLabels = first;
            var (number, one) = (TSimd.Zero, TSimd.Create(T.One));
            for (var column = 1; column < classes; column++)
            {
                var logit = TSimd.Load(columns + column * TSimd.Count);
                number = TSimd.Add(number, one);
                ofLabels = TSimd.Select(TSimd.Equal(number, labels), logit, ofLabels);
                places = TSimd.Select(TSimd.GreaterThan(logit, maxima), number, places);
                maxima = TSimd.Greater(logit, maxima);
                (maxima, otherMaxima) = (otherMaxima, maxima);
                (places, otherPlaces) = (otherPlaces, places);
            }

            // Of equal ones the first.
            var isOther = TSimd.Or(
                TSimd.GreaterThan(otherMaxima, maxima),
                TSimd.And(TSimd.Equal(otherMaxima, maxima), TSimd.GreaterThan(places, otherPlaces)));
            state->OfLabels = ofLabels;
            state->Maxima = TSimd.Select(isOther, otherMaxima, maxima);
            state->Greatest = TSimd.Select(isOther, otherPlaces, places);
        }

        [MethodImpl(Compiled.AsLoop)]
        private void Exponentiate(T* columns, LaneState* state)
        {
            var isSmoothed = classWeight != T.Zero;
            TVector maxima = state->Maxima, sums = TSimd.Zero, sumsBehind = TSimd.Zero;
            for (var column = 0; column < classes; column++)
            {
                var place = columns + column * TSimd.Count;
                var behind = TSimd.Subtract(TSimd.Load(place), maxima);
                var exponential = TSimd.ExpOfNegative(behind);
                TSimd.Store(exponential, place);
                sums = TSimd.Add(sums, exponential);
                if (isSmoothed)
                    sumsBehind = TSimd.Add(sumsBehind, behind);
            }

            state->Sums = sums;
            state->SumsBehind = sumsBehind;
            state->Factors = TSimd.Divide(TSimd.Create(T.One), sums);
        }

        [MethodImpl(Compiled.AsLoop)]
        private void Scale(T* columns, TVector factors)
        {
            for (var column = 0; column < classes; column++)
            {
                var place = columns + column * TSimd.Count;
                TSimd.Store(TSimd.Multiply(TSimd.Load(place), factors), place);
            }
        }

        /// <summary>The inverse of <see cref="ReadRows"/>.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private void WriteRows(T* columns, T* scratch, T* rows)
        {
            var count = TSimd.Count;
            if (classes >= count)
            {
                for (var i = 0; i < classes; i += count)
                {
                    var at = Math.Min(i, classes - count);
                    TSimd.Transpose(columns + at * count, count, rows + at, classes);
                }

                return;
            }

            // Of a row, whole registers are written: what is behind its end, the next one writes again.
            TSimd.Transpose(columns, count, scratch, count);
            for (var row = 0; row < count - 1; row++)
                TSimd.Store(TSimd.Load(scratch + row * count), rows + row * classes);
            for (var column = 0; column < classes; column++)
                rows[(count - 1) * classes + column] = scratch[(count - 1) * count + column];
        }

        [MethodImpl(Compiled.AsLoop)]
        private SoftmaxCrossEntropySums Sums(LaneState* states, int groups)
        {
            double loss = 0;
            var correct = TSimd.Zero;
            for (var state = states; state < states + groups; state++)
            {
                var logarithms = TSimd.Log(state->Sums);
                var behind = TSimd.Add(
                    TSimd.Multiply(TSimd.Create(labelWeight), TSimd.Subtract(state->OfLabels, state->Maxima)),
                    TSimd.Multiply(TSimd.Create(classWeight), state->SumsBehind));
                loss += TSimd.SumInDouble(TSimd.Subtract(logarithms, behind));
                correct = TSimd.Add(
                    correct, TSimd.And(TSimd.Equal(state->Greatest, state->Labels), TSimd.Create(T.One)));
            }

            return new SoftmaxCrossEntropySums(loss, long.CreateTruncating(TSimd.Sum(correct)));
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
                rounds = TSimd.Select(TSimd.GreaterThan(values, maxima), round, rounds);
                maxima = TSimd.Greater(values, maxima);
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
