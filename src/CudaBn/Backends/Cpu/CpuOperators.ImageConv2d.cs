using System.Runtime.CompilerServices;
using static CudaBn.Backends.Cpu.CacheLines;

namespace CudaBn.Backends.Cpu;

// Direct convolution over blocks of images (ImageBlocks): a place of the output is a sum over its window of a weight
// times a register of images. Places at the border sum over the part of the window inside the input, so padding costs
// nothing, and no stride or dilation needs a gather.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>From here on a block of images is transposed once, for all that read it.</summary>
    private const int SharedBlockBytes = 2 * 1024 * 1024;

    private void ImageConv2dForward(in Conv2dForwardCall<T> call)
    {
        var g = call.Geometry;
        var tiles = new RowTiles(g.OutChannels, TSimd.MaxRows);
        var packed = PackKernel(in call, tiles, tapsInside: false, out var bias);
        var inputs = InputPlanes(in g, call.Input);
        var parts = PartsPerBlock(inputs.Blocks, tiles.Count);
        if (AreShared(inputs.BlockElements, parts))
            inputs = Interleaved(in inputs, _blocks.Get<T>(inputs.Blocks * inputs.BlockElements));
        var job = new ImageConv2dForwardJob(this, g, inputs, packed, bias, call.Output, tiles, parts);
        _pool.Run(ref job, job.Chunks);
    }

    private void ImageConv2dBackward(in Conv2dBackwardCall<T> call)
    {
        var g = call.Geometry;
        var tiles = new RowTiles(g.InChannels, TSimd.MaxRows);
        var taps = (long)g.OutChannels * g.KernelHeight * g.KernelWidth;
        T* packed = null, zeros = null;
        if (call.GradInput != null)
        {
            packed = _packed.Get<T>(tiles.PaddedRows * (taps + 1) + TSimd.MaxRows);
            zeros = packed + tiles.PaddedRows * taps;
            PackTransposedKernel(
                call.Weight, packed, tiles, in g, new(0, 1, g.KernelHeight, 0, 1, g.KernelWidth),
                tapsInside: false);
            PackBias(null, zeros, tiles);
        }

        var sums = g.InChannels * taps;
        ImagePlanes inputs = InputPlanes(in g, call.Input), gradients = OutputPlanes(in g, call.GradOutput);
        int blocks = inputs.Blocks, parts = PartsPerBlock(blocks, CeilDiv(g.OutChannels, ImageConv2dBackwardJob.TileRows));
        var partials = call.GradWeight == null ? null : _shared.Get<T>(blocks * (sums + g.OutChannels));
        var inElements = partials == null ? 0 : inputs.BlockElements;
        if (AreShared(gradients.BlockElements + inElements, parts))
        {
            var memory = _blocks.Get<T>(blocks * (gradients.BlockElements + inElements));
            gradients = Interleaved(in gradients, memory);
            if (partials != null)
                inputs = Interleaved(in inputs, memory + blocks * gradients.BlockElements);
        }

        var job = new ImageConv2dBackwardJob(
            this, g, inputs, gradients, packed, zeros, call.GradInput, tiles, partials, parts);
        _pool.Run(ref job, job.Chunks);
        if (call.GradWeight == null)
            return;

        // Block by block, in order: the same sum for any number of threads.
        SumRows(partials, blocks, sums, sums + g.OutChannels, call.GradWeight);
        if (call.GradBias != null)
            SumRows(partials + sums, blocks, g.OutChannels, sums + g.OutChannels, call.GradBias);
    }

    // Output place o meets input place o * stride + offset, where that is inside the input.
    private static (int First, int Count) OutputRange(int offset, int stride, int inputs, int outputs)
    {
        var first = offset < 0 ? CeilDiv(-offset, stride) : 0;
        var last = offset >= inputs ? -1 : Math.Min(outputs - 1, (inputs - 1 - offset) / stride);
        return (first, Math.Max(0, last - first + 1));
    }

    /// <summary>The kernel places of a window that are inside the input: from the first, and up to the end, which may lie
    /// before it.</summary>
    private static (int First, int End) TapsInside(int begin, int dilation, int kernel, int inputs) => dilation == 1
        ? (Math.Max(0, -begin), Math.Min(kernel, inputs - begin))
        : (CeilDiv(Math.Max(0, -begin), dilation), Math.Min(kernel, CeilDiv(Math.Max(0, inputs - begin), dilation)));

    /// <summary>sums[i] = rows[0][i] + rows[1][i] + ...</summary>
    [MethodImpl(Compiled.AsLoop)]
    private static void SumRows(T* rows, int count, long length, long step, T* sums)
    {
        for (long i = 0; i < length; i += TSimd.Count)
        {
            // Four at once, for every addition waits for the one before it.
            TVector a = TSimd.Zero, b = a, c = a, d = a;
            T* x = rows + i;
            var row = 0;
            for (; row + 4 <= count; row += 4, x += 4 * step)
            {
                a = TSimd.Add(a, TSimd.Load(x));
                b = TSimd.Add(b, TSimd.Load(x + step));
                c = TSimd.Add(c, TSimd.Load(x + 2 * step));
                d = TSimd.Add(d, TSimd.Load(x + 3 * step));
            }

            for (; row < count; row++, x += step)
                a = TSimd.Add(a, TSimd.Load(x));
            var sum = TSimd.Add(TSimd.Add(a, b), TSimd.Add(c, d));
            if (i + TSimd.Count <= length)
            {
                TSimd.Store(sum, sums + i);
                continue;
            }

            for (var lane = 0; lane < length - i; lane++)
                sums[i + lane] = ((T*)&sum)[lane];
        }
    }

    /// <summary>How many chunks one block of images is cut into, so that every worker has some. A value is computed in
    /// one chunk wholly, so the cut does not change it.</summary>
    private int PartsPerBlock(int blocks, int tiles) => Math.Clamp(CeilDiv(2 * _pool.Workers, blocks), 1, tiles);

    /// <summary>Whether the parts of a block read what all workers transposed together. A small block is sooner transposed
    /// by each for itself than fetched from the caches of others.</summary>
    private static bool AreShared(long blockElements, int parts) =>
        parts > 1 && blockElements * sizeof(T) > SharedBlockBytes;

    /// <summary>Into how many parts channels are cut, so that the places of a window that slides over them, and its weights,
    /// are no more than <see cref="WindowBytes"/>.</summary>
    private static int ImageChannelBlocks(int channels, int taps, int places) =>
        (int)CeilDiv((long)channels * (taps * TSimd.MaxRows + places * BlockLanes) * sizeof(T), WindowBytes);

    /// <summary>The first of the elements of a share, and how many there are.</summary>
    private static (int First, int Count) Share(int elements, int share, int shares)
    {
        int first = (int)((long)share * elements / shares), end = (int)((share + 1L) * elements / shares);
        return (first, end - first);
    }

    /// <summary>The lines that a tile of a block of images will be written to, asked for while it is computed.</summary>
    private struct LinesAhead
    {
        private readonly nint _imageStep;
        private readonly int _linesPerImage;
        private readonly int _linesPerPlace;
        private T* _image;
        private int _line;
        private int _images;

        public LinesAhead(T* first, nint imageStep, int images, long elements, long places)
        {
            (_imageStep, _images) = (imageStep, images);
            _image = first;
            _linesPerImage = (int)CeilDiv(elements * sizeof(T), CacheLines.Bytes);
            _linesPerPlace = (int)CeilDiv((long)images * _linesPerImage, places);
        }

        /// <summary>A place's share of them.</summary>
        public void PrefetchSome()
        {
            for (var i = 0; i < _linesPerPlace && _images > 0; i++)
            {
                PrefetchSecondLevel(_image + _line * (CacheLines.Bytes / sizeof(T)));
                if (++_line == _linesPerImage)
                {
                    _line = 0;
                    _image += _imageStep;
                    _images--;
                }
            }
        }
    }

    /// <summary>A chunk is a block of images and a share of the tiles of output channels.</summary>
    private readonly struct ImageConv2dForwardJob(
        CpuOperators<TSimd, TVector, T> operators, Conv2dGeometry g, ImagePlanes inputs, T* packed, T* bias, T* output,
        RowTiles tiles, int parts) : IChunkJob
    {
        private readonly int _channelBlocks = ImageChannelBlocks(
            g.InChannels, g.KernelHeight * g.KernelWidth, g.KernelHeight * (g.KernelWidth + g.StrideX));

        public int Chunks => parts * inputs.Blocks;

        public void Run(int chunk, int worker)
        {
            var (block, part) = Math.DivRem(chunk, parts);
            int lanes = BlockLanes, firstImage = block * lanes, images = Math.Min(lanes, g.Batch - firstImage);
            var places = (long)g.OutHeight * g.OutWidth;
            var own = operators._perWorker[worker].Get<T>(inputs.OwnElements + TSimd.MaxRows * places * lanes);
            var results = own + inputs.OwnElements;
            var input = inputs.Get(block, own);
            for (var tile = part; tile < tiles.Count; tile += parts)
            {
                var channels = Math.Min(tiles.Size(tile), g.OutChannels - tiles.Start(tile));
                var destination = output + firstImage * g.OutImage + tiles.Start(tile) * places;
                RunTile(
                    input, results, tile, new LinesAhead(destination, g.OutImage, images, channels * places, places));
                ImageBlocks<TSimd, TVector, T>.Deinterleave(
                    results, destination, g.OutImage, images, channels * places);
            }
        }

        [MethodImpl(Compiled.AsLoop)]
        private void RunTile(T* block, T* results, int tile, LinesAhead ahead)
        {
            nint lanes = BlockLanes;
            int rows = tiles.Size(tile), places = g.OutHeight * g.OutWidth;
            nint tap = (nint)g.InChannels * rows;
            var weights = packed + tiles.Start(tile) * ((long)g.InChannels * g.KernelHeight * g.KernelWidth);
            for (var channelBlock = 0; channelBlock < _channelBlocks; channelBlock++)
            {
                var (first, channels) = Share(g.InChannels, channelBlock, _channelBlocks);
                var window = new TapWindow(
                    0, 0, channels,
                    g.DilationY * g.InWidth * lanes, g.DilationX * lanes, inputs.Plane,
                    g.KernelWidth * tap, tap, rows);
                var vectors = block + first * inputs.Plane;
                var scalars = weights + (nint)first * rows;
                var initial = bias + (channelBlock == 0 ? tiles.Start(tile) : tiles.PaddedRows);
                var isLast = channelBlock == _channelBlocks - 1;
                for (var y = 0; y < g.OutHeight; y++)
                {
                    var top = y * g.StrideY - g.PaddingY;
                    var (rowStart, rowEnd) = TapsInside(top, g.DilationY, g.KernelHeight, g.InHeight);
                    for (var x = 0; x < g.OutWidth; x++)
                    {
                        var left = x * g.StrideX - g.PaddingX;
                        var (columnStart, columnEnd) = TapsInside(left, g.DilationX, g.KernelWidth, g.InWidth);
                        if (isLast)
                            ahead.PrefetchSome();
                        if (window.Outer != rowEnd - rowStart || window.Middle != columnEnd - columnStart)
                            window = window with { Outer = rowEnd - rowStart, Middle = columnEnd - columnStart };
                        MicroKernel<TSimd, TVector, T>.Run(
                            rows,
                            vectors + ((top + rowStart * g.DilationY) * g.InWidth + left + columnStart * g.DilationX) * lanes,
                            scalars + (rowStart * g.KernelWidth + columnStart) * tap,
                            initial,
                            results + (y * g.OutWidth + x) * lanes,
                            places * lanes,
                            in window,
                            add: channelBlock > 0);
                    }
                }
            }
        }
    }

    /// <summary>A chunk is a block of images, a share of the tiles of input channels, whose gradients it computes, and a
    /// share of the output channels, four at a time, for the weights. The weights' sums go to the block's row of
    /// partials, if there are any, and those of the biases behind them.</summary>
    private readonly struct ImageConv2dBackwardJob(
        CpuOperators<TSimd, TVector, T> operators, Conv2dGeometry g, ImagePlanes inputs, ImagePlanes gradients, T* packed,
        T* zeros, T* gradInput, RowTiles tiles, T* partials, int parts) : IChunkJob
    {
        public const int TileRows = DotKernel<TSimd, TVector, T>.TileRows;

        // What the output place moves by when the kernel place moves by the stride, both without common divisor.
        private readonly int _outStepY = g.DilationY / CommonDivisor(g.DilationY, g.StrideY);
        private readonly int _outStepX = g.DilationX / CommonDivisor(g.DilationX, g.StrideX);

        private readonly int _channelBlocks = ImageChannelBlocks(
            g.OutChannels, g.KernelHeight * g.KernelWidth, g.KernelHeight * (g.KernelWidth + 1));

        public int Chunks => parts * inputs.Blocks;

        public void Run(int chunk, int worker)
        {
            var (block, part) = Math.DivRem(chunk, parts);
            int lanes = BlockLanes, firstImage = block * lanes, images = Math.Min(lanes, g.Batch - firstImage);
            var inPlaces = (long)g.InHeight * g.InWidth;
            var inElements = partials == null ? 0 : inputs.OwnElements;
            var results = gradInput == null ? 0 : TSimd.MaxRows * inPlaces * lanes;
            var own = operators._perWorker[worker].Get<T>(gradients.OwnElements + Math.Max(inElements, results));
            var rest = own + gradients.OwnElements;
            var gradient = gradients.Get(block, own);

            for (var tile = part; gradInput != null && tile < tiles.Count; tile += parts)
            {
                var channels = Math.Min(tiles.Size(tile), g.InChannels - tiles.Start(tile));
                var destination = gradInput + firstImage * g.InImage + tiles.Start(tile) * inPlaces;
                RunInputTile(
                    gradient, rest, tile,
                    new LinesAhead(destination, g.InImage, images, channels * inPlaces, inPlaces));
                ImageBlocks<TSimd, TVector, T>.Deinterleave(
                    rest, destination, g.InImage, images, channels * inPlaces);
            }

            if (partials == null)
                return;
            RunWeights(inputs.Get(block, rest), gradient, block, part);
        }

        // Input place i takes part in output place o through kernel place k where o * stride = i + padding - k * dilation:
        // so k runs up while o runs down, both in steps without the common divisor of stride and dilation.
        [MethodImpl(Compiled.AsLoop)]
        private void RunInputTile(T* block, T* results, int tile, LinesAhead ahead)
        {
            nint lanes = BlockLanes;
            int rows = tiles.Size(tile), places = g.InHeight * g.InWidth;
            nint tap = (nint)g.OutChannels * rows;
            var weights = packed + tiles.Start(tile) * ((long)g.OutChannels * g.KernelHeight * g.KernelWidth);
            for (var channelBlock = 0; channelBlock < _channelBlocks; channelBlock++)
            {
                var (first, channels) = Share(g.OutChannels, channelBlock, _channelBlocks);
                var window = new TapWindow(
                    0, 0, channels,
                    -_outStepY * g.OutWidth * lanes, -_outStepX * lanes, gradients.Plane,
                    g.StrideY / (g.DilationY / _outStepY) * g.KernelWidth * tap, g.StrideX / (g.DilationX / _outStepX) * tap,
                    rows);
                var vectors = block + first * gradients.Plane;
                var scalars = weights + (nint)first * rows;
                var isLast = channelBlock == _channelBlocks - 1;
                for (var y = 0; y < g.InHeight; y++)
                {
                    var (firstRow, rowCount) = KernelRange(
                        y + g.PaddingY, g.StrideY, g.DilationY, g.KernelHeight, g.OutHeight);
                    for (var x = 0; x < g.InWidth; x++)
                    {
                        var (firstColumn, columnCount) = KernelRange(
                            x + g.PaddingX, g.StrideX, g.DilationX, g.KernelWidth, g.OutWidth);
                        if (isLast)
                            ahead.PrefetchSome();
                        if (window.Outer != rowCount || window.Middle != columnCount)
                            window = window with { Outer = rowCount, Middle = columnCount };
                        var outY = (y + g.PaddingY - firstRow * g.DilationY) / g.StrideY;
                        var outX = (x + g.PaddingX - firstColumn * g.DilationX) / g.StrideX;
                        MicroKernel<TSimd, TVector, T>.Run(
                            rows,
                            vectors + (outY * g.OutWidth + outX) * lanes,
                            scalars + (firstRow * g.KernelWidth + firstColumn) * tap,
                            zeros,
                            results + (y * g.InWidth + x) * lanes,
                            places * lanes,
                            in window,
                            add: channelBlock > 0);
                    }
                }
            }
        }

        private static (int First, int Count) KernelRange(int place, int stride, int dilation, int kernel, int outputs)
        {
            var lowest = Math.Max(0, place - (outputs - 1) * stride);
            if (dilation == 1)
            {
                var nearest = lowest + (place - lowest) % stride;
                var highest = Math.Min(kernel - 1, place);
                return nearest > highest ? (nearest, 0) : (nearest, (highest - nearest) / stride + 1);
            }

            var first = CeilDiv(lowest, dilation);
            var last = Math.Min(kernel - 1, place / dilation);
            var divisor = CommonDivisor(dilation, stride);
            if (place % divisor != 0)
                return (0, 0);
            while (first <= last && (place - first * dilation) % stride != 0)
                first++;
            return first > last ? (0, 0) : (first, (last - first) / (stride / divisor) + 1);
        }

        private static int CommonDivisor(int a, int b)
        {
            while (b != 0)
                (a, b) = (b, a % b);
            return a;
        }

        private void RunWeights(T* input, T* gradient, int block, int part)
        {
            var rowTiles = CeilDiv(g.OutChannels, TileRows);
            var (firstTile, tileCount) = Share(rowTiles, part, parts);
            int firstChannel = firstTile * TileRows, endChannel = Math.Min((firstTile + tileCount) * TileRows, g.OutChannels);
            var weights = (long)g.OutChannels * g.InChannels * g.KernelHeight * g.KernelWidth;
            var places = (long)g.OutHeight * g.OutWidth;
            var sums = partials + block * (weights + g.OutChannels);
            for (var channel = firstChannel; channel < endChannel; channel++)
                sums[weights + channel] = Total(gradient + channel * gradients.Plane, places);
            if (g.PaddingY == 0 && g.PaddingX == 0 && g.PaddingBelow <= 0 && g.PaddingRight <= 0)
            {
                // Every kernel place meets every output place, so tiles may run across places and channels.
                RunTiles(input, gradient, sums, firstChannel, endChannel, place: -1);
            }
            else
            {
                for (var place = 0; place < g.KernelHeight * g.KernelWidth; place++)
                    RunTiles(input, gradient, sums, firstChannel, endChannel, place);
            }
        }

        [MethodImpl(Compiled.AsLoop)]
        private static T Total(T* values, long places)
        {
            var first = TSimd.Zero;
            var second = TSimd.Zero;
            for (long i = 0; i < places; i++)
            {
                first = TSimd.Add(first, TSimd.Load(values + i * BlockLanes));
                second = TSimd.Add(second, TSimd.Load(values + i * BlockLanes + TSimd.Count));
            }

            return TSimd.Sum(TSimd.Add(first, second));
        }

        /// <summary>All tiles of one kernel place, or of all places where <paramref name="place"/> is -1.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private void RunTiles(T* input, T* gradient, T* sums, int firstChannel, int endChannel, int place)
        {
            nint lanes = BlockLanes;
            int places = g.KernelHeight * g.KernelWidth, taps = g.InChannels * places;
            var columns = place < 0 ? taps : g.InChannels;
            var (firstY, rows) = place < 0
                ? (0, g.OutHeight)
                : OutputRange(place / g.KernelWidth * g.DilationY - g.PaddingY, g.StrideY, g.InHeight, g.OutHeight);
            var (firstX, width) = place < 0
                ? (0, g.OutWidth)
                : OutputRange(place % g.KernelWidth * g.DilationX - g.PaddingX, g.StrideX, g.InWidth, g.OutWidth);
            var rectangle = new PositionRectangle(
                rows, width,
                g.OutWidth * lanes, lanes,
                g.StrideY * g.InWidth * lanes, g.StrideX * lanes);
            var firstGradient = (firstY * g.OutWidth + firstX) * lanes;
            var firstInput = ((firstY * g.StrideY - g.PaddingY) * g.InWidth + firstX * g.StrideX - g.PaddingX) * lanes;

            var maxColumns = DotKernel<TSimd, TVector, T>.MaxColumns;
            var columnTiles = CeilDiv(columns, maxColumns);
            var gradientRows = stackalloc T*[TileRows];
            var inputColumns = stackalloc T*[maxColumns];
            var tapOf = stackalloc int[maxColumns];
            var registers = stackalloc TVector[TileRows * maxColumns];
            var tileSums = (T*)registers;
            for (var tile = 0; tile < columnTiles; tile++)
            {
                // Past the last column or channel a tile repeats it, and the sum is dropped.
                var (start, count) = Share(columns, tile, columnTiles);
                var size = Math.Max(2, count);
                for (var i = 0; i < size; i++)
                {
                    var column = start + Math.Min(i, count - 1);
                    var tap = tapOf[i] = place < 0 ? column : column * places + place;
                    inputColumns[i] = input + firstInput + tap / places * inputs.Plane
                        + (tap % places / g.KernelWidth * g.DilationY * g.InWidth + tap % g.KernelWidth * g.DilationX)
                            * lanes;
                }

                for (var channel = firstChannel; channel < endChannel; channel += TileRows)
                {
                    for (var row = 0; row < TileRows; row++)
                    {
                        gradientRows[row] = gradient + firstGradient
                            + Math.Min(channel + row, endChannel - 1) * gradients.Plane;
                    }

                    new Span<TVector>(registers, TileRows * size).Clear();
                    DotKernel<TSimd, TVector, T>.Run(size, gradientRows, inputColumns, tileSums, in rectangle);
                    for (var row = 0; row < TileRows && channel + row < endChannel; row++)
                    {
                        for (var i = 0; i < count; i++)
                            sums[(long)(channel + row) * taps + tapOf[i]] = TSimd.Sum(registers[row * size + i]);
                    }
                }
            }
        }
    }
}
