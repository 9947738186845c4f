using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

// The first sweep over matrices: sums of every column, kept in the first-level cache while rows go by. Four rows are added to
// each other first: fewer loads and stores of the sums, and fewer roundings of them.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>Values near the mean of every channel. Equal values have exactly their value as origin.</summary>
    private readonly struct ChooseOriginsJob(BatchNormGeometry g, ChannelRows rows, T* input, T* origins) : IChunkJob
    {
        /// <summary>Rows whose mean is the origin: spread out, as neighbouring pixels are alike.</summary>
        private const int MaxRows = 32;

        public int Chunks => rows.ChannelParts;

        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            var count = (int)Math.Min(MaxRows, g.Batch);
            var offsets = stackalloc long[MaxRows];
            for (var i = 0; i < count; i++)
                offsets[i] = i * g.Batch / count * g.Channels;
            var divisor = TSimd.Create(T.CreateTruncating(count));
            var (first, end) = rows.ChannelsOf(chunk);
            for (var channel = first; channel < end; channel += TSimd.Count)
            {
                var start = TSimd.Load(input + channel);
                var sum = TSimd.Zero;
                for (var i = 1; i < count; i++)
                    sum = TSimd.Add(sum, TSimd.Subtract(TSimd.Load(input + offsets[i] + channel), start));
                TSimd.Store(TSimd.Add(start, TSimd.Divide(sum, divisor)), origins + channel);
            }
        }
    }

    /// <summary>Leaves, for every chunk of rows, the sums of all columns and then the sums of their squares.</summary>
    private readonly struct DeviationSumsJob(ChannelRows rows, T* input, T* origins, T* partials) : IChunkJob
    {
        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            var part = rows.At(chunk);
            long step = rows.Columns, row = 0;
            var x = input + part.FirstRow * step + part.Column;
            var center = origins + part.Column;
            var sums = partials + 2L * part.Part * rows.Padded + part.Column;
            var squares = sums + rows.Padded;
            ClearColumns(sums, squares, part.Columns);
            for (; row + 4 <= part.Rows; row += 4, x += 4 * step)
            {
                for (var i = 0; i < part.Columns; i += TSimd.Count)
                {
                    var origin = TSimd.Load(center + i);
                    var a = TSimd.Subtract(TSimd.Load(x + i), origin);
                    var b = TSimd.Subtract(TSimd.Load(x + step + i), origin);
                    var c = TSimd.Subtract(TSimd.Load(x + 2 * step + i), origin);
                    var d = TSimd.Subtract(TSimd.Load(x + 3 * step + i), origin);
                    AddTo(sums + i, TSimd.Add(TSimd.Add(a, b), TSimd.Add(c, d)));
                    var ab = TSimd.MultiplyAdd(a, a, TSimd.Multiply(b, b));
                    var cd = TSimd.MultiplyAdd(c, c, TSimd.Multiply(d, d));
                    AddTo(squares + i, TSimd.Add(ab, cd));
                }
            }

            for (; row < part.Rows; row++, x += step)
                AddRow(x, center, part.Columns, sums, squares);
            AddRow(x, center, part.LastColumns, sums, squares);
        }

        private static void AddRow(T* x, T* center, int columns, T* sums, T* squares)
        {
            for (var i = 0; i < columns; i += TSimd.Count)
            {
                var a = TSimd.And(FirstLanes(columns - i), TSimd.Subtract(TSimd.Load(x + i), TSimd.Load(center + i)));
                AddTo(sums + i, a);
                AddTo(squares + i, TSimd.Multiply(a, a));
            }
        }
    }

    /// <summary>Leaves, for every chunk of rows, the sums of dy of all columns and then those of dy * (x - mean).</summary>
    private readonly struct GradientSumsJob<TGradients>(
        ChannelRows rows, T* input, TGradients gradients, T* means, T* partials) : IChunkJob
        where TGradients : struct, IRowGradients
    {
        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            // Of a read-only field, every call would make a copy of its own.
            var own = gradients;
            var part = rows.At(chunk);
            long step = rows.Columns, row = 0, offset = part.FirstRow * step + part.Column;
            var center = means + part.Column;
            var sums = partials + 2L * part.Part * rows.Padded + part.Column;
            var products = sums + rows.Padded;
            ClearColumns(sums, products, part.Columns);
            for (; row + 4 <= part.Rows; row += 4, offset += 4 * step)
            {
                for (var i = 0; i < 4; i++)
                    own.Prepare(offset + i * step, part.Columns);
                for (var i = 0; i < part.Columns; i += TSimd.Count)
                {
                    var at = offset + i;
                    var mean = TSimd.Load(center + i);
                    var xa = TSimd.Subtract(TSimd.Load(input + at), mean);
                    var xb = TSimd.Subtract(TSimd.Load(input + at + step), mean);
                    var xc = TSimd.Subtract(TSimd.Load(input + at + 2 * step), mean);
                    var xd = TSimd.Subtract(TSimd.Load(input + at + 3 * step), mean);
                    var a = own.Load(at, part.Column + i, xa);
                    var b = own.Load(at + step, part.Column + i, xb);
                    var c = own.Load(at + 2 * step, part.Column + i, xc);
                    var d = own.Load(at + 3 * step, part.Column + i, xd);
                    AddTo(sums + i, TSimd.Add(TSimd.Add(a, b), TSimd.Add(c, d)));
                    var ab = TSimd.MultiplyAdd(a, xa, TSimd.Multiply(b, xb));
                    var cd = TSimd.MultiplyAdd(c, xc, TSimd.Multiply(d, xd));
                    AddTo(products + i, TSimd.Add(ab, cd));
                }
            }

            for (; row < part.Rows; row++, offset += step)
                AddRow(offset, part.Column, part.Columns, sums, products);
            AddRow(offset, part.Column, part.LastColumns, sums, products);
        }

        private void AddRow(long offset, int column, int columns, T* sums, T* products)
        {
            gradients.Prepare(offset, columns);
            for (var i = 0; i < columns; i += TSimd.Count)
            {
                var inside = FirstLanes(columns - i);
                var x = TSimd.Subtract(TSimd.Load(input + offset + i), TSimd.Load(means + column + i));
                var a = TSimd.And(inside, gradients.Load(offset + i, column + i, x));
                AddTo(sums + i, a);
                AddTo(products + i, TSimd.Multiply(a, TSimd.And(inside, x)));
            }
        }
    }

    /// <summary>Adds up the columns of a channel over all chunks of rows.</summary>
    private readonly struct FoldColumnsJob(ChannelRows rows, T* partials, double* first, double* second) : IChunkJob
    {
        public int Chunks => rows.ChannelParts;

        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            var (start, end) = rows.ChannelsOf(chunk);
            var count = end - start;
            double* a = first + start, b = second + start;
            new Span<double>(a, count).Clear();
            new Span<double>(b, count).Clear();
            for (var part = 0; part < rows.RowParts; part++)
            {
                var sums = partials + 2L * part * rows.Padded + start;
                for (var copy = 0; copy < rows.Copies; copy++, sums += rows.Channels)
                {
                    for (var i = 0; i < count; i++)
                    {
                        a[i] += double.CreateTruncating(sums[i]);
                        b[i] += double.CreateTruncating(sums[rows.Padded + i]);
                    }
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddTo(T* sums, TVector addend) => TSimd.Store(TSimd.Add(TSimd.Load(sums), addend), sums);

    private static void ClearColumns(T* first, T* second, int columns)
    {
        // Whole registers, as they are added to.
        columns = CeilDiv(columns, TSimd.Count) * TSimd.Count;
        new Span<T>(first, columns).Clear();
        new Span<T>(second, columns).Clear();
    }
}
