using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

// What windows bring back to the inputs that they see. Inputs that have the same row and column within a step see the same
// places of their windows, so that each such phase is a sum of a few planes of gradients, each times one weight, as forward is
// one of inputs.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>Input gradients of windows in steps of one or two columns, plane by plane.</summary>
    private readonly struct GradientPhases
    {
        /// <summary>Elements of gradients and sums of a band.</summary>
        private const int ElementsOfBand = 8 * 1024;

        private readonly PoolGeometry _g;
        private readonly WindowPhases _gradients;
        private readonly int _phases;

        // Of a phase: the step that its first row is in, its rows and columns, and elements of sums up to the next one.
        private readonly int _firstRow;
        private readonly int _rows;
        private readonly int _columns;
        private readonly nint _sums;

        // Where the gradients of each place of a window begin, phase after phase.
        private readonly nint* _offsets;

        // These places, and where those of each phase end.
        private readonly int* _places;
        private readonly int* _ends;

        /// <param name="g">The windows of a plane.</param>
        /// <param name="memory">For its tables.</param>
        public GradientPhases(PoolGeometry g, ScratchMemory memory)
        {
            _g = g;
            int height = CeilDiv(g.WindowHeight, g.StrideY), width = CeilDiv(g.WindowWidth, g.StrideX);
            int firstColumn = g.PaddingX / g.StrideX, places = g.WindowHeight * g.WindowWidth;
            _firstRow = g.PaddingY / g.StrideY;
            _rows = (g.InHeight - 1 + g.PaddingY) / g.StrideY - _firstRow + 1;
            _columns = (g.InWidth - 1 + g.PaddingX) / g.StrideX - firstColumn + 1;
            _phases = g.StrideY * g.StrideX;
            var windows = new PoolGeometry(
                Planes: 1, 1, g.OutHeight, g.OutWidth, 1, _rows, _columns, 1, height, width, 1, 1, 1, 0,
                height - 1 - _firstRow, width - 1 - firstColumn);
            var tables = WindowPhases.TableLength(windows);
            var table = memory.Get<nint>(tables + 2L * places + _phases);
            _gradients = new WindowPhases(windows, T.Zero, table, ElementsOfBand / (1 + _phases));
            _sums = (nint)RoundUp(_gradients.Rows * (long)_gradients.Pitch + 2 * TSimd.Count, TSimd.Count);
            _offsets = table + tables;
            _places = (int*)(_offsets + places);
            _ends = _places + places;

            var tap = 0;
            for (var phase = 0; phase < _phases; phase++)
            {
                var (row, column) = Math.DivRem(phase, g.StrideX);
                for (var i = row; i < g.WindowHeight; i += g.StrideY)
                {
                    for (var j = column; j < g.WindowWidth; j += g.StrideX, tap++)
                    {
                        // A later place is that of an earlier window.
                        _offsets[tap] = _gradients.Offsets[
                            (height - 1 - i / g.StrideY) * width + width - 1 - j / g.StrideX];
                        _places[tap] = i * g.WindowWidth + j;
                    }
                }

                _ends[phase] = tap;
            }
        }

        /// <summary>Room that <see cref="Spread"/> needs.</summary>
        public long Elements => _gradients.Elements + _phases * _sums;

        /// <summary>Whether gradients of windows can be taken so: of planes, at steps of one or two, where padding is not so large
        /// that windows of gradients would begin behind the first one.</summary>
        public static bool Fit(PoolGeometry g) =>
            TSimd.Count > 1 && g is { InDepth: 1, WindowDepth: 1, OutDepth: 1, StrideX: 1 or 2 } && g.StrideY <= 2
            && g.PaddingY / g.StrideY < CeilDiv(g.WindowHeight, g.StrideY)
            && g.PaddingX / g.StrideX < CeilDiv(g.WindowWidth, g.StrideX);

        /// <summary>The weights of a window, row by row, in the order in which <see cref="Spread"/> takes them.</summary>
        public void OrderWeights(T* window, T* weights)
        {
            for (var i = 0; i < _g.WindowHeight * _g.WindowWidth; i++)
                weights[i] = window[_places[i]];
        }

        /// <summary>Writes the input gradients of a plane.</summary>
        /// <param name="gradOutput">The gradients of its windows.</param>
        /// <param name="weights">From <see cref="OrderWeights"/>.</param>
        /// <param name="room">For <see cref="Elements"/>.</param>
        /// <param name="gradInput">A plane.</param>
        public void Spread(T* gradOutput, T* weights, T* room, T* gradInput)
        {
            var sums = room + _gradients.Elements;
            var wholeRows = WholeRows(_g.InHeight, _g.InWidth, _g.StrideX * TSimd.Count);
            for (var first = 0; first < _rows; first += _gradients.Rows)
            {
                var rows = Math.Min(_gradients.Rows, _rows - first);
                _gradients.Fill(gradOutput, 0, first, rows, room);
                var lanes = (int)RoundUp((rows - 1) * (long)_gradients.Pitch + _columns, TSimd.Count);
                var start = 0;
                for (var phase = 0; phase < _phases; phase++)
                {
                    var end = _ends[phase];
                    SumTaps(room, _offsets + start, weights + start, end - start, T.Zero, sums + phase * _sums, lanes);
                    start = end;
                }

                // Rows of the input that these are of.
                var top = (first + _firstRow) * _g.StrideY - _g.PaddingY;
                int from = Math.Max(top, 0), to = Math.Min(top + rows * _g.StrideY, _g.InHeight);
                var whole = Math.Clamp(wholeRows, from, to);
                Store<WholeStores>(sums, top, from, whole, gradInput);
                Store<EndingStores>(sums, top, whole, to, gradInput);
            }
        }

        [MethodImpl(Compiled.AsLoop)]
        private void Store<TStores>(T* sums, int top, int start, int end, T* plane)
            where TStores : struct, IRowStores
        {
            int width = _g.InWidth, pitch = _gradients.Pitch;
            T* destination = plane + (nint)start * width, planeEnd = plane + (nint)_g.InHeight * width;
            for (var y = start; y < end; y++, destination += width)
            {
                var (row, phase) = Math.DivRem(y - top, _g.StrideY);
                var first = sums + phase * _g.StrideX * _sums + (nint)row * pitch;
                if (_g.StrideX == 1)
                {
                    for (var x = 0; x < width; x += TSimd.Count)
                        TStores.Store(TSimd.Load(first + x), destination + x, plane, planeEnd, width - x);
                    continue;
                }

                // Where padding is odd, the first column is the second one of a step.
                var isOdd = _g.PaddingX % 2 != 0;
                T* even = isOdd ? first + _sums : first, odd = isOdd ? first + 1 : first + _sums;
                for (var x = 0; 2 * x < width; x += TSimd.Count)
                {
                    TSimd.Interleave(TSimd.Load(even + x), TSimd.Load(odd + x), out var low, out var high);
                    TStores.Store(low, destination + 2 * x, plane, planeEnd, width - 2 * x);
                    TStores.Store(high, destination + 2 * x + TSimd.Count, plane, planeEnd, width - 2 * x - TSimd.Count);
                }
            }
        }
    }
}
