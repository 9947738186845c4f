using System.Runtime.CompilerServices;

namespace CudaBn.Backends.Cpu;

// The first sweep of batch normalization: sums over the values of each channel. A chunk is a block of slices, swept in the
// order of memory; the sums of its channels wait in the first-level cache for their next run.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>sum (x - origin) and sum (x - origin)^2 in progress, each in two registers, as additions take longer than
    /// loads.</summary>
    private struct DeviationSums
    {
        public TVector SumA;
        public TVector SumB;
        public TVector SquaresA;
        public TVector SquaresB;
        public T Origin;

        public readonly double Sum => double.CreateTruncating(TSimd.Sum(TSimd.Add(SumA, SumB)));

        public readonly double Squares => double.CreateTruncating(TSimd.Sum(TSimd.Add(SquaresA, SquaresB)));
    }

    /// <summary>sum dy and sum dy * (x - mean) in progress.</summary>
    private struct ProductSums
    {
        public TVector SumA;
        public TVector SumB;
        public TVector ProductA;
        public TVector ProductB;

        public readonly double Sum => double.CreateTruncating(TSimd.Sum(TSimd.Add(SumA, SumB)));

        public readonly double Product => double.CreateTruncating(TSimd.Sum(TSimd.Add(ProductA, ProductB)));
    }

    private readonly struct MomentsJob(
        CpuOperators<TSimd, TVector, T> operators, ChannelSlices slices, long spatial, T* input, Moments* moments)
        : IChunkJob
    {
        /// <summary>Values whose mean is the origin: a mean of few may be far from that of all.</summary>
        private const long OriginLength = 1024;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int chunk, int worker)
        {
            var block = slices.BlockAt(chunk);
            var sums = operators._perWorker[worker].Get<DeviationSums>(block.Channels);
            var runs = block.Runs();
            var isFirst = true;
            while (runs.MoveNext())
            {
                var run = input + runs.Offset;
                for (var channel = 0; channel < block.Channels; channel++, run += spatial)
                {
                    if (isFirst)
                        sums[channel] = new DeviationSums { Origin = OriginOf(run, runs.Length) };
                    Add(run, runs.Length, sums + channel);
                }

                isFirst = false;
            }

            for (var channel = 0; channel < block.Channels; channel++)
                moments[block.Slice(channel)] = MomentsOf(block, channel, sums + channel);
        }

        private Moments MomentsOf(ChannelSlices.Block block, int channel, DeviationSums* sums)
        {
            double count = block.Length, sum = sums->Sum, squares = sums->Squares;
            // Farther than a deviation from the mean, the origin would cost digits of the squares: once more around it.
            // NaN comes here too.
            if (!(sum * sum / count <= squares / 2))
            {
                *sums = new DeviationSums { Origin = sums->Origin + T.CreateTruncating(sum / count) };
                var runs = block.Runs();
                while (runs.MoveNext())
                    Add(input + runs.Offset + channel * spatial, runs.Length, sums);
                (sum, squares) = (sums->Sum, sums->Squares);
            }

            return double.IsFinite(squares)
                ? new Moments(
                    count, double.CreateTruncating(sums->Origin) + sum / count,
                    Math.Max(0, squares - sum * sum / count))
                : MomentsOfHugeValues(block, channel);
        }

        // Equal values have exactly their value as origin.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static T OriginOf(T* run, long length)
        {
            length = Math.Min(length, OriginLength) / TSimd.Count * TSimd.Count;
            if (length == 0)
                return *run;
            var first = TSimd.Create(*run);
            var sum = TSimd.Zero;
            for (long i = 0; i < length; i += TSimd.Count)
                sum = TSimd.Add(sum, TSimd.Subtract(TSimd.Load(run + i), first));
            return *run + TSimd.Sum(sum) / T.CreateTruncating(length);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Add(T* run, long length, DeviationSums* sums)
        {
            var origin = TSimd.Create(sums->Origin);
            TVector a = sums->SumA, b = sums->SumB, squareA = sums->SquaresA, squareB = sums->SquaresB;
            long i = 0;
            for (; i + 2 * TSimd.Count <= length; i += 2 * TSimd.Count)
            {
                var x = TSimd.Subtract(TSimd.Load(run + i), origin);
                var y = TSimd.Subtract(TSimd.Load(run + i + TSimd.Count), origin);
                a = TSimd.Add(a, x);
                b = TSimd.Add(b, y);
                squareA = TSimd.MultiplyAdd(x, x, squareA);
                squareB = TSimd.MultiplyAdd(y, y, squareB);
            }

            for (; i < length; i += TSimd.Count)
            {
                var x = TSimd.And(FirstLanes(length - i), TSimd.Subtract(TSimd.Load(run + i), origin));
                a = TSimd.Add(a, x);
                squareA = TSimd.MultiplyAdd(x, x, squareA);
            }

            (sums->SumA, sums->SumB, sums->SquaresA, sums->SquaresB) = (a, b, squareA, squareB);
        }

        // Squares of values beyond 1e19 leave the range of a float, not that of a double.
        private Moments MomentsOfHugeValues(ChannelSlices.Block block, int channel)
        {
            double count = block.Length, mean = 0, squares = 0;
            var runs = block.Runs();
            while (runs.MoveNext())
            {
                var run = input + runs.Offset + channel * spatial;
                for (long i = 0; i < runs.Length; i++)
                    mean += double.CreateTruncating(run[i]) / count;
            }

            runs = block.Runs();
            while (runs.MoveNext())
            {
                var run = input + runs.Offset + channel * spatial;
                for (long i = 0; i < runs.Length; i++)
                {
                    var deviation = double.CreateTruncating(run[i]) - mean;
                    squares += deviation * deviation;
                }
            }

            return new Moments(count, mean, squares);
        }
    }

    private readonly struct ReduceGradientsJob(
        CpuOperators<TSimd, TVector, T> operators, ChannelSlices slices, long spatial, T* input, T* gradOutput,
        double* means, GradientSums* partials) : IChunkJob
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int chunk, int worker)
        {
            var block = slices.BlockAt(chunk);
            var sums = operators._perWorker[worker].Get<ProductSums>(block.Channels);
            new Span<ProductSums>(sums, block.Channels).Clear();
            var runs = block.Runs();
            while (runs.MoveNext())
            {
                var offset = runs.Offset;
                for (var channel = 0; channel < block.Channels; channel++, offset += spatial)
                {
                    var mean = Split(means[block.FirstChannel + channel]).High;
                    Add(input + offset, gradOutput + offset, runs.Length, mean, sums + channel);
                }
            }

            for (var channel = 0; channel < block.Channels; channel++)
            {
                var rest = Split(means[block.FirstChannel + channel]).Low;
                var sum = sums[channel].Sum;
                partials[block.Slice(channel)] = new GradientSums(sum, sums[channel].Product - rest * sum);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Add(T* x, T* gradient, long length, T mean, ProductSums* sums)
        {
            var means = TSimd.Create(mean);
            TVector sumA = sums->SumA, sumB = sums->SumB, productA = sums->ProductA, productB = sums->ProductB;
            long i = 0;
            for (; i + 2 * TSimd.Count <= length; i += 2 * TSimd.Count)
            {
                var a = TSimd.Load(gradient + i);
                var b = TSimd.Load(gradient + i + TSimd.Count);
                sumA = TSimd.Add(sumA, a);
                sumB = TSimd.Add(sumB, b);
                productA = TSimd.MultiplyAdd(a, TSimd.Subtract(TSimd.Load(x + i), means), productA);
                productB = TSimd.MultiplyAdd(b, TSimd.Subtract(TSimd.Load(x + i + TSimd.Count), means), productB);
            }

            for (; i < length; i += TSimd.Count)
            {
                var inside = FirstLanes(length - i);
                var a = TSimd.And(inside, TSimd.Load(gradient + i));
                var deviation = TSimd.And(inside, TSimd.Subtract(TSimd.Load(x + i), means));
                sumA = TSimd.Add(sumA, a);
                productA = TSimd.MultiplyAdd(a, deviation, productA);
            }

            (sums->SumA, sums->SumB, sums->ProductA, sums->ProductB) = (sumA, sumB, productA, productB);
        }
    }
}
