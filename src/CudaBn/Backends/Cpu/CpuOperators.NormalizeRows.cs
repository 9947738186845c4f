using System.Runtime.CompilerServices;

namespace CudaBn.Backends.Cpu;

// The second sweep over matrices: each element by itself, with the constants of its column. What the first sweep saw last is
// still in the caches, and comes first.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    private void NormalizeAddReLU(ChannelRows rows, T* input, T* constants, T* addend, bool rectifies, T* output)
    {
        if (addend != null && rectifies)
            Run<AddReLUTail>();
        else if (addend != null)
            Run<AddTail>();
        else if (rectifies)
            Run<ReLUTail>();
        else
            Run<NoTail>();

        void Run<TTail>()
            where TTail : struct, ITail
        {
            Sweep(rows, new NormalizeRows<TTail>(rows, input, constants, addend, output));
        }
    }

    private void Sweep<TSweep>(ChannelRows rows, TSweep sweep)
        where TSweep : struct, IRowSweep
    {
        var job = new RowsJob<TSweep>(rows, sweep);
        _pool.Run(ref job, rows.Count);
    }

    /// <summary>What becomes of rows, one by one.</summary>
    private interface IRowSweep
    {
        /// <summary>Works out neighbouring elements of a row.</summary>
        /// <param name="offset">Which is the first.</param>
        /// <param name="column">The column of the first.</param>
        /// <param name="length">How many.</param>
        void OfRow(long offset, int column, int length);
    }

    private readonly struct RowsJob<TSweep>(ChannelRows rows, TSweep sweep) : IChunkJob
        where TSweep : struct, IRowSweep
    {
        public void Run(int chunk, int worker)
        {
            // Of a read-only field, every call would make a copy of its own.
            var own = sweep;
            var part = rows.At(rows.Count - 1 - chunk);
            var offset = part.FirstRow * rows.Columns + part.Column;
            for (var row = 0; row < part.Rows; row++, offset += rows.Columns)
                own.OfRow(offset, part.Column, part.Columns);
            own.OfRow(offset, part.Column, part.LastColumns);
        }
    }

    /// <summary>The constants are those of a <see cref="NormalizeConstants"/>, each for all columns.</summary>
    private readonly struct NormalizeRows<TTail>(ChannelRows rows, T* input, T* constants, T* addend, T* output)
        : IRowSweep
        where TTail : struct, ITail
    {
        [MethodImpl(Compiled.AsLoop)]
        public void OfRow(long offset, int column, int length)
        {
            T* x = input + offset, added = addend + offset, y = output + offset;
            T* means = constants + column, scales = means + rows.Padded, shifts = scales + rows.Padded;
            if (length < TSimd.Count)
            {
                for (var j = 0; j < length; j++)
                {
                    var value = T.MultiplyAddEstimate(x[j] - means[j], scales[j], shifts[j]);
                    if (TTail.Adds)
                        value += added[j];
                    y[j] = TTail.Rectifies && value <= T.Zero ? T.Zero : value;
                }

                return;
            }

            for (var i = 0; i < length; i += TSimd.Count)
            {
                // The last register is pulled back to end with the row, over elements done already.
                var at = Math.Min(i, length - TSimd.Count);
                var value = TSimd.MultiplyAdd(
                    TSimd.Subtract(TSimd.Load(x + at), TSimd.Load(means + at)), TSimd.Load(scales + at),
                    TSimd.Load(shifts + at));
                if (TTail.Adds)
                    value = TSimd.Add(value, TSimd.Load(added + at));
                if (TTail.Rectifies)
                    value = TSimd.And(TSimd.NotLessOrEqual(value, TSimd.Zero), value);
                TSimd.Store(value, y + at);
            }
        }
    }

    /// <summary>The constants are those of an <see cref="InputGradientConstants"/>, each for all columns.</summary>
    private readonly struct InputGradientRows<TGradients>(
        ChannelRows rows, T* input, TGradients gradients, T* constants, T* gradInput) : IRowSweep
        where TGradients : struct, IRowGradients
    {
        [MethodImpl(Compiled.AsLoop)]
        public void OfRow(long offset, int column, int length)
        {
            var own = gradients;
            nint step = rows.Padded;
            T* x = input + offset, dx = gradInput + offset, means = constants + column;
            T* invStds = means + step, offsets = invStds + step, slopes = offsets + step, scales = slopes + step;
            if (length < TSimd.Count)
            {
                for (var j = 0; j < length; j++)
                {
                    var deviation = x[j] - means[j];
                    var gradient = own.LoadOne(offset + j, column + j, deviation);
                    dx[j] = T.MultiplyAddEstimate(deviation * invStds[j], slopes[j], gradient - offsets[j]) * scales[j];
                }

                return;
            }

            for (var i = 0; i < length; i += TSimd.Count)
            {
                var at = Math.Min(i, length - TSimd.Count);
                TVector values = TSimd.Load(x + at), mean = TSimd.Load(means + at);
                var gradient = own.Load(offset + at, column + at, TSimd.Subtract(values, mean));
                TSimd.Store(
                    InputGradient(
                        values, gradient, mean, TSimd.Load(invStds + at), TSimd.Load(offsets + at),
                        TSimd.Load(slopes + at), TSimd.Load(scales + at)),
                    dx + at);
            }
        }
    }

    /// <summary>The input gradient of given statistics: y is a line in x, so its gradient is the slope. The constants are
    /// those of a <see cref="NormalizeConstants"/>, each for all columns.</summary>
    private readonly struct SlopeRows<TGradients>(
        ChannelRows rows, T* input, TGradients gradients, T* constants, T* gradInput) : IRowSweep
        where TGradients : struct, IRowGradients
    {
        [MethodImpl(Compiled.AsLoop)]
        public void OfRow(long offset, int column, int length)
        {
            var own = gradients;
            T* x = input + offset, dx = gradInput + offset;
            T* means = constants + column, scales = means + rows.Padded;
            if (length < TSimd.Count)
            {
                for (var j = 0; j < length; j++)
                {
                    var deviation = TGradients.DependOnInput ? x[j] - means[j] : T.Zero;
                    dx[j] = T.MultiplyAddEstimate(
                        own.LoadOne(offset + j, column + j, deviation), scales[j], T.Zero);
                }

                return;
            }

            for (var i = 0; i < length; i += TSimd.Count)
            {
                var at = Math.Min(i, length - TSimd.Count);
                var deviation = TGradients.DependOnInput
                    ? TSimd.Subtract(TSimd.Load(x + at), TSimd.Load(means + at))
                    : TSimd.Zero;
                var gradient = own.Load(offset + at, column + at, deviation);
                TSimd.Store(TSimd.MultiplyAdd(gradient, TSimd.Load(scales + at), TSimd.Zero), dx + at);
            }
        }
    }
}
