using System.Runtime.CompilerServices;

namespace CudaBn.Backends.Cpu;

internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    private readonly struct SpreadAverageJob(
        CpuOperators<TSimd, TVector, T> operators, AverageWindows windows, T* gradOutput, T* gradInput, int chunks)
        : IChunkJob
    {
        // A row of windows spread over the columns of the input.
        private readonly long _step = RoundUp(windows.Columns.In, BlockLanes);

        // Of the quotients of a row, so that every input finds its windows at a fixed distance, whether there are such
        // windows or not.
        private readonly long _margin = windows.WindowWidth;

        public void Run(int chunk, int worker)
        {
            long start = chunk * windows.Planes / chunks, end = (chunk + 1L) * windows.Planes / chunks;
            var spread = (long)windows.Slices.Out * windows.Rows.Out * _step;
            var length = _margin + Math.Max(windows.Columns.Out, _step) + windows.PaddingX + BlockLanes;
            var rows = operators._perWorker[worker].Get<T>(spread + length);
            var quotients = rows + spread;
            for (long i = 0; i < length; i++)
                quotients[i] = T.Zero;
            for (var plane = start; plane < end; plane++)
            {
                SpreadColumns(gradOutput + plane * windows.OutputSize, quotients + _margin, rows);
                AddRows(rows, gradInput + plane * windows.InputSize);
            }
        }

        private void SpreadColumns(T* gradients, T* quotients, T* rows)
        {
            for (var z = 0; z < windows.Slices.Out; z++)
            {
                for (var y = 0; y < windows.Rows.Out; y++, gradients += windows.Columns.Out, rows += _step)
                {
                    Divide(gradients, windows.RowPlaces(z, y), quotients);
                    if (windows.InLanes)
                        SpreadLanes(quotients, rows);
                    else
                        SpreadOneByOne(quotients, rows);
                }
            }
        }

        [MethodImpl(Compiled.AsLoop)]
        private void Divide(T* gradients, T rowPlaces, T* quotients)
        {
            var outputs = windows.Columns.Out;
            for (var x = 0; x < outputs; x += TSimd.Count)
            {
                var places = TSimd.Multiply(TSimd.Load(windows.ColumnPlaces + x), TSimd.Create(rowPlaces));
                var quotient = TSimd.Divide(TSimd.Load(gradients + x), places);
                TSimd.Store(TSimd.And(FirstLanes(outputs - x), quotient), quotients + x);
            }
        }

        [MethodImpl(Compiled.AsLoop)]
        private void SpreadLanes(T* quotients, T* row)
        {
            int width = windows.WindowWidth, padding = windows.PaddingX;
            if (windows.StrideX == 1)
            {
                for (long x = 0; x < _step; x += TSimd.Count)
                {
                    var sum = TSimd.Zero;
                    for (var j = width - 1; j >= 0; j--)
                        sum = TSimd.Add(sum, TSimd.Load(quotients + x + padding - j));
                    TSimd.Store(sum, row + x);
                }

                return;
            }

            for (long x = 0; 2 * x < _step; x += TSimd.Count)
            {
                // Column 2 * x + parity is at place j of window x + (parity + padding - j) / 2.
                TVector even = TSimd.Zero, odd = TSimd.Zero;
                for (var j = width - 1; j >= 0; j--)
                {
                    if ((padding - j) % 2 == 0)
                        even = TSimd.Add(even, TSimd.Load(quotients + x + (padding - j) / 2));
                    else
                        odd = TSimd.Add(odd, TSimd.Load(quotients + x + (padding + 1 - j) / 2));
                }

                TSimd.Interleave(even, odd, out var low, out var high);
                TSimd.Store(low, row + 2 * x);
                TSimd.Store(high, row + 2 * x + TSimd.Count);
            }
        }

        private void SpreadOneByOne(T* quotients, T* row)
        {
            for (var x = 0; x < windows.Columns.In; x++)
            {
                var sum = T.Zero;
                var outputs = windows.Columns.OutputsOf(x);
                for (var o = outputs.Start; o < outputs.End; o++)
                    sum += quotients[o];
                row[x] = sum;
            }
        }

        private void AddRows(T* rows, T* destination)
        {
            T* row = destination, end = destination + windows.InputSize;
            for (var slice = 0; slice < windows.Slices.In; slice++)
            {
                var z = windows.Slices.OutputsOf(slice);
                for (var y = 0; y < windows.Rows.In; y++, row += windows.Columns.In)
                    AddRows(rows, z, windows.Rows.OutputsOf(y), row, destination, end);
            }
        }

        [MethodImpl(Compiled.AsLoop)]
        private void AddRows(T* rows, IndexRange slices, IndexRange lines, T* row, T* start, T* end)
        {
            var width = windows.Columns.In;
            for (var x = 0; x < width; x += TSimd.Count)
            {
                var sum = TSimd.Zero;
                for (var z = slices.Start; z < slices.End; z++)
                {
                    for (var y = lines.Start; y < lines.End; y++)
                        sum = TSimd.Add(sum, TSimd.Load(rows + ((long)z * windows.Rows.Out + y) * _step + x));
                }

                EndingStores.Store(sum, row + x, start, end, width - x);
            }
        }
    }
}
