using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public override void SgdStep(in SgdArgs args)
    {
        lock (_gate)
            For(args.Parameters[0].Value.DType).SgdStep(in args);
    }
}

internal abstract partial class CpuOperators
{
    public abstract void SgdStep(in SgdArgs args);
}

internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    public override void SgdStep(in SgdArgs args)
    {
        if (IsStopped(args.Watch))
            return;
        var job = new SgdJob(args);
        _pool.Run(ref job, ElementChunks(args.Parameters));
    }

    private readonly struct SgdJob(SgdArgs args) : IChunkJob
    {
        private readonly double _learningRate = *(double*)args.LearningRate.Address * args.LearningRateFactor;
        private readonly double _gradientScale = ScaleOf(args.GradientScale);

        public void Run(int chunk, int worker)
        {
            var (index, start, end) = ElementRange(chunk, args.Parameters);
            var parameter = args.Parameters[index];
            T* value = Data(parameter.Value), gradient = Data(parameter.Gradient);
            if (args.Momentum == 0)
                Step(value, gradient, start, end);
            else
                StepWithMomentum(value, gradient, Data(args.MomentumBuffers[index]), start, end);
        }

        [MethodImpl(Compiled.AsLoop)]
        private void Step(T* value, T* gradient, long i, long end)
        {
            var (decay, step) = (T.CreateTruncating(args.WeightDecay), T.CreateTruncating(-_learningRate));
            var scale = T.CreateTruncating(_gradientScale);
            var (decays, steps, scales) = (TSimd.Create(decay), TSimd.Create(step), TSimd.Create(scale));
            for (; i + TSimd.Count <= end; i += TSimd.Count)
            {
                var v = TSimd.Load(value + i);
                var g = TSimd.MultiplyAdd(decays, v, TSimd.Multiply(scales, TSimd.Load(gradient + i)));
                TSimd.Store(TSimd.MultiplyAdd(steps, g, v), value + i);
            }

            for (; i < end; i++)
                value[i] += step * (scale * gradient[i] + decay * value[i]);
        }

        [MethodImpl(Compiled.AsLoop)]
        private void StepWithMomentum(T* value, T* gradient, T* buffer, long i, long end)
        {
            var decay = T.CreateTruncating(args.WeightDecay);
            var step = T.CreateTruncating(-_learningRate);
            var momentum = T.CreateTruncating(args.Momentum);
            var scale = T.CreateTruncating(_gradientScale);
            // The first step starts the buffer, whatever it holds.
            var weight = args.FirstStep ? T.One : T.CreateTruncating(1 - args.Dampening);
            var (decays, steps, scales) = (TSimd.Create(decay), TSimd.Create(step), TSimd.Create(scale));
            var (momenta, weights) = (TSimd.Create(momentum), TSimd.Create(weight));
            for (; i + TSimd.Count <= end; i += TSimd.Count)
            {
                var v = TSimd.Load(value + i);
                var g = TSimd.MultiplyAdd(decays, v, TSimd.Multiply(scales, TSimd.Load(gradient + i)));
                var b = TSimd.Multiply(weights, g);
                if (!args.FirstStep)
                    b = TSimd.MultiplyAdd(momenta, TSimd.Load(buffer + i), b);
                TSimd.Store(b, buffer + i);
                var direction = args.Nesterov ? TSimd.MultiplyAdd(momenta, b, g) : b;
                TSimd.Store(TSimd.MultiplyAdd(steps, direction, v), value + i);
            }

            for (; i < end; i++)
            {
                var g = scale * gradient[i] + decay * value[i];
                var b = weight * g;
                if (!args.FirstStep)
                    b += momentum * buffer[i];
                buffer[i] = b;
                value[i] += step * (args.Nesterov ? g + momentum * b : b);
            }
        }
    }
}
