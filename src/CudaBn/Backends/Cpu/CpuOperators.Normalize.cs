using System.Runtime.CompilerServices;

namespace CudaBn.Backends.Cpu;

// The second sweep of batch normalization, which is the only one in evaluation: each element by itself.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>What follows a normalization, known when the loop is compiled.</summary>
    private interface ITail
    {
        static abstract bool Adds { get; }

        static abstract bool Rectifies { get; }
    }

    private readonly struct NoTail : ITail
    {
        public static bool Adds => false;

        public static bool Rectifies => false;
    }

    private readonly struct AddTail : ITail
    {
        public static bool Adds => true;

        public static bool Rectifies => false;
    }

    private readonly struct ReLUTail : ITail
    {
        public static bool Adds => false;

        public static bool Rectifies => true;
    }

    private readonly struct AddReLUTail : ITail
    {
        public static bool Adds => true;

        public static bool Rectifies => true;
    }

    private readonly struct NormalizeJob<TTail>(
        ChannelPlanes planes, T* input, NormalizeConstants* constants, T* addend, T* output) : IChunkJob
        where TTail : struct, ITail
    {
        public int Chunks => planes.Count;

        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            var parts = planes.Planes(chunk);
            while (parts.MoveNext())
            {
                var offset = parts.Offset;
                NormalizePlane(
                    input + offset, in constants[parts.Channel], addend + offset, output + offset, parts.Length);
            }
        }

        [MethodImpl(Compiled.AsLoop)]
        private static void NormalizePlane(T* x, in NormalizeConstants c, T* added, T* y, long length)
        {
            if (length < TSimd.Count)
            {
                for (long j = 0; j < length; j++)
                {
                    var value = T.MultiplyAddEstimate(x[j] - c.Mean, c.Scale, c.Shift);
                    if (TTail.Adds)
                        value += added[j];
                    y[j] = TTail.Rectifies && value <= T.Zero ? T.Zero : value;
                }

                return;
            }

            var (mean, scale, shift) = (TSimd.Create(c.Mean), TSimd.Create(c.Scale), TSimd.Create(c.Shift));
            for (long i = 0; i < length; i += TSimd.Count)
            {
                // The last register is pulled back to end with the plane, over elements done already.
                var at = Math.Min(i, length - TSimd.Count);
                var value = Normalized(TSimd.Load(x + at), mean, scale, shift);
                if (TTail.Adds)
                    value = TSimd.Add(value, TSimd.Load(added + at));
                if (TTail.Rectifies)
                    value = TSimd.And(TSimd.NotLessOrEqual(value, TSimd.Zero), value);
                TSimd.Store(value, y + at);
            }
        }
    }

    private readonly struct InputGradientJob(
        ChannelPlanes planes, T* input, T* gradOutput, InputGradientConstants* constants, T* gradInput) : IChunkJob
    {
        public int Chunks => planes.Count;

        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            var parts = planes.Planes(chunk);
            while (parts.MoveNext())
            {
                var offset = parts.Offset;
                InputGradientOfPlane(
                    input + offset, gradOutput + offset, in constants[parts.Channel], gradInput + offset, parts.Length);
            }
        }
    }

    /// <summary>dx = scale * (dy - mean of dy - xhat * mean of dy * xhat).</summary>
    [MethodImpl(Compiled.AsLoop)]
    private static void InputGradientOfPlane(T* x, T* dy, in InputGradientConstants c, T* dx, long length)
    {
        if (length < TSimd.Count)
        {
            for (long j = 0; j < length; j++)
                dx[j] = T.MultiplyAddEstimate((x[j] - c.Mean) * c.InvStd, c.Slope, dy[j] - c.Offset) * c.Scale;
            return;
        }

        var (mean, invStd) = (TSimd.Create(c.Mean), TSimd.Create(c.InvStd));
        var (shift, slope, scale) = (TSimd.Create(c.Offset), TSimd.Create(c.Slope), TSimd.Create(c.Scale));
        for (long i = 0; i < length; i += TSimd.Count)
        {
            var at = Math.Min(i, length - TSimd.Count);
            TSimd.Store(
                InputGradient(TSimd.Load(x + at), TSimd.Load(dy + at), mean, invStd, shift, slope, scale), dx + at);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector InputGradient(
        TVector x, TVector dy, TVector mean, TVector invStd, TVector shift, TVector slope, TVector scale)
    {
        var normalized = TSimd.Multiply(TSimd.Subtract(x, mean), invStd);
        return TSimd.Multiply(TSimd.MultiplyAdd(normalized, slope, TSimd.Subtract(dy, shift)), scale);
    }
}
