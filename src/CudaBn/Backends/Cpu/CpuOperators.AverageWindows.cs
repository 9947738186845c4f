namespace CudaBn.Backends.Cpu;

// Average pooling, of windows of a fixed size and adaptive: a window is a product of ranges, so slices and rows are added up
// first, a register of columns at a time, and then columns; backwards the other way round.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>Windows wider than this are added up column by column.</summary>
    private const int WidestLanes = 256;

    private void Average(AverageWindows windows, T* input, T* output)
    {
        var chunks = PlaneChunks(windows.Planes, windows.InputSize);
        var job = new AverageJob(this, windows, input, output, chunks);
        _pool.Run(ref job, chunks);
    }

    private void SpreadAverage(AverageWindows windows, T* gradOutput, T* gradInput)
    {
        var chunks = PlaneChunks(windows.Planes, windows.InputSize);
        var job = new SpreadAverageJob(this, windows, gradOutput, gradInput, chunks);
        _pool.Run(ref job, chunks);
    }

    private static long RoundUp(long value, int multiple) => CeilDiv(value, multiple) * multiple;

    /// <summary>The windows of all three axes.</summary>
    private readonly struct AverageWindows
    {
        public readonly long Planes;
        public readonly AverageAxis Slices;
        public readonly AverageAxis Rows;
        public readonly AverageAxis Columns;

        /// <summary>The places of every window along a row, which may be read a register at a time.</summary>
        public readonly T* ColumnPlaces;

        /// <summary>The width of windows side by side in lanes, which starts <see cref="PaddingX"/> before the
        /// input.</summary>
        public readonly int WindowWidth;

        /// <summary>From one window of a row to the next: 1 or 2, where windows lie side by side in lanes; else
        /// 0.</summary>
        public readonly int StrideX;

        public readonly int PaddingX;

        public AverageWindows(
            long planes, AverageAxis slices, AverageAxis rows, AverageAxis columns, int windowWidth, int strideX,
            int paddingX, ScratchMemory memory)
        {
            (Planes, Slices, Rows, Columns) = (planes, slices, rows, columns);
            if (TSimd.Count > 1 && strideX is 1 or 2 && windowWidth <= WidestLanes)
                (WindowWidth, StrideX, PaddingX) = (windowWidth, strideX, paddingX);
            ColumnPlaces = memory.Get<T>(columns.Out + TSimd.Count);
            for (var x = 0; x < columns.Out; x++)
                ColumnPlaces[x] = T.CreateTruncating(columns.PlacesOf(x));
        }

        public bool InLanes => StrideX != 0;

        public long InputSize => (long)Slices.In * Rows.In * Columns.In;

        public long OutputSize => (long)Slices.Out * Rows.Out * Columns.Out;

        /// <summary>What the places along a row are multiplied by.</summary>
        public T RowPlaces(int z, int y) => T.CreateTruncating((long)Slices.PlacesOf(z) * Rows.PlacesOf(y));
    }
}
