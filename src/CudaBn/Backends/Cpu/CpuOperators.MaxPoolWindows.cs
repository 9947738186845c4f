using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

// The gradient of max-pooling with windows of any size, one beside the other or overlapping: neighbouring inputs of a row are
// the lanes of a register, which look at the windows that they may have won.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>For every row of inputs, which windows its even and its odd columns may have won, and at which place: the same
    /// in every plane.</summary>
    private readonly struct WindowTaps
    {
        private readonly PoolGeometry _g;
        private readonly Tap* _taps;
        private readonly int* _counts;
        private readonly int _tapsPerRow;

        public WindowTaps(PoolGeometry g, ScratchMemory memory)
        {
            _g = g;
            // The first column looks at windows up to (window - 1 - padding) / stride to its left, the last one up to
            // padding / stride to its right; registers may start before the last column and end after it.
            Margin = CeilDiv(g.WindowWidth, g.StrideX);
            var columns = CeilDiv(CeilDiv(g.InWidth, g.StrideX), TSimd.Count) * TSimd.Count;
            Step = Margin + Math.Max(g.OutWidth, columns) + CeilDiv(g.PaddingX + 1, g.StrideX) + TSimd.Count;
            var rows = (long)g.InDepth * g.InHeight;
            // At most 256: places are bytes.
            _tapsPerRow = g.WindowDepth * g.WindowHeight * g.WindowWidth;
            _taps = memory.Get<Tap>(rows * _tapsPerRow + CeilDiv(2 * rows * sizeof(int), sizeof(Tap)));
            _counts = (int*)(_taps + rows * _tapsPerRow);
            for (var row = 0; row < rows; row++)
            {
                var taps = _taps + (long)row * _tapsPerRow;
                _counts[2 * row] = Find(row, parity: 0, taps);
                _counts[2 * row + 1] = g.StrideX == 1 ? 0 : Find(row, parity: 1, taps + _counts[2 * row]);
            }
        }

        /// <summary>Elements from a row of windows to the next.</summary>
        public int Step { get; }

        /// <summary>Elements before the first window of a row.</summary>
        public int Margin { get; }

        /// <summary>Those of the columns x * stride + parity of a row.</summary>
        public ReadOnlySpan<Tap> Of(int row, int parity) => new(
            _taps + (long)row * _tapsPerRow + (parity == 0 ? 0 : _counts[2 * row]), _counts[2 * row + parity]);

        private int Find(int row, int parity, Tap* taps)
        {
            var (inSlice, inRow) = Math.DivRem(row, _g.InHeight);
            var count = 0;
            for (var d = _g.WindowDepth - 1; d >= 0; d--)
            {
                var (z, offZ) = Math.DivRem(inSlice + _g.PaddingZ - d, _g.StrideZ);
                if (offZ != 0 || z < 0 || z >= _g.OutDepth)
                    continue;
                for (var i = _g.WindowHeight - 1; i >= 0; i--)
                {
                    var (y, offY) = Math.DivRem(inRow + _g.PaddingY - i, _g.StrideY);
                    if (offY != 0 || y < 0 || y >= _g.OutHeight)
                        continue;
                    for (var j = _g.WindowWidth - 1; j >= 0; j--)
                    {
                        // At place j of window x + (parity + padding - j) / stride.
                        if ((parity + _g.PaddingX - j) % _g.StrideX != 0)
                            continue;
                        taps[count++] = new Tap(
                            (z * _g.OutHeight + y) * (nint)Step + Margin + (parity + _g.PaddingX - j) / _g.StrideX,
                            T.CreateTruncating((d * _g.WindowHeight + i) * _g.WindowWidth + j));
                    }
                }
            }

            return count;
        }
    }

    /// <summary>A window seen from an input, and the place that the input has there.</summary>
    private readonly record struct Tap(nint Offset, T Place);

    /// <summary>The gradients and places of a plane of windows with room around them, so that every input finds those of
    /// the windows that it may have won at a fixed distance, whether there are such windows or not.</summary>
    private readonly struct WindowLanes
    {
        private readonly PoolGeometry _g;
        private readonly WindowTaps _taps;
        private readonly T* _gradients;
        private readonly T* _places;

        public WindowLanes(PoolGeometry g, WindowTaps taps, ScratchMemory memory)
        {
            (_g, _taps) = (g, taps);
            var elements = (long)taps.Step * g.OutDepth * g.OutHeight;
            _gradients = memory.Get<T>(2 * elements);
            _places = _gradients + elements;
            for (long first = 0; first < elements; first += taps.Step)
            {
                new Span<T>(_gradients + first, taps.Step).Clear();
                new Span<T>(_places + first, taps.Step).Fill(-T.One);
            }
        }

        /// <summary>Writes the input's gradient of a plane: at every place the sum over the windows that it won.</summary>
        public void Spread(byte* places, T* gradients, T* destination)
        {
            for (var row = 0; row < _g.OutDepth * _g.OutHeight; row++)
                CopyRow(places + (long)row * _g.OutWidth, gradients + (long)row * _g.OutWidth, row);
            var rows = _g.InDepth * _g.InHeight;
            var wholeRows = WholeRows(rows, _g.InWidth, _g.StrideX * TSimd.Count);
            Spread<WholeStores>(destination, 0, wholeRows);
            Spread<EndingStores>(destination, wholeRows, rows);
        }

        [MethodImpl(Compiled.AsLoop)]
        private void CopyRow(byte* places, T* gradients, int row)
        {
            var first = (long)row * _taps.Step + _taps.Margin;
            for (var x = 0; x < _g.OutWidth; x += TSimd.Count)
            {
                // Behind the last window there is none.
                var inside = FirstLanes(_g.OutWidth - x);
                TSimd.Store(TSimd.And(inside, TSimd.Load(gradients + x)), _gradients + first + x);
                TSimd.Store(
                    TSimd.Select(inside, TSimd.LoadBytes(places + x), TSimd.Create(-T.One)), _places + first + x);
            }
        }

        [MethodImpl(Compiled.AsLoop)]
        private void Spread<TStores>(T* plane, int firstRow, int endRow)
            where TStores : struct, IRowStores
        {
            int width = _g.InWidth, stride = _g.StrideX;
            var planeEnd = plane + (long)_g.InDepth * _g.InHeight * width;
            for (var row = firstRow; row < endRow; row++)
            {
                var destination = plane + (long)row * width;
                ReadOnlySpan<Tap> taps = _taps.Of(row, parity: 0), oddTaps = _taps.Of(row, parity: 1);
                for (int x = 0, column = 0; column < width; x += TSimd.Count, column += stride * TSimd.Count)
                {
                    var even = Sum(taps, x);
                    if (stride == 1)
                    {
                        TStores.Store(even, destination + column, plane, planeEnd, width - column);
                        continue;
                    }

                    TSimd.Interleave(even, Sum(oddTaps, x), out var low, out var high);
                    TStores.Store(low, destination + column, plane, planeEnd, width - column);
                    TStores.Store(
                        high, destination + column + TSimd.Count, plane, planeEnd, width - column - TSimd.Count);
                }
            }
        }

        /// <summary>What the windows give to a register of inputs, in the order of the windows.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private TVector Sum(ReadOnlySpan<Tap> taps, int x)
        {
            var sum = TSimd.Zero;
            foreach (ref readonly var tap in taps)
            {
                var at = tap.Offset + x;
                var won = TSimd.Equal(TSimd.Load(_places + at), TSimd.Create(tap.Place));
                sum = TSimd.Select(won, TSimd.Add(sum, TSimd.Load(_gradients + at)), sum);
            }

            return sum;
        }
    }
}
