using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public override void ActivationForward(in ActivationForwardArgs args)
    {
        lock (_gate)
            For(args.Input.DType).ActivationForward(in args);
    }

    /// <inheritdoc/>
    public override void ActivationBackward(in ActivationBackwardArgs args)
    {
        lock (_gate)
            For(args.Input.DType).ActivationBackward(in args);
    }
}

internal abstract partial class CpuOperators
{
    public abstract void ActivationForward(in ActivationForwardArgs args);

    public abstract void ActivationBackward(in ActivationBackwardArgs args);
}

internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    public override void ActivationForward(in ActivationForwardArgs args)
    {
        switch (args.Kind)
        {
            case ActivationKind.LeakyReLU:
                Forward(new LeakyReLUFunction(T.CreateTruncating(args.NegativeSlope)), in args);
                break;
            case ActivationKind.Gelu:
                Forward(default(GeluFunction), in args);
                break;
            case ActivationKind.GeluTanh:
                Forward(default(GeluTanhFunction), in args);
                break;
            case ActivationKind.Silu:
                Forward(default(SiluFunction), in args);
                break;
            case ActivationKind.Sigmoid:
                Forward(default(SigmoidFunction), in args);
                break;
            default:
                Forward(default(TanhFunction), in args);
                break;
        }
    }

    public override void ActivationBackward(in ActivationBackwardArgs args)
    {
        switch (args.Kind)
        {
            case ActivationKind.LeakyReLU:
                Backward(new LeakyReLUFunction(T.CreateTruncating(args.NegativeSlope)), in args);
                break;
            case ActivationKind.Gelu:
                Backward(default(GeluFunction), in args);
                break;
            case ActivationKind.GeluTanh:
                Backward(default(GeluTanhFunction), in args);
                break;
            case ActivationKind.Silu:
                Backward(default(SiluFunction), in args);
                break;
            case ActivationKind.Sigmoid:
                Backward(default(SigmoidFunction), in args);
                break;
            default:
                Backward(default(TanhFunction), in args);
                break;
        }
    }

    private void Forward<TFunction>(TFunction function, in ActivationForwardArgs args)
        where TFunction : struct, IActivationFunction
    {
        var job = new ActivationForwardJob<TFunction>(
            function, Data(args.Input), Data(args.Output), args.Input.ElementCount);
        _pool.Run(ref job, ElementChunks(args.Input.ElementCount));
    }

    private void Backward<TFunction>(TFunction function, in ActivationBackwardArgs args)
        where TFunction : struct, IActivationFunction
    {
        var job = new ActivationBackwardJob<TFunction>(
            function, Data(args.Input), Data(args.GradOutput), Data(args.GradInput), args.Input.ElementCount);
        _pool.Run(ref job, ElementChunks(args.Input.ElementCount));
    }

    private readonly struct ActivationForwardJob<TFunction>(
        TFunction function, T* input, T* output, long elements) : IChunkJob
        where TFunction : struct, IActivationFunction
    {
        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            var (i, end) = ElementRange(chunk, elements);
            for (; i + TSimd.Count <= end; i += TSimd.Count)
                TSimd.Store(function.Of(TSimd.Load(input + i)), output + i);
            if (i == end)
                return;
            // The rest goes through a register too: what an element becomes does not depend on its place.
            var rest = stackalloc T[TSimd.Count];
            for (var k = 0; k < end - i; k++)
                rest[k] = input[i + k];
            TSimd.Store(function.Of(TSimd.Load(rest)), rest);
            for (var k = 0; k < end - i; k++)
                output[i + k] = rest[k];
        }
    }

    private readonly struct ActivationBackwardJob<TFunction>(
        TFunction function, T* input, T* gradOutput, T* gradInput, long elements) : IChunkJob
        where TFunction : struct, IActivationFunction
    {
        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            var (i, end) = ElementRange(chunk, elements);
            for (; i + TSimd.Count <= end; i += TSimd.Count)
            {
                var derivative = function.Derivative(TSimd.Load(input + i));
                TSimd.Store(TSimd.Multiply(TSimd.Load(gradOutput + i), derivative), gradInput + i);
            }

            if (i == end)
                return;
            var rest = stackalloc T[TSimd.Count];
            for (var k = 0; k < end - i; k++)
                rest[k] = input[i + k];
            TSimd.Store(function.Derivative(TSimd.Load(rest)), rest);
            for (var k = 0; k < end - i; k++)
                gradInput[i + k] = gradOutput[i + k] * rest[k];
        }
    }
}
