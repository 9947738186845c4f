using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public override void Add(in AddArgs args)
    {
        lock (_gate)
            For(args.Sum.DType).Add(in args);
    }
}

internal abstract partial class CpuOperators
{
    public abstract void Add(in AddArgs args);
}

internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    public override void Add(in AddArgs args)
    {
        var job = new AddJob(Data(args.Left), Data(args.Right), Data(args.Sum), args.Sum.ElementCount, args.Rectifies);
        _pool.Run(ref job, ElementChunks(args.Sum.ElementCount));
    }

    private readonly struct AddJob(T* left, T* right, T* sum, long elements, bool rectifies) : IChunkJob
    {
        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            var (i, end) = ElementRange(chunk, elements);
            var kept = rectifies ? TSimd.Zero : TSimd.Equal(TSimd.Zero, TSimd.Zero);
            for (; i + TSimd.Count <= end; i += TSimd.Count)
            {
                var value = TSimd.Add(TSimd.Load(left + i), TSimd.Load(right + i));
                // NaN stays NaN.
                TSimd.Store(
                    TSimd.And(TSimd.Or(TSimd.NotLessOrEqual(value, TSimd.Zero), kept), value), sum + i);
            }

            for (; i < end; i++)
            {
                var value = left[i] + right[i];
                sum[i] = rectifies && value <= T.Zero ? T.Zero : value;
            }
        }
    }
}
