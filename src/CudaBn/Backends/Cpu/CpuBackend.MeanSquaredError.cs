using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public override void MeanSquaredErrorForward(in MeanSquaredErrorForwardArgs args)
    {
        lock (_gate)
            For(args.Prediction.DType).MeanSquaredErrorForward(in args);
    }

    /// <inheritdoc/>
    public override void MeanSquaredErrorBackward(in MeanSquaredErrorBackwardArgs args)
    {
        lock (_gate)
            For(args.Prediction.DType).MeanSquaredErrorBackward(in args);
    }
}

internal abstract partial class CpuOperators
{
    public abstract void MeanSquaredErrorForward(in MeanSquaredErrorForwardArgs args);

    public abstract void MeanSquaredErrorBackward(in MeanSquaredErrorBackwardArgs args);
}

internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    public override void MeanSquaredErrorForward(in MeanSquaredErrorForwardArgs args)
    {
        var chunks = ElementChunks(args.Prediction.ElementCount);
        var sums = _shared.Get<double>(chunks);
        var job = new SquaredErrorJob(Data(args.Prediction), Data(args.Target), args.Prediction.ElementCount, sums);
        _pool.Run(ref job, chunks);
        double sum = 0;
        for (var chunk = 0; chunk < chunks; chunk++)
            sum += sums[chunk];
        *Data(args.Loss) = T.CreateTruncating(sum * args.Scale);
    }

    public override void MeanSquaredErrorBackward(in MeanSquaredErrorBackwardArgs args)
    {
        var job = new SquaredErrorGradientJob(
            Data(args.Prediction), Data(args.Target), T.CreateTruncating(2 * args.Scale), Data(args.GradPrediction),
            args.Prediction.ElementCount);
        _pool.Run(ref job, ElementChunks(args.Prediction.ElementCount));
    }

    /// <summary>The sum of each chunk: added up in the element type for some registers, and in double from there.</summary>
    private readonly struct SquaredErrorJob(T* prediction, T* target, long elements, double* sums) : IChunkJob
    {
        private const int RegistersPerSum = 64;

        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            var (i, end) = ElementRange(chunk, elements);
            double sum = 0;
            while (i + TSimd.Count <= end)
            {
                var partial = TSimd.Zero;
                for (var k = 0; k < RegistersPerSum && i + TSimd.Count <= end; k++, i += TSimd.Count)
                {
                    var difference = TSimd.Subtract(TSimd.Load(prediction + i), TSimd.Load(target + i));
                    partial = TSimd.MultiplyAdd(difference, difference, partial);
                }

                sum += double.CreateTruncating(TSimd.Sum(partial));
            }

            for (; i < end; i++)
            {
                var difference = prediction[i] - target[i];
                sum += double.CreateTruncating(difference * difference);
            }

            sums[chunk] = sum;
        }
    }

    private readonly struct SquaredErrorGradientJob(
        T* prediction, T* target, T scale, T* gradPrediction, long elements) : IChunkJob
    {
        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            var (i, end) = ElementRange(chunk, elements);
            var scales = TSimd.Create(scale);
            for (; i + TSimd.Count <= end; i += TSimd.Count)
            {
                var difference = TSimd.Subtract(TSimd.Load(prediction + i), TSimd.Load(target + i));
                TSimd.Store(TSimd.Multiply(difference, scales), gradPrediction + i);
            }

            for (; i < end; i++)
                gradPrediction[i] = (prediction[i] - target[i]) * scale;
        }
    }
}
