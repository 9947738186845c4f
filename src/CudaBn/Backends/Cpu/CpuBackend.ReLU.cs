using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public override void ReLUForward(in ReLUForwardArgs args)
    {
        lock (_gate)
            For(args.Input.DType).ReLUForward(in args);
    }

    /// <inheritdoc/>
    public override void ReLUBackward(in ReLUBackwardArgs args)
    {
        lock (_gate)
            For(args.Output.DType).ReLUBackward(in args);
    }
}

internal abstract partial class CpuOperators
{
    public abstract void ReLUForward(in ReLUForwardArgs args);

    public abstract void ReLUBackward(in ReLUBackwardArgs args);
}

internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>Elements of a chunk of an elementwise operator: small enough for the first-level cache.</summary>
    private const int ElementsPerChunk = 16 * 1024;

    public override void ReLUForward(in ReLUForwardArgs args)
    {
        var job = new ReLUForwardJob(Data(args.Input), Data(args.Output), args.Input.ElementCount);
        _pool.Run(ref job, ElementChunks(args.Input.ElementCount));
    }

    public override void ReLUBackward(in ReLUBackwardArgs args)
    {
        var job = new ReLUBackwardJob(
            Data(args.Output), Data(args.GradOutput), Data(args.GradInput), args.Output.ElementCount);
        _pool.Run(ref job, ElementChunks(args.Output.ElementCount));
    }

    private static int ElementChunks(long elements) => checked((int)CeilDiv(elements, ElementsPerChunk));

    private static (long Start, long End) ElementRange(int chunk, long elements)
    {
        var start = (long)chunk * ElementsPerChunk;
        return (start, Math.Min(start + ElementsPerChunk, elements));
    }

    private readonly struct ReLUForwardJob(T* input, T* output, long elements) : IChunkJob
    {
        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            var (i, end) = ElementRange(chunk, elements);
            for (; i + TSimd.Count <= end; i += TSimd.Count)
            {
                var x = TSimd.Load(input + i);
                // NaN stays NaN.
                TSimd.Store(TSimd.And(TSimd.NotLessOrEqual(x, TSimd.Zero), x), output + i);
            }

            for (; i < end; i++)
                output[i] = input[i] > T.Zero || T.IsNaN(input[i]) ? input[i] : T.Zero;
        }
    }

    private readonly struct ReLUBackwardJob(T* output, T* gradOutput, T* gradInput, long elements) : IChunkJob
    {
        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            var (i, end) = ElementRange(chunk, elements);
            for (; i + TSimd.Count <= end; i += TSimd.Count)
            {
                var y = TSimd.Load(output + i);
                TSimd.Store(
                    TSimd.And(TSimd.NotLessOrEqual(y, TSimd.Zero), TSimd.Load(gradOutput + i)), gradInput + i);
            }

            for (; i < end; i++)
                gradInput[i] = output[i] > T.Zero || T.IsNaN(output[i]) ? gradOutput[i] : T.Zero;
        }
    }
}
