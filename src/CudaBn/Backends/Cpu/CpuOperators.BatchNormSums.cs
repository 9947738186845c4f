using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

// The first sweep of batch normalization: sums over the values of each channel. A chunk is a block of slices, swept in the
// order of memory; the sums of its channels wait in the first-level cache for their next run.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>Two sums over a channel in progress, of values and of their products with a deviation from the origin: x -
    /// origin and its square, or dy and dy * (x - mean). Each is in two registers, as additions take longer than
    /// loads.</summary>
    private struct ChannelSums
    {
        public TVector SumA;
        public TVector SumB;
        public TVector ProductA;
        public TVector ProductB;
        public T Origin;

        public readonly double Sum => double.CreateTruncating(TSimd.Sum(TSimd.Add(SumA, SumB)));

        public readonly double Product => double.CreateTruncating(TSimd.Sum(TSimd.Add(ProductA, ProductB)));
    }

    /// <summary>The slices of some channels of which <see cref="ChannelSums"/> are taken.</summary>
    private static ChannelSlices SlicesOf(BatchNormGeometry g, int firstChannel, int channels) =>
        new(g, firstChannel, channels, lanes: 2 * TSimd.Count);

    /// <summary>Zeros for the channels of a block, each with the high part of its mean as origin.</summary>
    private static ChannelSums* StartAroundMeans(ScratchMemory memory, ChannelSlices.Block block, double* means)
    {
        var sums = memory.Get<ChannelSums>(block.Channels);
        for (var channel = 0; channel < block.Channels; channel++)
            sums[channel] = new ChannelSums { Origin = Split(means[block.FirstChannel + channel]).High };
        return sums;
    }

    /// <summary>Writes what the sums of dy and dy * (x - origin) of a block's slices come to, around the whole
    /// means.</summary>
    private static void StoreGradientSums(
        ChannelSums* sums, ChannelSlices.Block block, double* means, GradientSums* partials)
    {
        for (var channel = 0; channel < block.Channels; channel++)
        {
            var rest = Split(means[block.FirstChannel + channel]).Low;
            var sum = sums[channel].Sum;
            partials[block.Slice(channel)] = new GradientSums(sum, sums[channel].Product - rest * sum);
        }
    }

    private readonly struct MomentsJob(
        CpuOperators<TSimd, TVector, T> operators, ChannelSlices slices, long spatial, T* input, Moments* moments)
        : IChunkJob
    {
        /// <summary>Values whose mean is the origin: a mean of few may be far from that of all.</summary>
        private const long OriginLength = 1024;

        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            var block = slices.BlockAt(chunk);
            var sums = operators._perWorker[worker].Get<ChannelSums>(block.Channels);
            var runs = block.Runs();
            var isFirst = true;
            while (runs.MoveNext())
            {
                var run = input + runs.Offset;
                for (var channel = 0; channel < block.Channels; channel++, run += spatial)
                {
                    if (isFirst)
                        sums[channel] = new ChannelSums { Origin = OriginOf(run, runs.Length) };
                    Add(run, runs.Length, sums + channel);
                }

                isFirst = false;
            }

            for (var channel = 0; channel < block.Channels; channel++)
                moments[block.Slice(channel)] = MomentsOf(block, channel, sums + channel);
        }

        private Moments MomentsOf(ChannelSlices.Block block, int channel, ChannelSums* sums)
        {
            double count = block.Length, sum = sums->Sum, squares = sums->Product;
            // Farther than a deviation from the mean, the origin would cost digits of the squares: once more around it.
            // NaN comes here too.
            if (!(sum * sum / count <= squares / 2))
            {
                *sums = new ChannelSums { Origin = sums->Origin + T.CreateTruncating(sum / count) };
                var runs = block.Runs();
                while (runs.MoveNext())
                    Add(input + runs.Offset + channel * spatial, runs.Length, sums);
                (sum, squares) = (sums->Sum, sums->Product);
            }

            return double.IsFinite(squares)
                ? new Moments(
                    count, double.CreateTruncating(sums->Origin) + sum / count,
                    Math.Max(0, squares - sum * sum / count))
                : MomentsOfHugeValues(block, channel);
        }

        // Equal values have exactly their value as origin.
        [MethodImpl(Compiled.AsLoop)]
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

        [MethodImpl(Compiled.AsLoop)]
        private static void Add(T* run, long length, ChannelSums* sums)
        {
            var origin = TSimd.Create(sums->Origin);
            TVector a = sums->SumA, b = sums->SumB, squareA = sums->ProductA, squareB = sums->ProductB;
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

            (sums->SumA, sums->SumB, sums->ProductA, sums->ProductB) = (a, b, squareA, squareB);
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
        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            var block = slices.BlockAt(chunk);
            var sums = StartAroundMeans(operators._perWorker[worker], block, means);
            var runs = block.Runs();
            while (runs.MoveNext())
            {
                var offset = runs.Offset;
                for (var channel = 0; channel < block.Channels; channel++, offset += spatial)
                    Add(input + offset, gradOutput + offset, runs.Length, sums + channel);
            }

            StoreGradientSums(sums, block, means, partials);
        }

        [MethodImpl(Compiled.AsLoop)]
        public static void Add(T* x, T* gradient, long length, ChannelSums* sums)
        {
            var means = TSimd.Create(sums->Origin);
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
