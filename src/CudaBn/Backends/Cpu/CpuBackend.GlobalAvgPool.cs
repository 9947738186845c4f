using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public override void GlobalAvgPoolForward(in GlobalAvgPoolForwardArgs args)
    {
        lock (_gate)
            For(args.Input.DType).GlobalAvgPoolForward(in args);
    }

    /// <inheritdoc/>
    public override void GlobalAvgPoolBackward(in GlobalAvgPoolBackwardArgs args)
    {
        lock (_gate)
            For(args.GradOutput.DType).GlobalAvgPoolBackward(in args);
    }
}

internal abstract partial class CpuOperators
{
    public abstract void GlobalAvgPoolForward(in GlobalAvgPoolForwardArgs args);

    public abstract void GlobalAvgPoolBackward(in GlobalAvgPoolBackwardArgs args);
}

internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    public override void GlobalAvgPoolForward(in GlobalAvgPoolForwardArgs args) =>
        PlaneMeans(args.Planes, args.PlaneSize, args.PlaneSize, Data(args.Input), Data(args.Output));

    public override void GlobalAvgPoolBackward(in GlobalAvgPoolBackwardArgs args) =>
        SpreadMeans(args.Planes, args.PlaneSize, args.PlaneSize, Data(args.GradOutput), Data(args.GradInput));

    /// <summary>output[plane] = sum of the plane / divisor</summary>
    private void PlaneMeans(long planes, long planeSize, long divisor, T* input, T* output)
    {
        var chunks = PlaneChunks(planes, planeSize);
        var job = new PlaneMeansJob(planes, planeSize, divisor, input, output, chunks);
        _pool.Run(ref job, chunks);
    }

    private void SpreadMeans(long planes, long planeSize, long divisor, T* gradOutput, T* gradInput)
    {
        var chunks = PlaneChunks(planes, planeSize);
        var job = new SpreadMeansJob(planes, planeSize, divisor, gradOutput, gradInput, chunks);
        _pool.Run(ref job, chunks);
    }

    /// <summary>The sum of consecutive elements. Blocks of a few kilobytes are added up in registers and then in double
    /// precision, so that a long sum is hardly less exact than a short one.</summary>
    [MethodImpl(Compiled.AsLoop)]
    private static double SumOf(T* values, long count)
    {
        const int RegistersPerBlock = 32;
        double sum = 0;
        long i = 0;
        for (; i + RegistersPerBlock * TSimd.Count <= count; i += RegistersPerBlock * TSimd.Count)
        {
            TVector a = TSimd.Zero, b = TSimd.Zero, c = TSimd.Zero, d = TSimd.Zero;
            for (var at = values + i; at < values + i + RegistersPerBlock * TSimd.Count; at += 4 * TSimd.Count)
            {
                a = TSimd.Add(a, TSimd.Load(at));
                b = TSimd.Add(b, TSimd.Load(at + TSimd.Count));
                c = TSimd.Add(c, TSimd.Load(at + 2 * TSimd.Count));
                d = TSimd.Add(d, TSimd.Load(at + 3 * TSimd.Count));
            }

            sum += double.CreateTruncating(TSimd.Sum(TSimd.Add(TSimd.Add(a, b), TSimd.Add(c, d))));
        }

        if (i + TSimd.Count <= count)
        {
            var rest = TSimd.Load(values + i);
            for (i += TSimd.Count; i + TSimd.Count <= count; i += TSimd.Count)
                rest = TSimd.Add(rest, TSimd.Load(values + i));
            sum += double.CreateTruncating(TSimd.Sum(rest));
        }

        for (; i < count; i++)
            sum += double.CreateTruncating(values[i]);
        return sum;
    }

    private readonly struct PlaneMeansJob(long planes, long planeSize, long divisor, T* input, T* output, int chunks)
        : IChunkJob
    {
        public void Run(int chunk, int worker)
        {
            long plane = chunk * planes / chunks, end = (chunk + 1L) * planes / chunks;
            for (; plane < end; plane++)
                output[plane] = T.CreateTruncating(SumOf(input + plane * planeSize, planeSize) / divisor);
        }
    }

    private readonly struct SpreadMeansJob(
        long planes, long planeSize, long divisor, T* gradOutput, T* gradInput, int chunks) : IChunkJob
    {
        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            long plane = chunk * planes / chunks, end = (chunk + 1L) * planes / chunks;
            for (; plane < end; plane++)
            {
                var share = gradOutput[plane] / T.CreateTruncating(divisor);
                var shares = TSimd.Create(share);
                var destination = gradInput + plane * planeSize;
                long i = 0;
                for (; i + TSimd.Count <= planeSize; i += TSimd.Count)
                    TSimd.Store(shares, destination + i);
                for (; i < planeSize; i++)
                    destination[i] = share;
            }
        }
    }
}
