using System.Runtime.CompilerServices;

namespace CudaBn.Backends.Cpu;

// The second sweep over matrices: each element by itself, with the constants of its column. What the first sweep saw last is
// still in the caches, and comes first.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>The constants are those of a <see cref="NormalizeConstants"/>, each for all columns.</summary>
    private readonly struct NormalizeRowsJob(ChannelRows rows, T* input, T* constants, T* output) : IChunkJob
    {
        public void Run(int chunk, int worker)
        {
            var part = rows.At(rows.Count - 1 - chunk);
            var offset = part.FirstRow * rows.Columns + part.Column;
            for (var row = 0; row < part.Rows; row++, offset += rows.Columns)
                NormalizeRow(input + offset, constants + part.Column, rows.Padded, output + offset, part.Columns);
            NormalizeRow(input + offset, constants + part.Column, rows.Padded, output + offset, part.LastColumns);
        }
    }

    /// <summary>The constants are those of an <see cref="InputGradientConstants"/>, each for all columns.</summary>
    private readonly struct InputGradientRowsJob(
        ChannelRows rows, T* input, T* gradOutput, T* constants, T* gradInput) : IChunkJob
    {
        public void Run(int chunk, int worker)
        {
            var part = rows.At(rows.Count - 1 - chunk);
            var offset = part.FirstRow * rows.Columns + part.Column;
            for (var row = 0; row < part.Rows; row++, offset += rows.Columns)
                InputGradientOfRow(
                    input + offset, gradOutput + offset, constants + part.Column, rows.Padded, gradInput + offset,
                    part.Columns);
            InputGradientOfRow(
                input + offset, gradOutput + offset, constants + part.Column, rows.Padded, gradInput + offset,
                part.LastColumns);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void NormalizeRow(T* x, T* means, nint step, T* y, int length)
    {
        T* scales = means + step, shifts = scales + step;
        if (length < TSimd.Count)
        {
            for (var j = 0; j < length; j++)
                y[j] = T.MultiplyAddEstimate(x[j] - means[j], scales[j], shifts[j]);
            return;
        }

        for (var i = 0; i < length; i += TSimd.Count)
        {
            // The last register is pulled back to end with the row, over elements done already.
            var at = Math.Min(i, length - TSimd.Count);
            TSimd.Store(
                TSimd.MultiplyAdd(
                    TSimd.Subtract(TSimd.Load(x + at), TSimd.Load(means + at)), TSimd.Load(scales + at),
                    TSimd.Load(shifts + at)),
                y + at);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void InputGradientOfRow(T* x, T* dy, T* means, nint step, T* dx, int length)
    {
        T* invStds = means + step, offsets = invStds + step, slopes = offsets + step, scales = slopes + step;
        if (length < TSimd.Count)
        {
            for (var j = 0; j < length; j++)
                dx[j] = T.MultiplyAddEstimate((x[j] - means[j]) * invStds[j], slopes[j], dy[j] - offsets[j]) * scales[j];
            return;
        }

        for (var i = 0; i < length; i += TSimd.Count)
        {
            var at = Math.Min(i, length - TSimd.Count);
            TSimd.Store(
                InputGradient(
                    TSimd.Load(x + at), TSimd.Load(dy + at), TSimd.Load(means + at), TSimd.Load(invStds + at),
                    TSimd.Load(offsets + at), TSimd.Load(slopes + at), TSimd.Load(scales + at)),
                dx + at);
        }
    }
}
