using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public override void FirstNonFinite(in FirstNonFiniteArgs args)
    {
        lock (_gate)
            For(args.Tensors[0].DType).FirstNonFinite(in args);
    }
}

internal abstract partial class CpuOperators
{
    public abstract void FirstNonFinite(in FirstNonFiniteArgs args);
}

internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    public override void FirstNonFinite(in FirstNonFiniteArgs args)
    {
        var indices = (long*)args.Indices.Address;
        for (var i = 0; i < args.Tensors.Count; i++)
            indices[i] = FirstNonFinite(args.Tensors[i]);
    }

    private long FirstNonFinite(Tensor tensor)
    {
        var chunks = ElementChunks(tensor.ElementCount);
        var found = _shared.Get<long>(chunks);
        var job = new FirstNonFiniteJob(Data(tensor), tensor.ElementCount, found);
        _pool.Run(ref job, chunks);
        for (var chunk = 0; chunk < chunks; chunk++)
        {
            if (found[chunk] >= 0)
                return found[chunk];
        }

        return -1;
    }

    private readonly struct FirstNonFiniteJob(T* values, long elements, long* found) : IChunkJob
    {
        public void Run(int chunk, int worker)
        {
            var (start, end) = ElementRange(chunk, elements);
            found[chunk] = AllFinite(start, end) ? -1 : First(start, end);
        }

        [MethodImpl(Compiled.AsLoop)]
        private bool AllFinite(long i, long end)
        {
            // x - x is 0 where x is finite and NaN elsewhere; NaN stays NaN whatever bits are added to it.
            var differences = TSimd.Zero;
            for (; i + TSimd.Count <= end; i += TSimd.Count)
            {
                var x = TSimd.Load(values + i);
                differences = TSimd.Or(differences, TSimd.Subtract(x, x));
            }

            var isFinite = T.IsFinite(TSimd.Sum(differences));
            for (; i < end; i++)
                isFinite &= T.IsFinite(values[i]);
            return isFinite;
        }

        private long First(long i, long end)
        {
            while (i < end && T.IsFinite(values[i]))
                i++;
            return i;
        }
    }
}
