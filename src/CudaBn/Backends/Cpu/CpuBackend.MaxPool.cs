using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public override void MaxPoolForward(in MaxPoolForwardArgs args)
    {
        lock (_gate)
            For(args.Input.DType).MaxPoolForward(in args);
    }

    /// <inheritdoc/>
    public override void MaxPoolBackward(in MaxPoolBackwardArgs args)
    {
        lock (_gate)
            For(args.GradOutput.DType).MaxPoolBackward(in args);
    }
}

internal abstract partial class CpuOperators
{
    public abstract void MaxPoolForward(in MaxPoolForwardArgs args);

    public abstract void MaxPoolBackward(in MaxPoolBackwardArgs args);
}

internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    public override void MaxPoolForward(in MaxPoolForwardArgs args)
    {
        var g = args.Geometry.SlicesAsPlanes;
        var chunks = PlaneChunks(g.Planes, g.InPlaces);
        var argMax = args.ArgMax.Address;
        if (g.ArgMaxType == DType.UInt8)
        {
            var job = new MaxPoolForwardJob<byte>(this, g, Data(args.Input), Data(args.Output), (byte*)argMax, chunks);
            _pool.Run(ref job, chunks);
        }
        else
        {
            var job = new MaxPoolForwardJob<int>(this, g, Data(args.Input), Data(args.Output), (int*)argMax, chunks);
            _pool.Run(ref job, chunks);
        }
    }

    public override void MaxPoolBackward(in MaxPoolBackwardArgs args)
    {
        var g = args.Geometry.SlicesAsPlanes;
        var chunks = PlaneChunks(g.Planes, g.InPlaces);
        if (g.ArgMaxType == DType.UInt8)
        {
            var job = new MaxPoolBackwardJob<byte>(
                this, g, (byte*)args.ArgMax.Address, Data(args.GradOutput), Data(args.GradInput), chunks);
            _pool.Run(ref job, chunks);
        }
        else
        {
            var job = new MaxPoolBackwardJob<int>(
                this, g, (int*)args.ArgMax.Address, Data(args.GradOutput), Data(args.GradInput), chunks);
            _pool.Run(ref job, chunks);
        }
    }

    /// <summary>Planes are shared out in chunks of about <see cref="ElementsPerChunk"/> elements.</summary>
    private static int PlaneChunks(long planes, long elementsPerPlane) =>
        (int)Math.Clamp(planes * elementsPerPlane / ElementsPerChunk, 1, Math.Min(planes, 1 << 20));

    /// <summary>Whether windows are 2 x 2 side by side, by far the most common, which have a path in registers.</summary>
    private static bool IsPairs(PoolGeometry g) => TSimd.Count > 1 && g.IsPairs;

    /// <summary>Whether every input lies in a window of 2 x 2. Planes one after the other are then one tall
    /// plane.</summary>
    private static bool IsPairsOnly(PoolGeometry g) => TSimd.Count > 1 && g.IsPairsOnly;

    /// <summary>Whether windows are pooled in lanes. Where a window is most of a plane, most lanes are no window's.</summary>
    private static bool HasPhases<TIndex>(PoolGeometry g) =>
        TSimd.Count > 1 && typeof(TIndex) == typeof(byte) && !g.IsPairs
        && CeilDiv(g.InHeight, g.StrideY) * (long)CeilDiv(g.InWidth, g.StrideX)
            < 2L * TSimd.Count * g.OutHeight * g.OutWidth;

    /// <summary>Whether the gradients of windows are taken in lanes.</summary>
    private static bool HasLanesOfWindows<TIndex>(PoolGeometry g) =>
        TSimd.Count > 1 && typeof(TIndex) == typeof(byte) && g.StrideX <= 2;

    /// <summary>Makes <paramref name="best"/> the maximum of itself and the other three, lane by lane; returns which of
    /// the four it was. A later one wins when greater, or when NaN and the best so far is not.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector MaximumOf(ref TVector best, TVector second, TVector third, TVector fourth)
    {
        var place = TSimd.Zero;
        Take(second, Number(1), ref best, ref place);
        Take(third, Number(2), ref best, ref place);
        Take(fourth, Number(3), ref best, ref place);
        return place;
    }

    /// <summary>Takes a value where it wins; returns where that is. Nothing wins against NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Take(TVector value, TVector number, ref TVector best, ref TVector place)
    {
        var wins = TSimd.And(TSimd.NotLessOrEqual(value, best), TSimd.Equal(best, best));
        best = TSimd.Select(wins, value, best);
        place = TSimd.Select(wins, number, place);
        return wins;
    }

    /// <summary>How registers at the end of a row of a plane are stored. Whatever a whole one writes past it, the next row
    /// overwrites; only at the end of the plane there is none.</summary>
    private interface IRowStores
    {
        /// <summary>Stores a register of a plane from start to end; as many elements are needed as there are up to the end
        /// of the row, which may be more than a register's, or none.</summary>
        static abstract void Store(TVector value, T* destination, T* start, T* end, int needed);

        /// <summary>The same of whole numbers as bytes.</summary>
        static abstract void StoreBytes(TVector value, byte* destination, byte* start, byte* end, int needed);
    }

    /// <summary>Whole registers. Without a call in the loop, its constants stay in registers.</summary>
    private readonly struct WholeStores : IRowStores
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Store(TVector value, T* destination, T* start, T* end, int needed) =>
            TSimd.Store(value, destination);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void StoreBytes(TVector value, byte* destination, byte* start, byte* end, int needed) =>
            TSimd.StoreBytes(value, destination);
    }

    /// <summary>For rows at the end of a plane: what would be written past it is pulled back over elements that are
    /// stored already, and keep their values.</summary>
    private readonly struct EndingStores : IRowStores
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Store(TVector value, T* destination, T* start, T* end, int needed)
        {
            if (destination + TSimd.Count <= end)
                TSimd.Store(value, destination);
            else if (end - TSimd.Count >= start)
                TSimd.Store(Pulled(value, TSimd.Load(end - TSimd.Count), end - destination), end - TSimd.Count);
            else
                StorePart(value, destination, needed);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void StoreBytes(TVector value, byte* destination, byte* start, byte* end, int needed)
        {
            if (destination + TSimd.Count <= end)
                TSimd.StoreBytes(value, destination);
            else if (end - TSimd.Count >= start)
                TSimd.StoreBytes(
                    Pulled(value, TSimd.LoadBytes(end - TSimd.Count), end - destination), end - TSimd.Count);
            else
                StoreBytesPart(value, destination, needed);
        }

        /// <summary>The lanes before the end as the last ones of what is stored there.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static TVector Pulled(TVector value, TVector stored, long toEnd)
        {
            var lanes = Math.Max(toEnd, 0);
            var pair = new Pair { First = stored, Second = value };
            return TSimd.Select(FirstLanes(TSimd.Count - lanes), stored, TSimd.Load((T*)&pair + lanes));
        }

        [StructLayout(LayoutKind.Sequential)]
        private struct Pair
        {
            public TVector First;
            public TVector Second;
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void StorePart(TVector value, T* destination, int needed)
        {
            for (var i = 0; i < Math.Min(needed, TSimd.Count); i++)
                destination[i] = ((T*)&value)[i];
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void StoreBytesPart(TVector value, byte* destination, int needed)
        {
            var bytes = stackalloc byte[TSimd.Count];
            TSimd.StoreBytes(value, bytes);
            for (var i = 0; i < Math.Min(needed, TSimd.Count); i++)
                destination[i] = bytes[i];
        }
    }

    /// <summary>How many of the rows of a plane may be stored in whole registers, each of them starting where the one
    /// before ends.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="width">Their elements.</param>
    /// <param name="lanes">The elements that are stored at a time.</param>
    private static int WholeRows(long rows, long width, int lanes)
    {
        var room = rows * width - CeilDiv(width, lanes) * lanes;
        return room < 0 ? 0 : (int)Math.Min(room / width + 1, rows);
    }

    private readonly struct MaxPoolForwardJob<TIndex>(
        CpuOperators<TSimd, TVector, T> operators, PoolGeometry g, T* input, T* output, TIndex* argMax, int chunks) : IChunkJob
        where TIndex : unmanaged
    {
        private readonly WindowPhases _phases =
            HasPhases<TIndex>(g) ? new WindowPhases(g, T.NegativeInfinity, operators._shared) : default;

        private readonly ShortPairRows _shortRows = IsPairsOnly(g) ? new(g.OutWidth) : default;

        public void Run(int chunk, int worker)
        {
            long start = chunk * g.Planes / chunks, end = (chunk + 1L) * g.Planes / chunks;
            if (IsPairsOnly(g))
            {
                PoolPairs(start, (int)(end - start) * g.OutHeight);
                return;
            }

            if (IsPairs(g))
            {
                for (var plane = start; plane < end; plane++)
                    PoolPairs(plane, g.OutHeight);
                return;
            }

            var source = input + start * g.InPlaces;
            var first = start * g.OutDepth * g.OutHeight * g.OutWidth;
            if (HasPhases<TIndex>(g))
            {
                new MaximaOfPhases(g, _phases, operators._perWorker[worker]).Pool(
                    source, (int)(end - start), output + first, (byte*)(argMax + first));
                return;
            }

            PoolWindows(source, (int)(end - start), output + first, argMax + first);
        }

        private void PoolPairs(long plane, int rows)
        {
            var first = plane * g.OutHeight * g.OutWidth;
            var source = input + plane * g.InHeight * g.InWidth;
            var wholeRows = WholeRows(rows, g.OutWidth, TSimd.Count);
            var outputs = (long)rows * g.OutWidth;
            if (_shortRows.Fit(rows))
                PoolShortPairs(source, output + first, (byte*)(argMax + first), wholeRows, rows);
            else
                PoolPairs<WholeStores>(source, output + first, (byte*)(argMax + first), 0, wholeRows, outputs);
            PoolPairs<EndingStores>(source, output + first, (byte*)(argMax + first), wholeRows, rows, outputs);
        }

        [MethodImpl(Compiled.AsLoop)]
        private void PoolPairs<TStores>(
            T* source, T* destination, byte* indices, int firstRow, int endRow, long outputs)
            where TStores : struct, IRowStores
        {
            for (var y = firstRow; y < endRow; y++)
            {
                T* top = source + 2L * y * g.InWidth, bottom = top + g.InWidth;
                var row = (long)y * g.OutWidth;
                for (var x = 0; x < g.OutWidth; x += TSimd.Count)
                {
                    TSimd.Deinterleave(
                        TSimd.Load(top + 2 * x), TSimd.Load(top + 2 * x + TSimd.Count), out var a, out var b);
                    TSimd.Deinterleave(
                        TSimd.Load(bottom + 2 * x), TSimd.Load(bottom + 2 * x + TSimd.Count), out var c, out var d);
                    var place = MaximumOf(ref a, b, c, d);
                    TStores.Store(a, destination + row + x, destination, destination + outputs, g.OutWidth - x);
                    TStores.StoreBytes(place, indices + row + x, indices, indices + outputs, g.OutWidth - x);
                }
            }
        }

        /// <summary>Rows of <see cref="PoolPairs(long, int)"/> that may be stored whole, several at a time.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private void PoolShortPairs(T* source, T* destination, byte* indices, int wholeRows, int rows)
        {
            var shortRows = _shortRows;
            for (var y = 0; y < wholeRows; y += shortRows.Rows)
            {
                var at = (long)Math.Min(y, rows - shortRows.Rows) * g.OutWidth;
                shortRows.Load(source + 4 * at, out var a, out var b, out var c, out var d);
                var place = MaximumOf(ref a, b, c, d);
                TSimd.Store(a, destination + at);
                TSimd.StoreBytes(place, indices + at);
            }
        }

        private void PoolWindows(T* source, int planes, T* destination, TIndex* indices)
        {
            for (var plane = 0; plane < planes; plane++, source += g.InPlaces)
            {
                for (var z = 0; z < g.OutDepth; z++)
                {
                    for (var y = 0; y < g.OutHeight; y++)
                    {
                        var rows = WindowRows.Of(g, z, y);
                        for (var x = 0; x < g.OutWidth; x++)
                            *destination++ = PoolWindow(g, source, rows, x, indices++);
                    }
                }
            }
        }
    }

    private static T PoolWindow<TIndex>(PoolGeometry g, T* source, WindowRows rows, int x, TIndex* index)
        where TIndex : unmanaged
    {
        var left = x * g.StrideX - g.PaddingX;
        int columnStart = Math.Max(0, -left), columnEnd = Math.Min(g.WindowWidth, g.InWidth - left);
        var best = source[rows.RowOf(g, rows.SliceStart, rows.RowStart) * g.InWidth + left + columnStart];
        var place = (rows.SliceStart * g.WindowHeight + rows.RowStart) * g.WindowWidth + columnStart;
        for (var slice = rows.SliceStart; slice < rows.SliceEnd; slice++)
        {
            for (var row = rows.RowStart; row < rows.RowEnd; row++)
            {
                var values = source + (rows.RowOf(g, slice, row) * g.InWidth + left);
                for (var column = columnStart; column < columnEnd; column++)
                {
                    var value = values[column];
                    if (value > best || (T.IsNaN(value) && !T.IsNaN(best)))
                    {
                        best = value;
                        place = (slice * g.WindowHeight + row) * g.WindowWidth + column;
                    }
                }
            }
        }

        if (typeof(TIndex) == typeof(byte))
            *(byte*)index = (byte)place;
        else
            *(int*)index = place;
        return best;
    }

    private readonly struct MaxPoolBackwardJob<TIndex>(
        CpuOperators<TSimd, TVector, T> operators, PoolGeometry g, TIndex* argMax, T* gradOutput, T* gradInput, int chunks) : IChunkJob
        where TIndex : unmanaged
    {
        // Rows that fill most of a register need no map.
        private readonly UnpoolMap _map =
            IsPairsOnly(g) && 2 * g.OutWidth <= TSimd.Count ? new UnpoolMap(g, operators._packed) : default;

        private readonly WindowTaps _taps =
            !IsPairsOnly(g) && HasLanesOfWindows<TIndex>(g) ? new WindowTaps(g, operators._shared) : default;

        public void Run(int chunk, int worker)
        {
            long start = chunk * g.Planes / chunks, end = (chunk + 1L) * g.Planes / chunks;
            if (_map.Registers > 0)
            {
                for (var plane = start; plane < end; plane++)
                    SpreadFlat(plane);
                return;
            }

            if (IsPairsOnly(g))
            {
                SpreadPairs(start, (int)(end - start) * g.OutHeight);
                return;
            }

            var inLanes = HasLanesOfWindows<TIndex>(g);
            var lanes = inLanes ? new WindowLanes(g, _taps, operators._perWorker[worker]) : default;
            for (var plane = start; plane < end; plane++)
            {
                var destination = gradInput + plane * g.InPlaces;
                var first = plane * g.OutDepth * g.OutHeight * g.OutWidth;
                if (inLanes)
                    lanes.Spread((byte*)(argMax + first), gradOutput + first, destination);
                else
                    SpreadWindows(argMax + first, gradOutput + first, destination);
            }
        }

        /// <summary>A plane as one row.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private void SpreadFlat(long plane)
        {
            var destination = gradInput + plane * g.InHeight * g.InWidth;
            var gradients = gradOutput + plane * g.OutHeight * g.OutWidth;
            var places = (byte*)(argMax + plane * g.OutHeight * g.OutWidth);
            for (var i = 0; i < _map.Registers; i++)
                TSimd.Store(_map.GradientOf(i, places, gradients), destination + _map.Start(i));
        }

        private void SpreadPairs(long plane, int rows)
        {
            var first = plane * g.OutHeight * g.OutWidth;
            var destination = gradInput + plane * g.InHeight * g.InWidth;
            // Two rows of the input for each of the output.
            var wholeRows = WholeRows(2 * rows, g.InWidth, BlockLanes) / 2;
            byte* places = (byte*)(argMax + first);
            SpreadPairs<WholeStores>(places, gradOutput + first, destination, 0, wholeRows, rows);
            SpreadPairs<EndingStores>(places, gradOutput + first, destination, wholeRows, rows, rows);
        }

        [MethodImpl(Compiled.AsLoop)]
        private void SpreadPairs<TStores>(
            byte* places, T* gradients, T* destination, int firstRow, int endRow, int rows)
            where TStores : struct, IRowStores
        {
            T* planeEnd = destination + 2L * rows * g.InWidth;
            for (var y = firstRow; y < endRow; y++)
            {
                // Row by row: what is written past the end of a row is overwritten by the next one.
                for (var bottom = 0; bottom < 2; bottom++)
                {
                    var row = destination + (2L * y + bottom) * g.InWidth;
                    var (left, right) = (TSimd.Create(T.CreateTruncating(2 * bottom)),
                        TSimd.Create(T.CreateTruncating(2 * bottom + 1)));
                    for (var x = 0; x < g.OutWidth; x += TSimd.Count)
                    {
                        var gradient = TSimd.Load(gradients + (long)y * g.OutWidth + x);
                        var place = TSimd.LoadBytes(places + (long)y * g.OutWidth + x);
                        TSimd.Interleave(
                            TSimd.And(TSimd.Equal(place, left), gradient),
                            TSimd.And(TSimd.Equal(place, right), gradient),
                            out var low, out var high);
                        TStores.Store(low, row + 2 * x, destination, planeEnd, g.InWidth - 2 * x);
                        TStores.Store(
                            high, row + 2 * x + TSimd.Count, destination, planeEnd, g.InWidth - 2 * x - TSimd.Count);
                    }
                }
            }
        }

        [MethodImpl(Compiled.AsLoop)]
        private void SpreadWindows(TIndex* places, T* gradients, T* destination)
        {
            NativeMemory.Clear(destination, (nuint)(g.InPlaces * sizeof(T)));
            long i = 0;
            for (var z = 0; z < g.OutDepth; z++)
            {
                for (var y = 0; y < g.OutHeight; y++)
                {
                    var rows = WindowRows.Of(g, z, y);
                    for (var x = 0; x < g.OutWidth; x++, i++)
                    {
                        var place = typeof(TIndex) == typeof(byte) ? ((byte*)places)[i] : ((int*)places)[i];
                        var (line, column) = Math.DivRem(place, g.WindowWidth);
                        var (slice, row) = Math.DivRem(line, g.WindowHeight);
                        destination[rows.RowOf(g, slice, row) * g.InWidth + x * g.StrideX - g.PaddingX + column] +=
                            gradients[i];
                    }
                }
            }
        }
    }
}
