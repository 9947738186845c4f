using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;
using static CudaBn.Backends.Cpu.CacheLines;

namespace CudaBn.Backends.Cpu;

// Windows of any size and step, one beside the other or overlapping, in planes of any width: neighbouring windows are the lanes
// of a register, which goes on from a row of windows to the next. Max-pooling looks at them so, and depthwise convolution.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>Where what some rows of windows see lies, with padding around it: inputs apart by the row and the column that
    /// they have within a step, so that a place of all windows, one after the other, is at consecutive elements. Of small planes
    /// it is that of several, one under the other.</summary>
    private readonly struct WindowPhases
    {
        /// <summary>What the windows of a band see stays in the first-level cache, about.</summary>
        private const int ElementsOfBand = 6 * 1024;

        private readonly PoolGeometry _g;
        private readonly nint* _offsets;
        private readonly IndexRange* _inside;
        private readonly int _rowPhases;
        private readonly int _columnPhases;

        // Elements of a phase. A register that ends behind it must not reach into the next one.
        private readonly nint _phase;

        // What padding counts as.
        private readonly T _padding;

        public WindowPhases(PoolGeometry g, T padding, ScratchMemory memory)
            : this(g, padding, memory.Get<nint>(TableLength(g)), ElementsOfBand)
        {
        }

        /// <param name="g">The windows.</param>
        /// <param name="padding">What padding counts as.</param>
        /// <param name="table">Of <see cref="TableLength"/>.</param>
        /// <param name="elements">What the windows of a band see, about.</param>
        public WindowPhases(PoolGeometry g, T padding, nint* table, int elements)
        {
            (_g, _padding) = (g, padding);
            Places = g.WindowDepth * g.WindowHeight * g.WindowWidth;
            (_rowPhases, _columnPhases) = (Math.Min(g.StrideY, g.WindowHeight), Math.Min(g.StrideX, g.WindowWidth));
            Pitch = g.OutWidth + (g.WindowWidth - 1) / g.StrideX;
            var rowsBelow = (g.WindowHeight - 1) / g.StrideY;
            var phases = g.WindowDepth * _rowPhases * _columnPhases;
            var mostRows = Math.Max(1, elements / ((long)Pitch * phases));
            Rows = (int)Math.Clamp(mostRows - rowsBelow, 1, g.OutHeight);
            PlaneStep = (nint)(Rows + rowsBelow) * Pitch;
            Planes = Rows == g.OutHeight && g.OutDepth == 1 ? (int)Math.Max(1, mostRows / (Rows + rowsBelow)) : 1;
            _phase = Planes * PlaneStep + TSimd.Count;
            Elements = phases * _phase;

            _offsets = table;
            for (var place = 0; place < Places; place++)
            {
                var (line, j) = Math.DivRem(place, g.WindowWidth);
                var (d, i) = Math.DivRem(line, g.WindowHeight);
                _offsets[place] = PhaseOf(d, i % g.StrideY) + j % g.StrideX * _phase + (nint)(i / g.StrideY) * Pitch
                    + j / g.StrideX;
            }

            _inside = (IndexRange*)(_offsets + Places);
            for (var j = 0; j < _columnPhases; j++)
            {
                _inside[j] = new(
                    Math.Min(CeilDiv(Math.Max(0, g.PaddingX - j), g.StrideX), Pitch),
                    Math.Min(CeilDiv(Math.Max(0, g.InWidth + g.PaddingX - j), g.StrideX), Pitch));
            }
        }

        /// <summary>Places of a window.</summary>
        public int Places { get; }

        /// <summary>Rows of windows of a band of a plane.</summary>
        public int Rows { get; }

        /// <summary>Planes of a band, whose rows are then all of theirs.</summary>
        public int Planes { get; }

        /// <summary>Elements from a row of windows to the next; those behind the last window are no window's.</summary>
        public int Pitch { get; }

        /// <summary>Elements from a plane to the next.</summary>
        public nint PlaneStep { get; }

        /// <summary>Room for what a band sees.</summary>
        public nint Elements { get; }

        /// <summary>Where what windows have at each place begins.</summary>
        public nint* Offsets => _offsets;

        /// <summary>Numbers in the tables of windows.</summary>
        public static long TableLength(PoolGeometry g) =>
            g.WindowPlaces + (long)Math.Min(g.StrideX, g.WindowWidth) * sizeof(IndexRange) / sizeof(nint);

        /// <summary>Copies what the windows of some rows see of a plane.</summary>
        [MethodImpl(Compiled.AsLoop)]
        public void Fill(T* plane, int z, int firstRow, int rows, T* room)
        {
            var g = _g;
            int front = z * g.StrideZ - g.PaddingZ, top = firstRow * g.StrideY - g.PaddingY;
            var seen = (rows - 1) * g.StrideY + g.WindowHeight;
            for (var d = 0; d < g.WindowDepth; d++)
            {
                var isSliceInside = (uint)(front + d) < (uint)g.InDepth;
                var source = plane + ((long)(front + d) * g.InHeight + top) * g.InWidth;
                var destination = room + PhaseOf(d, 0);
                if (g.StrideX == 1 && g.StrideY == 1)
                {
                    CopyRows(source, isSliceInside ? top : -seen, seen, destination);
                    continue;
                }

                for (var first = 0; first < seen; first += g.StrideY, destination += Pitch)
                {
                    for (var i = 0; i < _rowPhases && first + i < seen; i++)
                    {
                        var row = destination + PhaseOf(0, i);
                        if (isSliceInside && (uint)(top + first + i) < (uint)g.InHeight)
                            CopyRow(source + (long)(first + i) * g.InWidth, row);
                        else
                            FillRow(row);
                    }
                }
            }
        }

        private nint PhaseOf(int slice, int row) => ((nint)slice * _rowPhases + row) * _columnPhases * _phase;

        private void FillRow(T* row)
        {
            for (var j = 0; j < _columnPhases; j++)
                new Span<T>(row + j * _phase, Pitch).Fill(_padding);
        }

        /// <summary>Rows of a slice of which the first is at <paramref name="top"/>, at steps of one. Looking at every row as
        /// <see cref="CopyRow"/> does takes longer than copying a short one.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void CopyRows(T* source, int top, int count, T* destination)
        {
            int start = Math.Clamp(-top, 0, count), end = Math.Clamp(_g.InHeight - top, start, count);
            int pitch = Pitch, width = _g.InWidth, copied = Math.Min(width, pitch - _g.PaddingX);
            var (before, behind) = (_inside[0].Start, pitch - _inside[0].End);
            new Span<T>(destination, start * pitch).Fill(_padding);
            T* row = destination + (nint)start * pitch, from = source + (long)start * width;
            for (var i = start; i < end; i++, row += pitch, from += width)
            {
                Pad(row, before);
                CopyWhole(from, row + before, copied);
                Pad(row + pitch - behind, behind);
            }

            new Span<T>(row, (count - end) * pitch).Fill(_padding);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void CopyRow(T* source, T* row)
        {
            for (var j = 0; j < _columnPhases; j++)
                Pad(row + j * _phase, _inside[j].Start);
            if (_g.StrideX == 1)
                CopyWhole(source, row + _g.PaddingX, Math.Min(_g.InWidth, Pitch - _g.PaddingX));
            else if (_g.StrideX == 2 && _columnPhases == 2)
                CopyPairs(source, row);
            else
                CopySpread(source, row);
            for (var j = 0; j < _columnPhases; j++)
                Pad(row + j * _phase + _inside[j].End, Pitch - _inside[j].End);
        }

        // A whole register is stored, over what is copied behind it, be it the next row. A single element is stored alone: a
        // register mostly crosses into another cache line, and takes as long as two of them or more.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Pad(T* destination, int count)
        {
            if (count == 1)
                *destination = _padding;
            else if (count > TSimd.Count)
                new Span<T>(destination, count).Fill(_padding);
            else if (count > 0)
                TSimd.Store(TSimd.Create(_padding), destination);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void CopyWhole(T* source, T* destination, int count)
        {
            for (var x = 0; x < count; x += TSimd.Count)
                TSimd.Store(TSimd.Load(source + x), destination + x);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void CopyPairs(T* source, T* row)
        {
            // Of an odd padding, the first input is in the second phase, one place before the others.
            var first = CeilDiv(_g.PaddingX, 2);
            var start = source + 2 * first - _g.PaddingX;
            T* even = row + first, odd = even + _phase;
            if (start != source)
                odd[-1] = *source;

            var pairs = Math.Min(Pitch - first, CeilDiv(_g.InWidth + _g.PaddingX - 2 * first, 2));
            for (var x = 0; x < pairs; x += TSimd.Count)
            {
                TSimd.Deinterleave(
                    TSimd.Load(start + 2 * x), TSimd.Load(start + 2 * x + TSimd.Count), out var low, out var high);
                TSimd.Store(low, even + x);
                TSimd.Store(high, odd + x);
            }
        }

        private void CopySpread(T* source, T* row)
        {
            for (var j = 0; j < _columnPhases; j++, row += _phase)
            {
                var (start, end) = (_inside[j].Start, _inside[j].End);
                var stride = _g.StrideX;
                var value = source + start * stride + j - _g.PaddingX;
                for (var x = start; x < end; x++, value += stride)
                    row[x] = *value;
            }
        }
    }

    /// <summary>Pools planes by way of their phases.</summary>
    private readonly struct MaximaOfPhases
    {
        private readonly PoolGeometry _g;
        private readonly WindowPhases _phases;
        private readonly T* _inputs;
        private readonly T* _maxima;
        private readonly T* _places;

        public MaximaOfPhases(PoolGeometry g, WindowPhases phases, ScratchMemory memory)
        {
            (_g, _phases) = (g, phases);
            var results = phases.Planes * phases.PlaneStep + 2 * TSimd.Count;
            _inputs = memory.Get<T>(phases.Elements + 2 * results);
            _maxima = _inputs + phases.Elements;
            _places = _maxima + results;
        }

        /// <summary>Pools some planes, one after the other in memory.</summary>
        public void Pool(T* planes, int count, T* output, byte* places)
        {
            for (var first = 0; first < count; first += _phases.Planes)
            {
                var band = new Band(first, Math.Min(_phases.Planes, count - first), 0, 0, 0);
                for (var z = 0; z < _g.OutDepth; z++)
                {
                    for (var y = 0; y < _g.OutHeight; y += _phases.Rows)
                    {
                        band = band with { Slice = z, FirstRow = y, Rows = Math.Min(_phases.Rows, _g.OutHeight - y) };
                        FindMaxima(planes, in band);
                        StoreMaxima(planes, in band, count, output, places);
                    }
                }
            }
        }

        private void FindMaxima(T* planes, in Band band)
        {
            for (var i = 0; i < band.Planes; i++)
            {
                _phases.Fill(
                    PlaneAt(planes, band.FirstPlane + i), band.Slice, band.FirstRow, band.Rows,
                    _inputs + i * _phases.PlaneStep);
            }

            var next = NextOf(planes, in band);
            var lanes = (band.Planes - 1) * _phases.PlaneStep + (nint)(band.Rows - 1) * _phases.Pitch + _g.OutWidth;
            if (MayHoldNaN(planes, in band))
                FindMaxima<AmongAll>(lanes, next);
            else
                FindMaxima<AmongNumbers>(lanes, next);
        }

        private IndexRange SlicesOf(in Band band)
        {
            var front = band.Slice * _g.StrideZ - _g.PaddingZ;
            return new(Math.Max(front, 0), Math.Min(front + _g.WindowDepth, _g.InDepth));
        }

        private IndexRange RowsOf(in Band band)
        {
            var top = band.FirstRow * _g.StrideY - _g.PaddingY;
            return new(Math.Max(top, 0), Math.Min(top + (band.Rows - 1) * _g.StrideY + _g.WindowHeight, _g.InHeight));
        }

        /// <summary>The first input behind those of a band in the last of its slices: of one slice, the next band begins there,
        /// or some rows before.</summary>
        private T* NextOf(T* planes, in Band band) =>
            PlaneAt(planes, band.FirstPlane + band.Planes - 1)
                + ((SlicesOf(in band).End - 1L) * _g.InHeight + RowsOf(in band).End) * _g.InWidth;

        /// <summary>Whether one of the inputs is not a number; perhaps also where one is infinite, or where one that no window
        /// sees is no number, which costs time alone.</summary>
        private bool MayHoldNaN(T* planes, in Band band)
        {
            IndexRange slices = SlicesOf(in band), rows = RowsOf(in band);
            var zeros = TSimd.Zero;
            for (var plane = band.FirstPlane; plane < band.FirstPlane + band.Planes; plane++)
            {
                for (var slice = slices.Start; slice < slices.End; slice++)
                {
                    var first = PlaneAt(planes, plane) + ((long)slice * _g.InHeight + rows.Start) * _g.InWidth;
                    zeros = TSimd.Add(zeros, ZerosOf(first, (long)(rows.End - rows.Start) * _g.InWidth));
                }
            }

            return T.IsNaN(TSimd.Sum(zeros));
        }

        /// <summary>Numbers times 0 are 0; infinities and what is not a number are NaN.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private static TVector ZerosOf(T* values, long count)
        {
            TVector a = TSimd.Zero, b = a, c = a, d = a;
            long i = 0;
            for (; i + 4 * TSimd.Count <= count; i += 4 * TSimd.Count)
            {
                a = TSimd.MultiplyAdd(TSimd.Load(values + i), TSimd.Zero, a);
                b = TSimd.MultiplyAdd(TSimd.Load(values + i + TSimd.Count), TSimd.Zero, b);
                c = TSimd.MultiplyAdd(TSimd.Load(values + i + 2 * TSimd.Count), TSimd.Zero, c);
                d = TSimd.MultiplyAdd(TSimd.Load(values + i + 3 * TSimd.Count), TSimd.Zero, d);
            }

            for (; i < count; i += TSimd.Count)
                a = TSimd.MultiplyAdd(TSimd.And(FirstLanes(count - i), TSimd.Load(values + i)), TSimd.Zero, a);
            return TSimd.Add(TSimd.Add(a, b), TSimd.Add(c, d));
        }

        private void StoreMaxima(T* planes, in Band band, int count, T* output, byte* places)
        {
            long rows = (long)count * _g.OutDepth * _g.OutHeight, end = rows * _g.OutWidth;
            var wholeRows = WholeRows(rows, _g.OutWidth, TSimd.Count);
            for (var i = 0; i < band.Planes; i++)
            {
                var row = ((long)(band.FirstPlane + i) * _g.OutDepth + band.Slice) * _g.OutHeight + band.FirstRow;
                var whole = (int)Math.Clamp(wholeRows - row, 0, band.Rows);
                var (at, first) = (i * _phases.PlaneStep, row * _g.OutWidth);
                var infinite = Store<WholeStores>(at, whole, output, places, first, end);
                if (whole < band.Rows)
                {
                    infinite = TSimd.Or(
                        infinite,
                        Store<EndingStores>(
                            at + (nint)whole * _phases.Pitch, band.Rows - whole, output, places,
                            first + (long)whole * _g.OutWidth, end));
                }

                // Nothing is greater than padding there, which has no place.
                if (TSimd.Sum(infinite) > T.Zero)
                    FindPlaces(PlaneAt(planes, band.FirstPlane + i), in band, output + first, places + first);
            }
        }

        private T* PlaneAt(T* planes, int plane) => planes + plane * _g.InPlaces;

        [MethodImpl(Compiled.AsLoop)]
        private void FindMaxima<TWinners>(nint lanes, T* next)
            where TWinners : struct, IWinners
        {
            var registers = (lanes + TSimd.Count - 1) / TSimd.Count;
            // Where rows lie between windows, nothing is prefetched.
            var inputs = _g.StrideY <= _g.WindowHeight ? (nint)_g.StrideY * _g.StrideX * TSimd.Count : 0;
            nint register = 0;
            for (; register + 4 <= registers; register += 4)
            {
                // What the next band sees arrives while this one is computed.
                for (var ahead = register * inputs; ahead < (register + 4) * inputs; ahead += CacheLines.Bytes / sizeof(T))
                    PrefetchSecondLevel(next + ahead);
                FindFour<TWinners>(register * TSimd.Count);
            }

            for (; register < registers; register++)
                FindOne<TWinners>(register * TSimd.Count);
        }

        // Four at once, for every comparison waits for the one before it.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void FindFour<TWinners>(nint at)
            where TWinners : struct, IWinners
        {
            TVector a = TSimd.Create(T.NegativeInfinity), b = a, c = a, d = a;
            TVector ofA = TSimd.Zero, ofB = ofA, ofC = ofA, ofD = ofA;
            TVector place = TSimd.Zero, one = TSimd.Create(T.One);
            var offsets = _phases.Offsets;
            var start = _inputs + at;
            var count = _phases.Places;
            for (var i = 0; i < count; i++)
            {
                var inputs = start + offsets[i];
                TWinners.Take(TSimd.Load(inputs), place, ref a, ref ofA);
                TWinners.Take(TSimd.Load(inputs + TSimd.Count), place, ref b, ref ofB);
                TWinners.Take(TSimd.Load(inputs + 2 * TSimd.Count), place, ref c, ref ofC);
                TWinners.Take(TSimd.Load(inputs + 3 * TSimd.Count), place, ref d, ref ofD);
                place = TSimd.Add(place, one);
            }

            Keep(a, ofA, at);
            Keep(b, ofB, at + TSimd.Count);
            Keep(c, ofC, at + 2 * TSimd.Count);
            Keep(d, ofD, at + 3 * TSimd.Count);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void FindOne<TWinners>(nint at)
            where TWinners : struct, IWinners
        {
            var maxima = TSimd.Create(T.NegativeInfinity);
            TVector places = TSimd.Zero, place = TSimd.Zero, one = TSimd.Create(T.One);
            var offsets = _phases.Offsets;
            var start = _inputs + at;
            var count = _phases.Places;
            for (var i = 0; i < count; i++)
            {
                TWinners.Take(TSimd.Load(start + offsets[i]), place, ref maxima, ref places);
                place = TSimd.Add(place, one);
            }

            Keep(maxima, places, at);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Keep(TVector maxima, TVector places, nint at)
        {
            TSimd.Store(maxima, _maxima + at);
            TSimd.Store(places, _places + at);
        }

        /// <summary>Writes rows of a band, which start at some place of the results.</summary>
        /// <returns>Above 0 where a maximum is -infinity.</returns>
        [MethodImpl(Compiled.AsLoop)]
        private TVector Store<TStores>(nint at, int rows, T* output, byte* places, long first, long count)
            where TStores : struct, IRowStores
        {
            int width = _g.OutWidth, pitch = _phases.Pitch;
            T* maxima = _maxima + at, numbers = _places + at, destination = output + first;
            TVector infinite = TSimd.Zero, one = TSimd.Create(T.One), infinity = TSimd.Create(T.NegativeInfinity);
            for (var row = 0; row < rows; row++, maxima += pitch, numbers += pitch, destination += width)
            {
                for (var x = 0; x < width; x += TSimd.Count)
                {
                    var values = TSimd.Load(maxima + x);
                    var isInfinite = TSimd.And(FirstLanes(width - x), TSimd.Equal(values, infinity));
                    infinite = TSimd.Or(infinite, TSimd.And(isInfinite, one));
                    TStores.Store(values, destination + x, output, output + count, width - x);
                    TStores.StoreBytes(
                        TSimd.Load(numbers + x), places + (destination - output) + x, places, places + count, width - x);
                }
            }

            return infinite;
        }

        private void FindPlaces(T* plane, in Band band, T* output, byte* places)
        {
            for (var y = band.FirstRow; y < band.FirstRow + band.Rows; y++)
            {
                var window = WindowRows.Of(_g, band.Slice, y);
                for (var x = 0; x < _g.OutWidth; x++, output++, places++)
                {
                    if (T.IsNegativeInfinity(*output))
                        PoolWindow(_g, plane, window, x, places);
                }
            }
        }
    }

    /// <summary>Rows of windows of a slice of some planes.</summary>
    private readonly record struct Band(int FirstPlane, int Planes, int Slice, int FirstRow, int Rows);

    /// <summary>Which of two values is the maximum.</summary>
    private interface IWinners
    {
        /// <summary>Takes a value and its place where it wins against the best so far.</summary>
        static abstract void Take(TVector value, TVector place, ref TVector best, ref TVector places);
    }

    /// <summary>Where there is no NaN.</summary>
    private readonly struct AmongNumbers : IWinners
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Take(TVector value, TVector place, ref TVector best, ref TVector places)
        {
            places = TSimd.Select(TSimd.GreaterThan(value, best), place, places);
            best = TSimd.Greater(value, best);
        }
    }

    /// <summary>The first NaN wins.</summary>
    private readonly struct AmongAll : IWinners
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Take(TVector value, TVector place, ref TVector best, ref TVector places) =>
            CpuOperators<TSimd, TVector, T>.Take(value, place, ref best, ref places);
    }
}
