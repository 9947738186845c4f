using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public override void AdamStep(in AdamArgs args)
    {
        lock (_gate)
            For(args.Parameters[0].Value.DType).AdamStep(in args);
    }
}

internal abstract partial class CpuOperators
{
    public abstract void AdamStep(in AdamArgs args);
}

internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    public override void AdamStep(in AdamArgs args)
    {
        if (IsStopped(args.Watch))
            return;
        var count = args.Parameters.Count;
        var rate = *(double*)args.LearningRate.Address * args.LearningRateFactor;
        var steps = (long*)args.Steps.Address;
        var corrections = _shared.Get<AdamCorrection>(count);
        for (var i = 0; i < count; i++)
            corrections[i] = AdamCorrection.At(++steps[args.StepIndices[i]], rate, args.Beta1, args.Beta2);
        var job = new AdamJob(args, corrections, rate);
        _pool.Run(ref job, ElementChunks(args.Parameters));
    }

    private readonly struct AdamJob(AdamArgs args, AdamCorrection* corrections, double learningRate) : IChunkJob
    {
        public void Run(int chunk, int worker)
        {
            var (index, start, end) = ElementRange(chunk, args.Parameters);
            var parameter = args.Parameters[index];
            var update = new AdamUpdate(in args, in corrections[index], learningRate);
            Step(
                in update, Data(parameter.Value) + start, Data(parameter.Gradient) + start,
                Data(args.FirstMoments[index]) + start, Data(args.SecondMoments[index]) + start, end - start);
        }

        [MethodImpl(Compiled.AsLoop)]
        private static void Step(
            in AdamUpdate update, T* value, T* gradient, T* firstMoment, T* secondMoment, long count)
        {
            long i = 0;
            for (; i + TSimd.Count <= count; i += TSimd.Count)
                update.Apply(value + i, gradient + i, firstMoment + i, secondMoment + i);
            if (i == count)
                return;
            // The rest goes through registers too: what an element becomes does not depend on its place.
            var (lanes, rest) = (TSimd.Count, (int)(count - i));
            T* v = stackalloc T[lanes], g = stackalloc T[lanes], m = stackalloc T[lanes], s = stackalloc T[lanes];
            for (var k = 0; k < rest; k++)
                (v[k], g[k], m[k], s[k]) = (value[i + k], gradient[i + k], firstMoment[i + k], secondMoment[i + k]);
            update.Apply(v, g, m, s);
            for (var k = 0; k < rest; k++)
                (value[i + k], firstMoment[i + k], secondMoment[i + k]) = (v[k], m[k], s[k]);
        }
    }

    /// <summary>The constants of a parameter's step.</summary>
    private readonly struct AdamUpdate(in AdamArgs args, in AdamCorrection correction, double learningRate)
    {
        private readonly TVector _gradientScale = Constant(ScaleOf(args.GradientScale));
        private readonly TVector _beta1 = Constant(args.Beta1);
        private readonly TVector _gradientWeight = Constant(1 - args.Beta1);
        private readonly TVector _beta2 = Constant(args.Beta2);
        private readonly TVector _squareWeight = Constant(1 - args.Beta2);
        private readonly TVector _epsilon = Constant(args.Epsilon);
        private readonly TVector _l2 = Constant(args.DecouplesWeightDecay ? 0 : args.WeightDecay);
        private readonly TVector _valueWeight =
            Constant(args.DecouplesWeightDecay ? 1 - learningRate * args.WeightDecay : 1);
        private readonly TVector _negativeStep = Constant(-correction.StepSize);
        private readonly TVector _inverseRoot = Constant(correction.InverseRoot);

        /// <summary>Updates as many elements as a register has.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply(T* value, T* gradient, T* firstMoment, T* secondMoment)
        {
            var v = TSimd.Load(value);
            var g = TSimd.MultiplyAdd(_l2, v, TSimd.Multiply(_gradientScale, TSimd.Load(gradient)));
            var m = TSimd.MultiplyAdd(_beta1, TSimd.Load(firstMoment), TSimd.Multiply(_gradientWeight, g));
            var s = TSimd.MultiplyAdd(
                _beta2, TSimd.Load(secondMoment), TSimd.Multiply(TSimd.Multiply(_squareWeight, g), g));
            TSimd.Store(m, firstMoment);
            TSimd.Store(s, secondMoment);
            var denominator = TSimd.MultiplyAdd(TSimd.Sqrt(s), _inverseRoot, _epsilon);
            var step = TSimd.Multiply(_negativeStep, TSimd.Divide(m, denominator));
            TSimd.Store(TSimd.MultiplyAdd(_valueWeight, v, step), value);
        }
    }
}
