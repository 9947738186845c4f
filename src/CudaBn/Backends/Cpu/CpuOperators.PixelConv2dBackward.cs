using System.Runtime.CompilerServices;
using static CudaBn.Backends.Cpu.CacheLines;

namespace CudaBn.Backends.Cpu;

// The input gradient of a convolution of stride 1 with few input channels, pixels in the lanes of registers: the first
// layer of a network, whose gradients are many planes for each plane of the input.
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
    [MethodImpl(Compiled.AsLoop)]
    private static void PrefetchPart(T* first, long elements, int part, int parts)
    {
        var end = (part + 1) * elements / parts;
        for (var i = part * elements / parts; i < end; i += CacheLines.Bytes / sizeof(T))
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

    /// <summary>A chunk is a share of the images. One row of sums per input channel and kernel column: where input and output
    /// gradient are as wide as each other, sums over output channels and kernel rows need no shift by less than a row, so that
    /// few input channels still make a tile of many rows. The columns are shifted when the sums, of which there are few, are
    /// added to the input gradient.</summary>
    private readonly struct FewChannelsInputGradientJob(
        CpuOperators<TSimd, TVector, T> operators, Conv2dGeometry g, T* packed, T* gradOutput, T* gradInput,
        RowTiles tiles) : IChunkJob
    {
        public int Shares => Math.Min(g.Batch, PixelGradientShares);

        public void Run(int chunk, int worker)
        {
            // Sums of row y of the padded input start at y * OutWidth.
            int above = (g.SpanY - 1) * g.OutWidth, plane = g.OutHeight * g.OutWidth;
            var step = PixelPlanes<TSimd, TVector, T>.Step(plane + above);
            var pixels = CeilDiv(plane + above, BlockLanes) * BlockLanes;
            long planes = CeilDiv((long)g.OutChannels * step + above + BlockLanes, BlockLanes) * BlockLanes;
            var inElements = (long)g.InChannels * g.InHeight * g.InWidth;
            var copy = operators._perWorker[worker].Get<T>(planes + (long)TSimd.MaxRows * pixels + inElements + TSimd.Count);
            var sums = copy + planes;
            var sum = sums + (long)TSimd.MaxRows * pixels;
            int first = (int)((long)chunk * g.Batch / Shares), end = (int)((chunk + 1L) * g.Batch / Shares);
            for (var image = first; image < end; image++)
            {
                var gradients = gradOutput + image * g.OutImage;
                CopyGradients(gradients, copy, above, plane, step, planes);
                new Span<T>(sum, checked((int)inElements)).Clear();
                for (var tile = 0; tile < tiles.Count; tile++)
                {
                    RunTile(copy + above, step, tile, sums, pixels, image + 1 < end ? gradients + g.OutImage : null);
                    AddColumns(sums, pixels, tile, sum);
                }

                new Span<T>(sum, (int)inElements).CopyTo(new Span<T>(gradInput + image * g.InImage, (int)inElements));
            }
        }

        /// <summary>Planes one after the other, with rows of zeros above the first and below each.</summary>
        [MethodImpl(Compiled.AsLoop)]
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

        [MethodImpl(Compiled.AsLoop)]
        private void RunTile(T* gradients, int step, int tile, T* sums, int pixels, T* next)
        {
            int rows = RowsOfTile(tiles, tile), parts = pixels / BlockLanes;
            var elements = (long)g.OutChannels * g.OutHeight * g.OutWidth;
            var scalars = packed + (long)tiles.Start(tile) * g.OutChannels * g.KernelHeight;
            var zeros = stackalloc T[TSimd.MaxRows];
            new Span<T>(zeros, TSimd.MaxRows).Clear();
            var window = new TapWindow(
                1, g.OutChannels, g.KernelHeight,
                0, step, -g.DilationY * g.OutWidth,
                0, g.KernelHeight * rows, rows);
            for (var pixel = 0; pixel < pixels; pixel += BlockLanes)
            {
                MicroKernel<TSimd, TVector, T>.Run(
                    rows, gradients + pixel, scalars, zeros, sums + pixel, pixels, in window);

                if (next != null)
                    PrefetchPart(next, elements, tile * parts + pixel / BlockLanes, tiles.Count * parts);
            }
        }

        /// <summary>Output place o takes part in input place o + k * dilation - padding through kernel place k.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private void AddColumns(T* sums, int pixels, int tile, T* image)
        {
            var lastRow = Math.Min(tiles.Rows - tiles.Start(tile), tiles.Size(tile));
            for (var i = 0; i < lastRow; i++)
            {
                var (channel, k) = Math.DivRem(tiles.Start(tile) + i, g.KernelWidth);
                var shift = k * g.DilationX - g.PaddingX;
                int first = Math.Max(0, -shift), width = Math.Min(g.OutWidth, g.InWidth - shift) - first;
                var source = sums + (long)i * pixels + g.PaddingY * g.OutWidth + first;
                var destination = image + (long)channel * g.InHeight * g.InWidth + first + shift;
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
}
