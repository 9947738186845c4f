using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public override void GradientNorm(in GradientNormArgs args)
    {
        lock (_gate)
            For(args.Parameters[0].Value.DType).GradientNorm(in args);
    }
}

internal abstract partial class CpuOperators
{
    public abstract void GradientNorm(in GradientNormArgs args);
}

internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    public override void GradientNorm(in GradientNormArgs args)
    {
        var chunks = ElementChunks(args.Parameters);
        var sums = _shared.Get<double>(chunks);
        var job = new GradientSquaresJob(args.Parameters, sums);
        _pool.Run(ref job, chunks);
        double sum = 0;
        for (var chunk = 0; chunk < chunks; chunk++)
            sum += sums[chunk];
        var norm = Math.Sqrt(sum);
        var ratio = args.MaxNorm / (norm + 1e-6);
        *(double*)args.Norm.Address = norm;
        *(double*)args.Scale.Address = ratio > 1 ? 1 : ratio;
    }

    /// <summary>The sum of the squares of each chunk, in double: the square of a float that is still a number may be
    /// none.</summary>
    private readonly struct GradientSquaresJob(IReadOnlyList<Parameter> parameters, double* sums) : IChunkJob
    {
        public void Run(int chunk, int worker)
        {
            var (index, i, end) = ElementRange(chunk, parameters);
            var gradient = Data(parameters[index].Gradient);
            // Four sums, so that an addition need not wait for the one before.
            double sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
            for (; i + 4 <= end; i += 4)
            {
                sum0 += Square(gradient[i]);
                sum1 += Square(gradient[i + 1]);
                sum2 += Square(gradient[i + 2]);
                sum3 += Square(gradient[i + 3]);
            }

            for (; i < end; i++)
                sum0 += Square(gradient[i]);
            sums[chunk] = (sum0 + sum1) + (sum2 + sum3);
        }

        private static double Square(T value)
        {
            var wide = double.CreateTruncating(value);
            return wide * wide;
        }
    }
}
