using System.Runtime.CompilerServices;

namespace CudaBn.Backends.Cpu;

// The sweeps of batch normalization with an addition, a rectifier or both behind it.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    private void NormalizeAddReLU(
        ChannelPlanes planes, T* input, NormalizeConstants* constants, T* addend, bool rectifies, T* output)
    {
        if (addend != null && rectifies)
            Run<AddReLUTail>();
        else if (addend != null)
            Run<AddTail>();
        else if (rectifies)
            Run<ReLUTail>();
        else
            Run<NoTail>();

        void Run<TTail>()
            where TTail : struct, ITail
        {
            var job = new NormalizeJob<TTail>(planes, input, constants, addend, output);
            _pool.Run(ref job, job.Chunks);
        }
    }

    private readonly struct ReduceRectifiedJob(
        CpuOperators<TSimd, TVector, T> operators, ChannelSlices slices, long spatial, T* input, Rectified kept,
        T* gradOutput, double* means, NormalizeConstants* forwards, GradientSums* partials) : IChunkJob
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
                {
                    if (kept.IsStored)
                    {
                        Store(kept.Output + offset, gradOutput + offset, kept.GradAddend + offset, runs.Length);
                        ReduceGradientsJob.Add(
                            input + offset, kept.GradAddend + offset, runs.Length, sums + channel);
                    }
                    else
                    {
                        Add(
                            input + offset, gradOutput + offset, in forwards[block.FirstChannel + channel], runs.Length,
                            sums + channel);
                    }
                }
            }

            StoreGradientSums(sums, block, means, partials);
        }

        /// <summary>The gradient that the rectifier lets through. The first-level cache holds what is stored until it is
        /// added up.</summary>
        [MethodImpl(Compiled.AsLoop)]
        public static void Store(T* output, T* gradient, T* stored, long length)
        {
            long i = 0;
            for (; i + TSimd.Count <= length; i += TSimd.Count)
            {
                var passes = TSimd.NotLessOrEqual(TSimd.Load(output + i), TSimd.Zero);
                TSimd.Store(TSimd.And(passes, TSimd.Load(gradient + i)), stored + i);
            }

            // What follows belongs to others.
            for (; i < length; i++)
                stored[i] = output[i] <= T.Zero ? T.Zero : gradient[i];
        }

        [MethodImpl(Compiled.AsLoop)]
        private static void Add(T* x, T* gradient, in NormalizeConstants c, long length, ChannelSums* sums)
        {
            var (mean, scale, shift) = (TSimd.Create(c.Mean), TSimd.Create(c.Scale), TSimd.Create(c.Shift));
            TVector sumA = sums->SumA, sumB = sums->SumB, productA = sums->ProductA, productB = sums->ProductB;
            long i = 0;
            for (; i + 2 * TSimd.Count <= length; i += 2 * TSimd.Count)
            {
                var left = TSimd.Subtract(TSimd.Load(x + i), mean);
                var right = TSimd.Subtract(TSimd.Load(x + i + TSimd.Count), mean);
                var a = Passed(left, scale, shift, gradient + i);
                var b = Passed(right, scale, shift, gradient + i + TSimd.Count);
                sumA = TSimd.Add(sumA, a);
                sumB = TSimd.Add(sumB, b);
                productA = TSimd.MultiplyAdd(a, left, productA);
                productB = TSimd.MultiplyAdd(b, right, productB);
            }

            for (; i < length; i += TSimd.Count)
            {
                var inside = FirstLanes(length - i);
                var deviation = TSimd.Subtract(TSimd.Load(x + i), mean);
                var a = TSimd.And(inside, Passed(deviation, scale, shift, gradient + i));
                sumA = TSimd.Add(sumA, a);
                productA = TSimd.MultiplyAdd(a, TSimd.And(inside, deviation), productA);
            }

            (sums->SumA, sums->SumB, sums->ProductA, sums->ProductB) = (sumA, sumB, productA, productB);
        }
    }

    private readonly struct RectifiedInputGradientJob(
        ChannelPlanes planes, T* input, T* gradOutput, NormalizeConstants* forwards, InputGradientConstants* constants,
        T* gradInput) : IChunkJob
    {
        public int Chunks => planes.Count;

        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            var parts = planes.Planes(chunk);
            while (parts.MoveNext())
            {
                var offset = parts.Offset;
                OfPlane(
                    input + offset, gradOutput + offset, in forwards[parts.Channel], in constants[parts.Channel],
                    gradInput + offset, parts.Length);
            }
        }

        /// <summary><see cref="InputGradientOfPlane"/> of the gradient that the rectifier lets through.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private static void OfPlane(
            T* x, T* dy, in NormalizeConstants f, in InputGradientConstants c, T* dx, long length)
        {
            if (length < TSimd.Count)
            {
                for (long j = 0; j < length; j++)
                    dx[j] = T.MultiplyAddEstimate(
                        (x[j] - c.Mean) * c.InvStd, c.Slope, Passed(x[j], dy[j], in f) - c.Offset) * c.Scale;
                return;
            }

            var (mean, invStd, forwardShift) = (TSimd.Create(c.Mean), TSimd.Create(c.InvStd), TSimd.Create(f.Shift));
            var (shift, slope, scale) = (TSimd.Create(c.Offset), TSimd.Create(c.Slope), TSimd.Create(c.Scale));
            for (long i = 0; i < length; i += TSimd.Count)
            {
                var at = Math.Min(i, length - TSimd.Count);
                var values = TSimd.Load(x + at);
                // Forward scaled by the same.
                var gradient = Passed(TSimd.Subtract(values, mean), scale, forwardShift, dy + at);
                TSimd.Store(InputGradient(values, gradient, mean, invStd, shift, slope, scale), dx + at);
            }
        }
    }

    /// <summary>The input gradient of given statistics: the slope, where the rectifier lets the gradient
    /// through.</summary>
    private readonly struct RectifiedSlopeJob(
        ChannelPlanes planes, T* input, T* gradOutput, NormalizeConstants* forwards, T* gradInput) : IChunkJob
    {
        public int Chunks => planes.Count;

        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            var parts = planes.Planes(chunk);
            while (parts.MoveNext())
            {
                var offset = parts.Offset;
                OfPlane(
                    input + offset, gradOutput + offset, in forwards[parts.Channel], gradInput + offset, parts.Length);
            }
        }

        [MethodImpl(Compiled.AsLoop)]
        private static void OfPlane(T* x, T* dy, in NormalizeConstants c, T* dx, long length)
        {
            if (length < TSimd.Count)
            {
                for (long j = 0; j < length; j++)
                    dx[j] = T.MultiplyAddEstimate(Passed(x[j], dy[j], in c), c.Scale, T.Zero);
                return;
            }

            var (mean, scale, shift) = (TSimd.Create(c.Mean), TSimd.Create(c.Scale), TSimd.Create(c.Shift));
            for (long i = 0; i < length; i += TSimd.Count)
            {
                var at = Math.Min(i, length - TSimd.Count);
                var gradient = Passed(TSimd.Subtract(TSimd.Load(x + at), mean), scale, shift, dy + at);
                TSimd.Store(TSimd.MultiplyAdd(gradient, scale, TSimd.Zero), dx + at);
            }
        }
    }

    /// <summary>The gradient where the rectifier lets it through: where what the deviation was normalized to is above 0 or
    /// NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Passed(TVector deviation, TVector scale, TVector shift, T* gradient) => TSimd.And(
        TSimd.NotLessOrEqual(TSimd.MultiplyAdd(deviation, scale, shift), TSimd.Zero), TSimd.Load(gradient));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T Passed(T x, T gradient, in NormalizeConstants c) =>
        T.MultiplyAddEstimate(x - c.Mean, c.Scale, c.Shift) <= T.Zero ? T.Zero : gradient;
}
