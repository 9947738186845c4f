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
        var chunks = 0;
        for (var i = 0; i < args.Parameters.Count; i++)
            chunks += ElementChunks(args.Parameters[i].Value.ElementCount);
        var job = new SgdJob(args);
        _pool.Run(ref job, chunks);
    }

    /// <summary>The chunks of the first parameter, then those of the second, ...</summary>
    private readonly struct SgdJob(SgdArgs args) : IChunkJob
    {
        private readonly double _learningRate = *(double*)args.LearningRate.Address;

        public void Run(int chunk, int worker)
        {
            var index = 0;
            while (chunk >= ElementChunks(args.Parameters[index].Value.ElementCount))
                chunk -= ElementChunks(args.Parameters[index++].Value.ElementCount);
            var parameter = args.Parameters[index];
            var (start, end) = ElementRange(chunk, parameter.Value.ElementCount);
            T* value = Data(parameter.Value), gradient = Data(parameter.Gradient);
            if (args.Momentum == 0)
                Step(value, gradient, start, end);
            else
                StepWithMomentum(value, gradient, Data(args.MomentumBuffers[index]), start, end);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Step(T* value, T* gradient, long i, long end)
        {
            var (decay, step) = (T.CreateTruncating(args.WeightDecay), T.CreateTruncating(-_learningRate));
            var (decays, steps) = (TSimd.Create(decay), TSimd.Create(step));
            for (; i + TSimd.Count <= end; i += TSimd.Count)
            {
                var v = TSimd.Load(value + i);
                var g = TSimd.MultiplyAdd(decays, v, TSimd.Load(gradient + i));
                TSimd.Store(TSimd.MultiplyAdd(steps, g, v), value + i);
            }

            for (; i < end; i++)
                value[i] += step * (gradient[i] + decay * value[i]);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void StepWithMomentum(T* value, T* gradient, T* buffer, long i, long end)
        {
            var decay = T.CreateTruncating(args.WeightDecay);
            var step = T.CreateTruncating(-_learningRate);
            var momentum = T.CreateTruncating(args.Momentum);
            // The first step starts the buffer, whatever it holds.
            var weight = args.FirstStep ? T.One : T.CreateTruncating(1 - args.Dampening);
            var (decays, steps) = (TSimd.Create(decay), TSimd.Create(step));
            var (momenta, weights) = (TSimd.Create(momentum), TSimd.Create(weight));
            for (; i + TSimd.Count <= end; i += TSimd.Count)
            {
                var v = TSimd.Load(value + i);
                var g = TSimd.MultiplyAdd(decays, v, TSimd.Load(gradient + i));
                var b = TSimd.Multiply(weights, g);
                if (!args.FirstStep)
                    b = TSimd.MultiplyAdd(momenta, TSimd.Load(buffer + i), b);
                TSimd.Store(b, buffer + i);
                var direction = args.Nesterov ? TSimd.MultiplyAdd(momenta, b, g) : b;
                TSimd.Store(TSimd.MultiplyAdd(steps, direction, v), value + i);
            }

            for (; i < end; i++)
            {
                var g = gradient[i] + decay * value[i];
                var b = weight * g;
                if (!args.FirstStep)
                    b += momentum * buffer[i];
                buffer[i] = b;
                value[i] += step * (args.Nesterov ? g + momentum * b : b);
            }
        }
    }
}
