using System.Runtime.CompilerServices;

namespace CudaBn.Backends.Cpu;

internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    private readonly struct AverageJob(
        CpuOperators<TSimd, TVector, T> operators, AverageWindows windows, T* input, T* output, int chunks) : IChunkJob
    {
        // Rows that are added up before they are added to the others: fewer roundings on the way of each.
        private const int RowsAtATime = 8;

        public void Run(int chunk, int worker)
        {
            long start = chunk * windows.Planes / chunks, end = (chunk + 1L) * windows.Planes / chunks;
            var length = windows.PaddingX + RoundUp(windows.Columns.In, TSimd.Count);
            if (windows.InLanes)
                length = Math.Max(
                    length, (windows.Columns.Out + TSimd.Count) * (long)windows.StrideX + windows.WindowWidth
                        + 2 * TSimd.Count);
            var sums = operators._perWorker[worker].Get<T>(length);
            // Padding adds nothing.
            for (long i = 0; i < length; i++)
                sums[i] = T.Zero;
            for (var plane = start; plane < end; plane++)
                AveragePlane(input + plane * windows.InputSize, sums, output + plane * windows.OutputSize);
        }

        private void AveragePlane(T* source, T* sums, T* destination)
        {
            T* row = destination, end = destination + windows.OutputSize;
            for (var z = 0; z < windows.Slices.Out; z++)
            {
                for (var y = 0; y < windows.Rows.Out; y++, row += windows.Columns.Out)
                {
                    AddRows(source, windows.Slices.InputsOf(z), windows.Rows.InputsOf(y), sums + windows.PaddingX);
                    if (windows.InLanes)
                        AverageLanes(sums, windows.RowPlaces(z, y), row, destination, end);
                    else
                        AverageColumns(sums, windows.RowPlaces(z, y), row);
                }
            }
        }

        [MethodImpl(Compiled.AsLoop)]
        private void AddRows(T* source, IndexRange slices, IndexRange rows, T* sums)
        {
            long width = windows.Columns.In;
            for (long x = 0; x < width; x += TSimd.Count)
            {
                var sum = TSimd.Zero;
                for (var slice = slices.Start; slice < slices.End; slice++)
                {
                    for (var row = rows.Start; row < rows.End; row += RowsAtATime)
                    {
                        var values = source + ((long)slice * windows.Rows.In + row) * width + x;
                        var part = TSimd.Load(values);
                        for (var more = Math.Min(RowsAtATime, rows.End - row) - 1; more > 0; more--)
                        {
                            values += width;
                            part = TSimd.Add(part, TSimd.Load(values));
                        }

                        sum = TSimd.Add(sum, part);
                    }
                }

                TSimd.Store(x + TSimd.Count <= width ? sum : TSimd.And(FirstLanes(width - x), sum), sums + x);
            }
        }

        [MethodImpl(Compiled.AsLoop)]
        private void AverageLanes(T* sums, T rowPlaces, T* row, T* start, T* end)
        {
            int width = windows.WindowWidth, outputs = windows.Columns.Out;
            for (var x = 0; x < outputs; x += TSimd.Count)
            {
                var sum = TSimd.Zero;
                var first = sums + (long)x * windows.StrideX;
                if (windows.StrideX == 1)
                {
                    for (var j = 0; j < width; j++)
                        sum = TSimd.Add(sum, TSimd.Load(first + j));
                }
                else
                {
                    for (var j = 0; j < width; j += 2)
                    {
                        sum = TSimd.Add(sum, EveryOther(first + j, out var odd));
                        if (j + 1 < width)
                            sum = TSimd.Add(sum, odd);
                    }
                }

                var places = TSimd.Multiply(TSimd.Load(windows.ColumnPlaces + x), TSimd.Create(rowPlaces));
                EndingStores.Store(TSimd.Divide(sum, places), row + x, start, end, outputs - x);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static TVector EveryOther(T* source, out TVector odd)
        {
            TSimd.Deinterleave(TSimd.Load(source), TSimd.Load(source + TSimd.Count), out var even, out odd);
            return even;
        }

        private void AverageColumns(T* sums, T rowPlaces, T* row)
        {
            for (var x = 0; x < windows.Columns.Out; x++)
            {
                var columns = windows.Columns.InputsOf(x);
                var sum = SumOf(sums + columns.Start, columns.End - columns.Start);
                row[x] = T.CreateTruncating(
                    sum / (double.CreateTruncating(windows.ColumnPlaces[x]) * double.CreateTruncating(rowPlaces)));
            }
        }
    }
}
