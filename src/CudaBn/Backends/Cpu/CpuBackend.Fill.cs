using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public override void Fill(Tensor destination, double value)
    {
        lock (_gate)
            For(destination.DType).Fill(destination, value);
    }

    /// <inheritdoc/>
    public override void FillUniform(in RandomFillArgs args)
    {
        lock (_gate)
            For(args.Destination.DType).FillUniform(in args);
    }

    /// <inheritdoc/>
    public override void FillNormal(in RandomFillArgs args)
    {
        lock (_gate)
            For(args.Destination.DType).FillNormal(in args);
    }
}

internal abstract partial class CpuOperators
{
    public abstract void Fill(Tensor destination, double value);

    public abstract void FillUniform(in RandomFillArgs args);

    public abstract void FillNormal(in RandomFillArgs args);
}

internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    public override void Fill(Tensor destination, double value)
    {
        var data = Data(destination);
        var element = T.CreateTruncating(value);
        for (long i = 0; i < destination.ElementCount; i++)
            data[i] = element;
    }

    public override void FillUniform(in RandomFillArgs args)
    {
        var job = new RandomFillJob(args, Data(args.Destination), normal: false);
        _pool.Run(ref job, ElementChunks(args.Destination.ElementCount));
    }

    public override void FillNormal(in RandomFillArgs args)
    {
        var job = new RandomFillJob(args, Data(args.Destination), normal: true);
        _pool.Run(ref job, ElementChunks(args.Destination.ElementCount));
    }

    private readonly struct RandomFillJob(RandomFillArgs args, T* destination, bool normal) : IChunkJob
    {
        // In double precision for every element type, so that a Float32 tensor is a Float64 one rounded.
        public void Run(int chunk, int worker)
        {
            var (i, end) = ElementRange(chunk, args.Destination.ElementCount);
            for (; i < end; i++)
            {
                var uniform = Philox.Uniform(args.Seed, args.Stream, (ulong)i);
                var value = normal
                    ? args.First + args.Second * NormalQuantile.Of(uniform)
                    : args.First + (args.Second - args.First) * uniform;
                destination[i] = T.CreateTruncating(value);
            }
        }
    }
}
