using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public override void DropoutForward(in DropoutForwardArgs args)
    {
        lock (_gate)
        {
            var operators = For(args.Input.DType);
            ++*(long*)args.Mask.Step.Address;
            operators.Drop(args.Mask, args.Input, args.Output);
        }
    }

    /// <inheritdoc/>
    public override void DropoutBackward(in DropoutBackwardArgs args)
    {
        lock (_gate)
            For(args.GradOutput.DType).Drop(args.Mask, args.GradOutput, args.GradInput);
    }
}

internal abstract partial class CpuOperators
{
    /// <summary>Multiplies by the mask of the step that the mask's counter is at.</summary>
    public abstract void Drop(in DropoutMask mask, Tensor source, Tensor destination);
}

internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    public override void Drop(in DropoutMask mask, Tensor source, Tensor destination)
    {
        var job = new DropoutJob(
            mask.Seed, mask.Stream, (uint)*(long*)mask.Step.Address, mask.Threshold, T.CreateTruncating(mask.Scale),
            Data(source), Data(destination), source.ElementCount);
        _pool.Run(ref job, ElementChunks(source.ElementCount));
    }

    private readonly struct DropoutJob(
        ulong seed, uint stream, uint step, ulong threshold, T scale, T* source, T* destination, long elements)
        : IChunkJob
    {
        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            // A chunk starts with a block of the generator, and a batch of them ends with one.
            var (i, end) = ElementRange(chunk, elements);
            var words = stackalloc uint[PhiloxBlocks.Words];
            var masks = stackalloc T[PhiloxBlocks.Words];
            var factor = TSimd.Create(scale);
            for (; i < end; i += PhiloxBlocks.Words)
            {
                PhiloxBlocks.Fill(words, seed, (ulong)i / 4, stream, step);
                PhiloxBlocks.ToMasks(words, threshold, masks);
                var count = Math.Min(PhiloxBlocks.Words, end - i);
                var at = 0L;
                for (; at + TSimd.Count <= count; at += TSimd.Count)
                    TSimd.Store(
                        TSimd.Multiply(TSimd.Load(source + i + at), TSimd.And(TSimd.Load(masks + at), factor)),
                        destination + i + at);
                for (; at < count; at++)
                    destination[i + at] = source[i + at] * (words[at] >= threshold ? scale : T.Zero);
            }
        }
    }
}
