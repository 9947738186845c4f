using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

// Average pooling of windows of 2 x 2 side by side, by far the most common ones: straight from inputs to outputs.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    private void AveragePairs(PoolGeometry g, long divisor, T* input, T* output)
    {
        var chunks = PlaneChunks(g.Planes, g.InPlaces);
        var job = new AveragePairsJob(g, T.CreateTruncating(divisor), input, output, chunks);
        _pool.Run(ref job, chunks);
    }

    private void SpreadAverageOfPairs(PoolGeometry g, long divisor, T* gradOutput, T* gradInput)
    {
        var chunks = PlaneChunks(g.Planes, g.InPlaces);
        var job = new SpreadPairsJob(g, T.CreateTruncating(divisor), gradOutput, gradInput, chunks);
        _pool.Run(ref job, chunks);
    }

    /// <summary>A chunk is some planes.</summary>
    private readonly struct AveragePairsJob(PoolGeometry g, T divisor, T* input, T* output, int chunks) : IChunkJob
    {
        private readonly ShortPairRows _shortRows = IsPairsOnly(g) ? new(g.OutWidth) : default;

        public void Run(int chunk, int worker)
        {
            long start = chunk * g.Planes / chunks, end = (chunk + 1L) * g.Planes / chunks;
            T* source = input + start * g.InHeight * g.InWidth, destination = output + start * g.OutHeight * g.OutWidth;
            var rows = checked((int)(end - start) * g.OutHeight);
            var wholeRows = WholeRows(rows, g.OutWidth, TSimd.Count);
            var outputEnd = destination + (long)rows * g.OutWidth;
            if (_shortRows.Fit(rows))
            {
                AverageShortRows(source, destination, wholeRows, rows);
                Average<EndingStores>(source, destination, wholeRows, rows, outputEnd);
                return;
            }

            // Rows of pairs are as far from each other as they are long where no row is left out: then all planes are one.
            var planeRows = IsPairsOnly(g) ? rows : g.OutHeight;
            for (var row = 0; row < rows; row += planeRows)
            {
                var whole = Math.Clamp(wholeRows - row, 0, planeRows);
                Average<WholeStores>(source, destination, 0, whole, outputEnd);
                Average<EndingStores>(source, destination, whole, planeRows, outputEnd);
                source += (long)g.InHeight * g.InWidth;
                destination += (long)planeRows * g.OutWidth;
            }
        }

        [MethodImpl(Compiled.AsLoop)]
        private void Average<TStores>(T* source, T* destination, int firstRow, int endRow, T* end)
            where TStores : struct, IRowStores
        {
            var divisors = TSimd.Create(divisor);
            for (var y = firstRow; y < endRow; y++)
            {
                T* top = source + 2L * y * g.InWidth, bottom = top + g.InWidth, row = destination + (long)y * g.OutWidth;
                for (var x = 0; x < g.OutWidth; x += TSimd.Count)
                {
                    var low = TSimd.Add(TSimd.Load(top + 2 * x), TSimd.Load(bottom + 2 * x));
                    var high = TSimd.Add(
                        TSimd.Load(top + 2 * x + TSimd.Count), TSimd.Load(bottom + 2 * x + TSimd.Count));
                    TSimd.Deinterleave(low, high, out var left, out var right);
                    var mean = TSimd.Divide(TSimd.Add(left, right), divisors);
                    TStores.Store(mean, row + x, destination, end, g.OutWidth - x);
                }
            }
        }

        /// <summary>Rows that may be stored whole, several at a time.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private void AverageShortRows(T* source, T* destination, int wholeRows, int rows)
        {
            var shortRows = _shortRows;
            var divisors = TSimd.Create(divisor);
            for (var y = 0; y < wholeRows; y += shortRows.Rows)
            {
                var at = (long)Math.Min(y, rows - shortRows.Rows) * g.OutWidth;
                shortRows.Load(source + 4 * at, out var a, out var b, out var c, out var d);
                TSimd.Store(
                    TSimd.Divide(TSimd.Add(TSimd.Add(a, c), TSimd.Add(b, d)), divisors), destination + at);
            }
        }
    }

    /// <summary>A chunk is some planes.</summary>
    private readonly struct SpreadPairsJob(PoolGeometry g, T divisor, T* gradOutput, T* gradInput, int chunks) : IChunkJob
    {
        public void Run(int chunk, int worker)
        {
            long start = chunk * g.Planes / chunks, end = (chunk + 1L) * g.Planes / chunks;
            T* gradients = gradOutput + start * g.OutHeight * g.OutWidth;
            T* first = gradInput + start * g.InHeight * g.InWidth;
            var rows = checked((int)(end - start) * g.InHeight);
            var wholeRows = WholeRows(rows, g.InWidth, BlockLanes);
            var inputEnd = first + (long)rows * g.InWidth;
            for (var row = 0; row < rows; row += g.InHeight)
            {
                // Two rows at a time.
                var whole = Math.Clamp(wholeRows - row, 0, 2 * g.OutHeight) / 2;
                var plane = first + (long)row * g.InWidth;
                Spread<WholeStores>(gradients, plane, 0, whole, first, inputEnd);
                Spread<EndingStores>(gradients, plane, whole, g.OutHeight, first, inputEnd);
                // Rows that are no window's.
                new Span<T>(plane + 2L * g.OutHeight * g.InWidth, (g.InHeight - 2 * g.OutHeight) * g.InWidth).Clear();
                gradients += (long)g.OutHeight * g.OutWidth;
            }
        }

        // Row by row: what is written past the end of a row is overwritten by the next one.
        [MethodImpl(Compiled.AsLoop)]
        private void Spread<TStores>(T* gradients, T* plane, int firstRow, int endRow, T* start, T* end)
            where TStores : struct, IRowStores
        {
            var divisors = TSimd.Create(divisor);
            for (var y = firstRow; y < endRow; y++)
            {
                T* from = gradients + (long)y * g.OutWidth, row = plane + 2L * y * g.InWidth;
                for (var line = 0; line < 2; line++, row += g.InWidth)
                {
                    for (var x = 0; 2 * x < g.InWidth; x += TSimd.Count)
                    {
                        // Columns behind the last window get nothing.
                        var quotient = TSimd.And(
                            FirstLanes(g.OutWidth - x), TSimd.Divide(TSimd.Load(from + x), divisors));
                        TSimd.Interleave(quotient, quotient, out var low, out var high);
                        TStores.Store(low, row + 2 * x, start, end, g.InWidth - 2 * x);
                        if (2 * x + TSimd.Count < g.InWidth)
                            TStores.Store(high, row + 2 * x + TSimd.Count, start, end, g.InWidth - 2 * x - TSimd.Count);
                    }
                }
            }
        }
    }
}
