using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

// Backward of a convolution of stride 1 with few input channels, pixels in the lanes of registers: the first layer of a
// network, whose gradients are many planes for each plane of the input.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>The most channels of the input that count as few: more fill a tile of the micro-kernel by
    /// themselves.</summary>
    private const int FewChannels = 3;

    /// <summary>Into how many shares the images are cut: fixed, so that sums do not depend on the number of
    /// threads.</summary>
    private const int PixelGradientShares = 64;

    /// <summary>Whether backward does best on pixels, each input channel with many output channels.</summary>
    private static bool HasFewChannels(in Conv2dGeometry g) =>
        IsPlain(in g) && g.InChannels <= FewChannels && FilledPixels(in g) > FilledImages(g.Batch) / 2
        && (long)g.OutChannels * g.OutHeight * g.OutWidth * sizeof(T) <= 2 * SecondLevelBytes;

    /// <summary>Asks for a part of what will be read next, while something else is computed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PrefetchPart(T* first, long elements, int part, int parts)
    {
        var end = (part + 1) * elements / parts;
        for (var i = part * elements / parts; i < end; i += 64 / sizeof(T))
            Prefetch(first + i);
    }

    private void FewChannelsInputGradient(in Conv2dGeometry g, T* weight, T* gradOutput, T* gradInput)
    {
        var rows = g.InChannels * g.KernelWidth;
        var tiles = new RowTiles(rows, TSimd.MaxRows);
        var packed = _packed.Get<T>((long)tiles.PaddedRows * g.OutChannels * g.KernelHeight);
        PackWeightColumns(weight, packed, tiles, in g);
        var job = new FewChannelsInputGradientJob(this, g, packed, gradOutput, gradInput, tiles);
        _pool.Run(ref job, job.Shares);
    }

    /// <summary>packed[tile][output channel][kernel row][row of tile], a row being an input channel and a kernel
    /// column.</summary>
    private static void PackWeightColumns(T* weights, T* packed, RowTiles tiles, in Conv2dGeometry g)
    {
        for (var tile = 0; tile < tiles.Count; tile++)
        {
            for (var output = 0; output < g.OutChannels; output++)
            {
                for (var y = 0; y < g.KernelHeight; y++)
                {
                    for (var i = 0; i < RowsOfTile(tiles, tile); i++)
                    {
                        var row = tiles.Start(tile) + i;
                        var (channel, x) = (row / g.KernelWidth, row % g.KernelWidth);
                        *packed++ = row < tiles.Rows
                            ? weights[(((long)output * g.InChannels + channel) * g.KernelHeight + y) * g.KernelWidth + x]
                            : T.Zero;
                    }
                }
            }
        }
    }

    /// <summary>Kernels five wide on one channel, the first layer of many small networks, have five rows of sums, and a
    /// sixth of zeros would cost a sixth of the time.</summary>
    private static int RowsOfTile(RowTiles tiles, int tile) => tiles.Rows == 5 ? 5 : tiles.Size(tile);

    private void PixelWeightGradient(in Conv2dBackwardArgs args, Tensor gradWeight)
    {
        var g = args.Geometry;
        var job = new PixelWeightGradientJob(this, g, Data(args.Input), Data(args.GradOutput), partials: null);
        var partials = _shared.Get<T>((long)job.Shares * job.ElementsPerShare);
        job = new PixelWeightGradientJob(this, g, Data(args.Input), Data(args.GradOutput), partials);
        _pool.Run(ref job, job.Shares);

        // Share by share, in order: the same sum for any number of threads.
        SumRows(partials, job.Shares, job.Weights, job.ElementsPerShare, Data(gradWeight));
        if (args.GradBias is { } gradBias)
            SumRows(partials + job.Weights, job.Shares, g.OutChannels, job.ElementsPerShare, Data(gradBias));
    }

    /// <summary>A chunk is a share of the images. One row of sums per input channel and kernel column: where input and output gradient
    /// are as wide as each other, sums over output channels and kernel rows need no shift by less than a row, so that few
    /// input channels still make a tile of many rows. The columns are shifted when the sums, of which there are few, are
    /// added to the input gradient.</summary>
    private readonly struct FewChannelsInputGradientJob(
        CpuOperators<TSimd, TVector, T> operators, Conv2dGeometry g, T* packed, T* gradOutput, T* gradInput,
        RowTiles tiles) : IChunkJob
    {
        public int Shares => Math.Min(g.Batch, PixelGradientShares);

        public void Run(int chunk, int worker)
        {
            // Sums of row y of the padded input start at y * OutWidth.
            int above = (g.KernelHeight - 1) * g.OutWidth, plane = g.OutHeight * g.OutWidth;
            var step = PixelPlanes<TSimd, TVector, T>.Step(plane + above);
            var pixels = CeilDiv(plane + above, BlockLanes) * BlockLanes;
            long planes = CeilDiv((long)g.OutChannels * step + above + BlockLanes, BlockLanes) * BlockLanes;
            long inElements = (long)g.InChannels * g.InHeight * g.InWidth, outElements = (long)g.OutChannels * plane;
            var copy = operators._perWorker[worker].Get<T>(planes + (long)TSimd.MaxRows * pixels + inElements + TSimd.Count);
            var sums = copy + planes;
            var sum = sums + (long)TSimd.MaxRows * pixels;
            int first = (int)((long)chunk * g.Batch / Shares), end = (int)((chunk + 1L) * g.Batch / Shares);
            for (var image = first; image < end; image++)
            {
                var gradients = gradOutput + image * outElements;
                CopyGradients(gradients, copy, above, plane, step, planes);
                new Span<T>(sum, checked((int)inElements)).Clear();
                for (var tile = 0; tile < tiles.Count; tile++)
                {
                    RunTile(copy + above, step, tile, sums, pixels, image + 1 < end ? gradients + outElements : null);
                    AddColumns(sums, pixels, tile, sum);
                }

                new Span<T>(sum, (int)inElements).CopyTo(new Span<T>(gradInput + image * inElements, (int)inElements));
            }
        }

        /// <summary>Planes one after the other, with rows of zeros above the first and below each.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void CopyGradients(T* gradients, T* copy, int above, int plane, int step, long planes)
        {
            var end = copy + planes;
            new Span<T>(copy, above).Clear();
            copy += above;
            for (var channel = 0; channel < g.OutChannels; channel++, gradients += plane, copy += step)
            {
                PixelPlanes<TSimd, TVector, T>.CopyRow(gradients, copy, plane);
                new Span<T>(copy + plane, step - plane).Clear();
            }

            new Span<T>(copy, (int)(end - copy)).Clear();
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void RunTile(T* gradients, int step, int tile, T* sums, int pixels, T* next)
        {
            int rows = RowsOfTile(tiles, tile), parts = pixels / BlockLanes;
            var elements = (long)g.OutChannels * g.OutHeight * g.OutWidth;
            var scalars = packed + (long)tiles.Start(tile) * g.OutChannels * g.KernelHeight;
            var zeros = stackalloc T[TSimd.MaxRows];
            new Span<T>(zeros, TSimd.MaxRows).Clear();
            var window = new TapWindow(
                1, g.OutChannels, g.KernelHeight,
                0, step, -g.OutWidth,
                0, g.KernelHeight * rows, rows);
            for (var pixel = 0; pixel < pixels; pixel += BlockLanes)
            {
                MicroKernel<TSimd, TVector, T>.Run(
                    rows, gradients + pixel, scalars, zeros, sums + pixel, pixels, in window);

                if (next != null)
                    PrefetchPart(next, elements, tile * parts + pixel / BlockLanes, tiles.Count * parts);
            }
        }

        /// <summary>Output place o takes part in input place o + k - padding through kernel place k.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void AddColumns(T* sums, int pixels, int tile, T* image)
        {
            var lastRow = Math.Min(tiles.Rows - tiles.Start(tile), tiles.Size(tile));
            for (var i = 0; i < lastRow; i++)
            {
                var (channel, k) = Math.DivRem(tiles.Start(tile) + i, g.KernelWidth);
                int first = Math.Max(0, g.PaddingX - k), width = Math.Min(g.OutWidth, g.InWidth + g.PaddingX - k) - first;
                var source = sums + (long)i * pixels + g.PaddingY * g.OutWidth + first;
                var destination = image + (long)channel * g.InHeight * g.InWidth + first + k - g.PaddingX;
                var whole = Math.Max(0, width / TSimd.Count * TSimd.Count);
                var mask = FirstLanes(width - whole);
                for (var y = 0; y < g.InHeight; y++, source += g.OutWidth, destination += g.InWidth)
                {
                    for (var x = 0; x < whole; x += TSimd.Count)
                        TSimd.Store(TSimd.Add(TSimd.Load(destination + x), TSimd.Load(source + x)), destination + x);
                    if (whole < width)
                    {
                        // Lanes past the row's end add zeros, to whatever is there.
                        var added = TSimd.And(TSimd.Load(source + whole), mask);
                        TSimd.Store(TSimd.Add(TSimd.Load(destination + whole), added), destination + whole);
                    }
                }
            }
        }
    }

    /// <summary>A chunk is a share of the images. The rows of the output gradient are copied with as many zeros as make
    /// them as long as those of the padded input, so that registers of both run on from row to row. The sums of the
    /// weights, and those of the biases behind them, go to the share's part of partials.</summary>
    private readonly struct PixelWeightGradientJob(
        CpuOperators<TSimd, TVector, T> operators, Conv2dGeometry g, T* input, T* gradOutput, T* partials) : IChunkJob
    {
        private const int TileRows = DotKernel<TSimd, TVector, T>.TileRows;

        public int Shares => Math.Min(g.Batch, PixelGradientShares);

        public long Weights => (long)g.OutChannels * Taps;

        public long ElementsPerShare => Weights + g.OutChannels;

        private int Taps => g.InChannels * g.KernelHeight * g.KernelWidth;

        private int Pitch => g.InWidth + g.PaddingX;

        private int ColumnTiles => CeilDiv(Taps, DotKernel<TSimd, TVector, T>.MaxColumns);

        private static int TileElements => TileRows * DotKernel<TSimd, TVector, T>.MaxColumns * TSimd.Count;

        private int RowTiles => CeilDiv(g.OutChannels, TileRows);

        public void Run(int chunk, int worker)
        {
            var bandRows = Math.Clamp(PixelsPerBand / Pitch, 1, g.OutHeight);
            int inRows = bandRows + g.KernelHeight - 1;
            var inStep = PixelPlanes<TSimd, TVector, T>.Step(inRows * Pitch + g.PaddingX);
            var gradStep = CeilDiv(bandRows * Pitch, BlockLanes) * BlockLanes;
            long inElements = CeilDiv((long)g.InChannels * inStep + BlockLanes + g.KernelWidth, BlockLanes) * BlockLanes;
            long gradElements = (long)g.OutChannels * gradStep;
            var sumElements = (long)RowTiles * ColumnTiles * TileElements;
            var biasElements = (long)g.OutChannels * TSimd.Count;
            var inputs = operators._perWorker[worker].Get<T>(inElements + gradElements + sumElements + biasElements);
            var gradients = inputs + inElements;
            var sums = gradients + gradElements;
            var biases = sums + sumElements;
            Clear(inputs, inElements + gradElements + sumElements + biasElements);

            var outElements = (long)g.OutChannels * g.OutHeight * g.OutWidth;
            int first = (int)((long)chunk * g.Batch / Shares), end = (int)((chunk + 1L) * g.Batch / Shares);
            for (var image = first; image < end; image++)
            {
                for (var row = 0; row < g.OutHeight; row += bandRows)
                {
                    var rows = Math.Min(bandRows, g.OutHeight - row);
                    PixelPlanes<TSimd, TVector, T>.Copy(
                        input + (long)image * g.InChannels * g.InHeight * g.InWidth, g.InHeight, g.InWidth, g.InChannels,
                        row - g.PaddingY, inRows, g.PaddingX, inputs, inStep);
                    CopyGradients(image, row, rows, gradients, gradStep, biases);
                    RunTiles(
                        inputs, inStep, gradients, gradStep, CeilDiv(rows * Pitch, BlockLanes), sums,
                        row == 0 && image + 1 < end ? gradOutput + (image + 1) * outElements : null);
                }
            }

            Store(sums, biases, partials + chunk * ElementsPerShare);
        }

        private static void Clear(T* elements, long count) => new Span<T>(elements, checked((int)count)).Clear();

        /// <summary>Only what lies in rows is written: the zeros between stay from band to band.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void CopyGradients(int image, int firstRow, int rows, T* gradients, int step, T* biases)
        {
            for (var channel = 0; channel < g.OutChannels; channel++)
            {
                var source = gradOutput
                    + (((long)image * g.OutChannels + channel) * g.OutHeight + firstRow) * g.OutWidth;
                var plane = gradients + (long)channel * step;
                var destination = plane;
                for (var y = 0; y < rows; y++, source += g.OutWidth, destination += Pitch)
                    PixelPlanes<TSimd, TVector, T>.CopyRow(source, destination, g.OutWidth);
                // A last band of fewer rows leaves those of the band before in the rest of its last block.
                if (rows * Pitch < step)
                    Clear(destination, step - rows * Pitch);
                AddLanes(plane, step, biases + (long)channel * TSimd.Count);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void AddLanes(T* values, int count, T* sum)
        {
            var (a, b, c, d) = (TSimd.Load(sum), TSimd.Zero, TSimd.Zero, TSimd.Zero);
            var i = 0;
            for (; i + 2 * BlockLanes <= count; i += 2 * BlockLanes)
            {
                a = TSimd.Add(a, TSimd.Load(values + i));
                b = TSimd.Add(b, TSimd.Load(values + i + TSimd.Count));
                c = TSimd.Add(c, TSimd.Load(values + i + 2 * TSimd.Count));
                d = TSimd.Add(d, TSimd.Load(values + i + 3 * TSimd.Count));
            }

            for (; i < count; i += TSimd.Count)
                a = TSimd.Add(a, TSimd.Load(values + i));
            TSimd.Store(TSimd.Add(TSimd.Add(a, b), TSimd.Add(c, d)), sum);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void RunTiles(
            T* inputs, int inStep, T* gradients, int gradStep, int blocks, T* sums, T* next)
        {
            var elements = (long)g.OutChannels * g.OutHeight * g.OutWidth;
            var rectangle = new PositionRectangle(1, blocks, 0, BlockLanes, 0, BlockLanes);
            var gradientRows = stackalloc T*[TileRows];
            // Where every tap starts, once more the last for a tile of one tap.
            var taps = stackalloc T*[Taps + 1];
            for (var tap = 0; tap <= Taps; tap++)
                taps[tap] = inputs + Shift(Math.Min(tap, Taps - 1), inStep);
            for (var tile = 0; tile < RowTiles; tile++)
            {
                // Past the last channel a tile repeats it, and the sum is dropped.
                for (var row = 0; row < TileRows; row++)
                    gradientRows[row] = gradients + (long)Math.Min(tile * TileRows + row, g.OutChannels - 1) * gradStep;
                for (var column = 0; column < ColumnTiles; column++)
                {
                    var (start, end) = Columns(column);
                    DotKernel<TSimd, TVector, T>.Run(
                        Math.Max(2, end - start), gradientRows, taps + start, sums, in rectangle);
                    sums += TileElements;
                    if (next != null)
                        PrefetchPart(next, elements, tile * ColumnTiles + column, RowTiles * ColumnTiles);
                }
            }
        }

        private (int Start, int End) Columns(int tile) =>
            ((int)((long)tile * Taps / ColumnTiles), (int)((tile + 1L) * Taps / ColumnTiles));

        private nint Shift(int tap, int inStep)
        {
            var (channel, place) = Math.DivRem(tap, g.KernelHeight * g.KernelWidth);
            return (nint)channel * inStep + place / g.KernelWidth * Pitch + place % g.KernelWidth;
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Store(T* sums, T* biases, T* destination)
        {
            for (var channel = 0; channel < g.OutChannels; channel++, biases += TSimd.Count)
            {
                for (var column = 0; column < ColumnTiles; column++)
                {
                    var (start, end) = Columns(column);
                    var row = sums + ((long)(channel / TileRows) * ColumnTiles + column) * TileElements
                        + channel % TileRows * Math.Max(2, end - start) * TSimd.Count;
                    for (var tap = start; tap < end; tap++, row += TSimd.Count)
                        destination[(long)channel * Taps + tap] = TSimd.Sum(TSimd.Load(row));
                }

                destination[Weights + channel] = TSimd.Sum(TSimd.Load(biases));
            }
        }
    }
}
