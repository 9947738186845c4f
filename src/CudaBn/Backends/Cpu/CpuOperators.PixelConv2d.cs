using System.Runtime.CompilerServices;
using static CudaBn.Backends.Cpu.CacheLines;

namespace CudaBn.Backends.Cpu;

// Convolution with neighbouring pixels in the lanes of registers, as they lie in memory: nothing is transposed. Input and
// output share the step from row to row, so registers run on over the ends of rows; the lanes there are computed for
// nothing, and dropped when rows are copied to the output. At stride 2 every other row and column of the input is one of
// four phases, and each of them meets its share of the kernel at stride 1.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>Pixels of a band of rows: what a tile of output channels keeps in the first-level cache.</summary>
    private const int PixelsPerBand = 1024;

    /// <summary>The input of a band of rows: what the second-level cache holds beside the results of a tile and its
    /// weights, which are read again for every band.</summary>
    private const int BandBytes = 320 * 1024;

    /// <summary>How many chunks every worker should find at least, so that none waits long for the last.</summary>
    private const int LeastChunks = 8;

    /// <summary>Multiply-adds below which another thread is not worth starting.</summary>
    private const int LeastProducts = 1 << 18;

    /// <summary>How many rows before it is written a row of the output is asked for.</summary>
    private const int RowsAhead = 4;

    /// <summary>What the innermost loops may keep in the first-level cache, the rest being for what they pass by.</summary>
    private const int FirstLevelBytes = 20 * 1024;

    /// <summary>What a window over all channels and its weights may take before the channels are cut into blocks: a large
    /// second-level cache brings both as fast as they are used, and cutting costs a pass over the results.</summary>
    private static int WindowBytes => HasLargeSecondLevel ? 128 * 1024 : FirstLevelBytes;

    /// <summary>A block of images that the second-level cache holds with room to spare.</summary>
    private static long SecondLevelBytes => HasLargeSecondLevel ? 704 * 1024 : 512 * 1024;

    /// <summary>Blocks of images that the third-level cache holds.</summary>
    private const long ThirdLevelBytes = 24 * 1024 * 1024;

    // What a value costs, in multiply-adds, that is copied to a plane of pixels, or transposed to and from a block of images
    // in the second-level cache, the third-level cache or memory. Measured on Zen 4: times of either way for 150 shapes.
    private const double CopyCost = 40;
    private const double SecondLevelCost = 30;
    private const double MemoryCost = 140;

    private static double ThirdLevelCost => HasLargeSecondLevel ? 60 : 120;

    /// <summary>The speed of multiply-adds where windows over images outside the second-level cache are cut into many
    /// blocks of channels.</summary>
    private const double CutWindowsSpeed = 0.85;

    /// <summary>Whether the second-level cache has a megabyte or more, as that of processors with registers of 512 bits
    /// does.</summary>
    private static bool HasLargeSecondLevel => sizeof(TVector) == 64;

    /// <summary>Whether lanes of pixels or channels are possible at all: stride 1, and no padding that a window lies in
    /// wholly.</summary>
    private static bool IsPlain(in Conv2dGeometry g) =>
        TSimd.Count > 1 && g.StrideY == 1 && g.StrideX == 1
        && Math.Max(g.PaddingY, g.PaddingBelow) < g.SpanY && Math.Max(g.PaddingX, g.PaddingRight) < g.SpanX;

    /// <summary>Whether the input is taken apart into phases.</summary>
    private static bool HasPhases(in Conv2dGeometry g) =>
        TSimd.Count > 1 && g.StrideY == 2 && g.StrideX == 2 && !g.IsDilated;

    /// <summary>The zeros between rows of pixels at stride 1: those right of a row are those left of the next one.</summary>
    private static int PixelZeros(in Conv2dGeometry g) => Math.Max(g.PaddingX, g.PaddingRight);

    /// <summary>Elements from one row of pixels to the next.</summary>
    private static int PixelPitch(in Conv2dGeometry g) =>
        g.StrideX == 1 ? g.InWidth + PixelZeros(in g) : g.OutWidth + CeilDiv(g.KernelWidth, g.StrideX) - 1;

    /// <summary>Whether lanes of pixels beat lanes of images, which want full blocks of images, and values that are worth
    /// moving there and back, but skip what lies outside the input.</summary>
    /// <param name="g">The sizes.</param>
    /// <param name="filled">The share of lanes of pixels in use.</param>
    private static bool PrefersPixelLanes(in Conv2dGeometry g, double filled) =>
        PixelCost(in g, filled) < ImageCost(in g, g.Products * PresentTaps(in g));

    /// <summary>What an image takes with lanes of pixels, in multiply-adds.</summary>
    private static double PixelCost(in Conv2dGeometry g, double filled) => g.Products / filled + CopyCost * Values(in g);

    /// <summary>What an image takes with lanes of images, in multiply-adds, of which <paramref name="products"/> are the
    /// convolution itself.</summary>
    private static double ImageCost(in Conv2dGeometry g, double products)
    {
        var isNear = IsNear(in g);
        var bytes = Math.Min(CeilDiv(g.Batch, BlockLanes), 2) * BlockBytes(in g);
        var cost = isNear ? SecondLevelCost : bytes <= ThirdLevelBytes ? ThirdLevelCost : MemoryCost;
        var speed = isNear || HasLargeSecondLevel ? 1 : CutWindowsSpeed;
        return (products + cost * Values(in g)) / (FilledImages(g.Batch) * speed);
    }

    /// <summary>Whether a block of images, inputs and outputs, is mostly found in the second-level cache.</summary>
    private static bool IsNear(in Conv2dGeometry g) => BlockBytes(in g) <= 2 * SecondLevelBytes;

    private static long BlockBytes(in Conv2dGeometry g) => Values(in g) * BlockLanes * sizeof(T);

    /// <summary>Values of an image, of the input and of the output.</summary>
    private static long Values(in Conv2dGeometry g) =>
        (long)g.InChannels * g.InHeight * g.InWidth + (long)g.OutChannels * g.OutHeight * g.OutWidth;

    private bool PrefersGradientPhases(in Conv2dGeometry g)
    {
        var job = new PhasedInputGradientJob(this, g, gradOutput: null, packed: null, gradInput: null);
        return PrefersPixelLanes(in g, job.Filled);
    }

    /// <summary>The share of products that lie inside the input: lanes of images skip the others.</summary>
    private static double PresentTaps(in Conv2dGeometry g)
    {
        long rows = 0, columns = 0;
        for (var k = 0; k < g.KernelHeight; k++)
            rows += OutputRange(k * g.DilationY - g.PaddingY, g.StrideY, g.InHeight, g.OutHeight).Count;
        for (var k = 0; k < g.KernelWidth; k++)
            columns += OutputRange(k * g.DilationX - g.PaddingX, g.StrideX, g.InWidth, g.OutWidth).Count;
        return (double)rows * columns / ((double)g.OutHeight * g.KernelHeight * g.OutWidth * g.KernelWidth);
    }

    /// <summary>The share of lanes in use where pixels lie side by side.</summary>
    private static double FilledPixels(in Conv2dGeometry g) =>
        (double)g.OutHeight * g.OutWidth / (CeilDiv(g.OutHeight * PixelPitch(in g), BlockLanes) * BlockLanes);

    /// <summary>The share of lanes in use where images lie side by side.</summary>
    private static double FilledImages(int batch) => (double)batch / (CeilDiv(batch, BlockLanes) * BlockLanes);

    /// <summary>Whether so many taps side by side make an inner loop by themselves. Else the channels do.</summary>
    private static bool MakeAnInnerLoop(int columns) => columns > 2;

    private void PixelConv2dForward(in Conv2dForwardCall<T> call)
    {
        var g = call.Geometry;
        var tiles = new RowTiles(g.OutChannels, TSimd.MaxRows);
        var packed = PackKernel(
            in call, tiles, MakeAnInnerLoop(CeilDiv(g.KernelWidth, g.StrideX)), out var bias);
        var job = new PixelConv2dJob(this, g, call.Input, packed, bias, call.Output, tiles);
        _pool.Run(ref job, job.Chunks);
    }

    private void PixelConv2dInputGradient(in Conv2dGeometry g, T* weight, T* gradOutput, T* gradInput)
    {
        var tiles = new RowTiles(g.InChannels, TSimd.MaxRows);
        var taps = (long)g.OutChannels * g.KernelHeight * g.KernelWidth;
        var packed = _packed.Get<T>(tiles.PaddedRows * (taps + 1) + TSimd.MaxRows);
        var zeros = packed + tiles.PaddedRows * taps;
        PackTransposedKernel(
            weight, packed, tiles, in g,
            new(g.KernelHeight - 1, -1, g.KernelHeight, g.KernelWidth - 1, -1, g.KernelWidth),
            MakeAnInnerLoop(g.KernelWidth));
        PackBias(null, zeros, tiles);
        var job = new PixelConv2dJob(this, Turned(in g), gradOutput, packed, zeros, gradInput, tiles);
        _pool.Run(ref job, job.Chunks);
    }

    /// <summary>The input gradient is the convolution of the output gradient, padded the other way round, with the
    /// kernel turned by 180 degrees and its channels exchanged.</summary>
    private static Conv2dGeometry Turned(in Conv2dGeometry g) => new(
        g.Batch, g.OutChannels, g.OutHeight, g.OutWidth, g.InChannels, g.InHeight, g.InWidth, g.KernelHeight,
        g.KernelWidth, 1, 1, g.SpanY - 1 - g.PaddingY, g.SpanX - 1 - g.PaddingX, g.DilationY, g.DilationX,
        InImage: g.OutImage, OutImage: g.InImage);

    /// <summary>Into how many parts channels are cut, so that the lines of pixels that registers slide over, and the weights
    /// of a tile, are no more than <see cref="WindowBytes"/>.</summary>
    private static int PixelChannelBlocks(int channels, int kernelRows, int kernelColumns)
    {
        var perChannel = kernelRows * (kernelColumns * TSimd.MaxRows + 2 * BlockLanes + kernelColumns);
        return (int)CeilDiv((long)channels * perChannel * sizeof(T), WindowBytes);
    }

    /// <summary>The products of a register of pixels. Neighbouring columns share their cache lines, but few of them make no
    /// inner loop.</summary>
    private static TapWindow PixelWindow(
        int rows, int columns, int channels, int rowStep, int columnStep, int step, int rowTap, int columnTap,
        int channelTap) =>
        MakeAnInnerLoop(columns)
            ? new(channels, rows, columns, step, rowStep, columnStep, channelTap, rowTap, columnTap)
            : new(rows, columns, channels, rowStep, columnStep, step, rowTap, columnTap, channelTap);

    /// <summary>planes[channel][row phase][column phase][row][column] of every stride-th row and column of an image, zeros where
    /// they are outside, of those phases that windows see.</summary>
    /// <param name="g">The sizes.</param>
    /// <param name="image">The image.</param>
    /// <param name="top">The first row, which may lie outside. The first column is that of the left padding.</param>
    /// <param name="rows">Rows of a phase.</param>
    /// <param name="planes">The first plane.</param>
    /// <param name="pitch">Elements of a row.</param>
    /// <param name="step">Elements from one plane to the next.</param>
    [MethodImpl(Compiled.AsLoop)]
    private static void CopyPhases(in Conv2dGeometry g, T* image, int top, int rows, T* planes, int pitch, int step)
    {
        int rowPhases = Math.Min(g.StrideY, g.SpanY), columnPhases = Math.Min(g.StrideX, g.SpanX);
        for (var channel = 0; channel < g.InChannels; channel++, image += (nint)g.InHeight * g.InWidth)
        {
            for (var phase = 0; phase < rowPhases * columnPhases; phase++, planes += step)
            {
                var (rowPhase, columnPhase) = Math.DivRem(phase, columnPhases);
                var shift = columnPhase - g.PaddingX;
                var inside = OutputRange(shift, g.StrideX, g.InWidth, pitch);
                for (var row = 0; row < rows; row++)
                {
                    PixelPlanes<TSimd, TVector, T>.CopyLine(
                        image + shift, top + g.StrideY * row + rowPhase, g.InHeight, g.InWidth, g.StrideX,
                        planes + (nint)row * pitch, inside, pitch);
                }
            }
        }
    }

    /// <summary>A chunk is some bands of output rows of an image and, where images are few, a share of the tiles of output
    /// channels. A value is computed in one chunk wholly, so the cut does not change it.</summary>
    private readonly struct PixelConv2dJob : IChunkJob
    {
        private readonly CpuOperators<TSimd, TVector, T> _operators;
        private readonly Conv2dGeometry _g;
        private readonly T* _input;
        private readonly T* _packed;
        private readonly T* _bias;
        private readonly T* _output;
        private readonly RowTiles _tiles;
        private readonly int _bands;
        private readonly int _chunksPerImage;
        private readonly int _parts;

        // Those that the kernel meets: a kernel of one row or column meets the first only.
        private readonly int _rowPhases;
        private readonly int _columnPhases;

        public PixelConv2dJob(
            CpuOperators<TSimd, TVector, T> operators, Conv2dGeometry g, T* input, T* packed, T* bias, T* output,
            RowTiles tiles)
        {
            (_operators, _g, _tiles) = (operators, g, tiles);
            _input = input;
            _packed = packed;
            _bias = bias;
            _output = output;
            (_rowPhases, _columnPhases) = (Math.Min(g.StrideY, g.KernelHeight), Math.Min(g.StrideX, g.KernelWidth));

            // A kernel of one weight has so little to compute that the next band wants its share of the cache.
            var bandBytes = IsPointwise && !HasLargeSecondLevel ? BandBytes / 2 : BandBytes;
            var cached = bandBytes / (g.InChannels * Phases * Pitch * sizeof(T)) - Halo;
            _bands = CeilDiv(g.OutHeight, Math.Max(1, Math.Min(cached, PixelsPerBand / Pitch)));
            // Bands one after the other, so that memory may bring the next one while this one is computed.
            _chunksPerImage = Math.Clamp(CeilDiv(LeastChunks * operators._pool.Workers, g.Batch), 1, _bands);
            int workers = operators._pool.Workers, chunks = g.Batch * _chunksPerImage;
            _parts = chunks >= workers ? 1
                : (int)Math.Clamp(
                    Math.Min(CeilDiv(2 * workers, chunks), g.Products / _chunksPerImage / LeastProducts), 1, tiles.Count);
        }

        public int Chunks => _g.Batch * _chunksPerImage * _parts;

        private int Pitch => PixelPitch(in _g);

        private int Phases => _rowPhases * _columnPhases;

        /// <summary>Zeros before the first row of a plane.</summary>
        private int Zeros => _g.StrideX == 1 ? PixelZeros(in _g) : 0;

        /// <summary>Rows of a phase that a band meets beyond as many as it has outputs.</summary>
        private int Halo => CeilDiv(_g.SpanY, _g.StrideY) - 1;

        /// <summary>One weight per pair of channels. There is no padding then, see <see cref="IsPlain"/>.</summary>
        private bool IsPointwise => _g.KernelHeight == 1 && _g.KernelWidth == 1;

        public void Run(int chunk, int worker)
        {
            var (bandsOfImage, part) = Math.DivRem(chunk, _parts);
            var (image, share) = Math.DivRem(bandsOfImage, _chunksPerImage);
            var (first, bands) = Share(_bands, share, _chunksPerImage);
            var (firstTile, tiles) = Share(_tiles.Count, part, _parts);
            for (var band = first; band < first + bands; band++)
                RunBand(image, band, isLast: band == first + bands - 1, firstTile, firstTile + tiles, worker);
        }

        private void RunBand(int image, int band, bool isLast, int firstTile, int endTile, int worker)
        {
            var (firstRow, outRows) = Share(_g.OutHeight, band, _bands);
            var rows = outRows + Halo;
            var step = PixelPlanes<TSimd, TVector, T>.Step(rows * Pitch + Zeros);
            var pixels = CeilDiv(outRows * Pitch, BlockLanes) * BlockLanes;

            // The last register of pixels reads past the end of the last plane.
            var planes = (long)_g.InChannels * Phases * step;
            var slack = BlockLanes + _g.SpanX;
            var copy = _operators._perWorker[worker].Get<T>(planes + slack + (long)TSimd.MaxRows * pixels + BlockLanes);
            var results = copy + CeilDiv(planes + slack, BlockLanes) * BlockLanes;
            var source = _input + image * _g.InImage;
            if (_g.StrideX == 1)
            {
                PixelPlanes<TSimd, TVector, T>.Copy(
                    source, _g.InHeight, _g.InWidth, _g.InChannels, firstRow - _g.PaddingY, rows, Zeros, copy, step);
            }
            else
            {
                CopyPhases(in _g, source, _g.StrideY * firstRow - _g.PaddingY, rows, copy, Pitch, step);
                for (long start = 0; start < planes; start += step)
                    new Span<T>(copy + start + rows * Pitch, step - rows * Pitch).Clear();
            }

            new Span<T>(copy + planes, slack).Clear();

            long plane = (long)_g.OutHeight * _g.OutWidth;
            var output = _output + image * _g.OutImage + firstRow * _g.OutWidth;
            if (IsPointwise)
            {
                var next = isLast ? null : source + (firstRow + outRows) * _g.InWidth;
                RunPointwise(copy, step, results, output, outRows * _g.OutWidth, firstTile, endTile, next);
                return;
            }

            for (var tile = firstTile; tile < endTile; tile++)
                RunTile(copy, step, tile, results, pixels, output + _tiles.Start(tile) * plane, outRows);
        }

        /// <summary>Rows and columns of the kernel that meet a phase.</summary>
        private int KernelRows(int phase) => CeilDiv(_g.KernelHeight - phase, _g.StrideY);

        private int KernelColumns(int phase) => CeilDiv(_g.KernelWidth - phase, _g.StrideX);

        /// <summary>Pixels are used by one weight of each output channel only, so all tiles of channels take their turn on
        /// pixels that the first-level cache holds, and write where the output is. Meanwhile what is written and read next
        /// is asked for: with so little to compute, waiting for it would take as long.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private void RunPointwise(
            T* copy, int step, T* results, T* output, int pixels, int firstTile, int endTile, T* next)
        {
            nint plane = (nint)_g.OutHeight * _g.OutWidth, inPlane = (nint)_g.InHeight * _g.InWidth;
            int turns = CeilDiv(pixels, BlockLanes) * (endTile - firstTile), turn = 0;
            for (var pixel = 0; pixel < pixels; pixel += BlockLanes)
            {
                var width = Math.Min(BlockLanes, pixels - pixel);
                for (var tile = firstTile; tile < endTile; tile++)
                {
                    int start = _tiles.Start(tile), rows = _tiles.Size(tile);
                    var channels = Math.Min(rows, _g.OutChannels - start);
                    var ahead = output + (tile == endTile - 1
                        ? _tiles.Start(firstTile) * plane + pixel + BlockLanes
                        : (start + rows) * plane + pixel);
                    for (var channel = 0; channel < channels; channel++)
                        PrefetchBlock(ahead + channel * plane);
                    var (firstChannel, aheadChannels) = Share(_g.InChannels, turn++, turns);
                    for (var channel = firstChannel; next != null && channel < firstChannel + aheadChannels; channel++)
                    {
                        for (var x = 0; x < pixels; x += CacheLines.Bytes / sizeof(T))
                            PrefetchSecondLevel(next + channel * inPlane + x);
                    }

                    var window = new TapWindow(1, 1, _g.InChannels, 0, 0, step, 0, 0, rows);
                    var destination = output + start * plane + pixel;
                    var whole = width == BlockLanes && channels == rows;
                    MicroKernel<TSimd, TVector, T>.Run(
                        rows, copy + pixel, _packed + (long)start * _g.InChannels, _bias + start,
                        whole ? destination : results, whole ? plane : BlockLanes, in window);
                    for (var channel = 0; !whole && channel < channels; channel++)
                    {
                        PixelPlanes<TSimd, TVector, T>.CopyRow(
                            results + channel * BlockLanes, destination + channel * plane, width);
                    }
                }
            }
        }

        [MethodImpl(Compiled.AsLoop)]
        private void RunTile(T* copy, int step, int tile, T* results, int pixels, T* output, int outRows)
        {
            int rows = _tiles.Size(tile);
            var (tap, channelTap) = MakeAnInnerLoop(KernelColumns(0))
                ? (rows, _g.KernelHeight * _g.KernelWidth * rows)
                : (_g.InChannels * rows, rows);
            var weights = _packed + (long)_tiles.Start(tile) * _g.InChannels * _g.KernelHeight * _g.KernelWidth;
            var channels = Math.Min(rows, _g.OutChannels - _tiles.Start(tile));
            // At stride 1 the zeros between rows may be more than there are left of the first pixel.
            var corner = copy + (_g.StrideX == 1 ? Zeros - _g.PaddingX : 0);
            var stored = 0;
            int phase = 0, channelBlock = 0;
            while (phase < Phases)
            {
                var (rowPhase, columnPhase) = Math.DivRem(phase, _columnPhases);
                int kernelRows = KernelRows(rowPhase), kernelColumns = KernelColumns(columnPhase);
                var channelBlocks = PixelChannelBlocks(_g.InChannels, kernelRows, kernelColumns);
                var (first, inChannels) = Share(_g.InChannels, channelBlock, channelBlocks);
                var window = PixelWindow(
                    kernelRows, kernelColumns, inChannels, _g.DilationY * Pitch, _g.DilationX, Phases * step,
                    _g.StrideY * _g.KernelWidth * tap, _g.StrideX * tap, channelTap);
                var starts = phase == 0 && channelBlock == 0;
                var initial = _bias + (starts ? _tiles.Start(tile) : _tiles.PaddedRows);
                var vectors = corner + ((nint)first * Phases + phase) * step;
                var scalars = weights + (nint)(rowPhase * _g.KernelWidth + columnPhase) * tap + (nint)first * channelTap;
                if (++channelBlock == channelBlocks)
                    (phase, channelBlock) = (phase + 1, 0);
                var ends = phase == Phases;
                for (var pixel = 0; pixel < pixels; pixel += BlockLanes)
                {
                    MicroKernel<TSimd, TVector, T>.Run(
                        rows, vectors + pixel, scalars, initial, results + pixel, pixels,
                        in window, add: !starts);

                    // A row is stored as soon as it is done, so that memory works while the next one is computed.
                    for (; ends && stored < outRows
                         && stored * Pitch + _g.OutWidth <= pixel + BlockLanes; stored++)
                    {
                        StoreRow(results + stored * Pitch, pixels, output + stored * _g.OutWidth, channels);
                    }
                }
            }
        }

        [MethodImpl(Compiled.AsLoop)]
        private void StoreRow(T* results, int pixels, T* output, int channels)
        {
            var plane = (nint)_g.OutHeight * _g.OutWidth;
            for (var channel = 0; channel < channels; channel++, results += pixels, output += plane)
            {
                // Rows soon to be written: with few taps a store waits for memory longer than a row takes to compute.
                for (var x = 0; x < _g.OutWidth; x += CacheLines.Bytes / sizeof(T))
                    Prefetch(output + RowsAhead * _g.OutWidth + x);
                PixelPlanes<TSimd, TVector, T>.CopyRow(results, output, _g.OutWidth);
            }
        }
    }
}
