using System.Runtime.CompilerServices;
using static CudaBn.Backends.Cpu.CacheLines;

namespace CudaBn.Backends.Cpu;

// The weight gradient of a convolution as dot products of planes of pixels, nothing being transposed: planes of the output
// gradient, read where they are, and one of the input per kernel place. Where the kernel is one weight, those of the input
// are read where they are as well; with few input channels, as in the first layer of a network, they are copied once per
// kernel column, see PixelColumns.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>Pixels of a band: four planes of gradients and a few of inputs in the first-level cache.</summary>
    private const int PixelsPerDotBand = 640;

    /// <summary>Pixels of a band of many input channels: the second-level cache holds all channels of it.</summary>
    private static int PixelsPerPointwiseBand => HasLargeSecondLevel ? 512 : 384;

    /// <summary>Sums of a chunk, registers all of them, beside the pixels of a band in the second-level cache.</summary>
    private const int DotSumBytes = 144 * 1024;

    /// <summary>As many planes of a band, copied by input channel and kernel column, as the second-level cache holds with room
    /// for the sums.</summary>
    private const int MaxPixelColumns = 48;

    /// <summary>More addresses than these do not belong on the stack.</summary>
    private const int MaxDotTaps = 4096;

    /// <summary>Whether the weight gradient does best on planes of pixels.</summary>
    private static bool PrefersDotProducts(in Conv2dGeometry g)
    {
        if (TSimd.Count == 1 || (long)g.InChannels * g.KernelHeight * g.KernelWidth > MaxDotTaps)
            return false;
        if (ReadsInputInPlace(in g))
            return true;
        if (g.InChannels <= FewChannels)
            return FilledBlocks(in g) > FilledImages(g.Batch) / 2;
        // Otherwise where both images and channels fill too few lanes, as those of a group of channels do.
        return (long)g.InChannels * g.KernelWidth * Math.Min(g.StrideY, g.SpanY) <= MaxPixelColumns
            && 0.75 * FilledBlocks(in g) > Math.Max(FilledImages(g.Batch), FilledChannels(in g));
    }

    /// <summary>Whether planes of the input and the output gradient meet pixel by pixel and consist of whole blocks,
    /// enough of them to be worth a tile.</summary>
    private static bool ReadsInputInPlace(in Conv2dGeometry g) =>
        IsPlain(in g) && g.KernelHeight == 1 && g.KernelWidth == 1
        && g.OutHeight * g.OutWidth % BlockLanes == 0 && g.OutHeight * g.OutWidth >= PixelsPerPointwiseBand;

    private void DotConv2dWeightGradient(in Conv2dBackwardCall<T> call)
    {
        var g = call.Geometry;
        var hasBias = call.GradBias != null;
        var job = new DotWeightGradientJob(this, g, call.Input, call.GradOutput, hasBias, partials: null);
        var partials = _shared.Get<T>((long)job.Shares * job.ElementsPerShare);
        job = new DotWeightGradientJob(this, g, call.Input, call.GradOutput, hasBias, partials);
        _pool.Run(ref job, job.Chunks);

        // Share by share, in order: the same sum for any number of threads.
        SumRows(partials, job.Shares, job.Weights, job.ElementsPerShare, call.GradWeight);
        if (hasBias)
            SumRows(partials + job.Weights, job.Shares, g.OutChannels, job.ElementsPerShare, call.GradBias);
    }

    /// <summary>A chunk is a share of the images and a part of the sums. Those of the weights, and those of the biases
    /// behind them, go to the share's part of partials.</summary>
    private readonly struct DotWeightGradientJob : IChunkJob
    {
        private const int TileRows = DotKernel<TSimd, TVector, T>.TileRows;

        private readonly CpuOperators<TSimd, TVector, T> _operators;
        private readonly Conv2dGeometry _g;
        private readonly T* _input;
        private readonly T* _gradOutput;
        private readonly T* _partials;
        private readonly bool _hasBias;
        private readonly bool _inPlace;
        private readonly int _bandRows;
        private readonly PixelColumns _columns;
        private readonly int _taps;
        private readonly int _rowTiles;
        private readonly int _columnTiles;

        // The sums are cut along the longer side, so that the planes of the shorter one are read once per part.
        private readonly int _rowParts;
        private readonly int _columnParts;

        public DotWeightGradientJob(
            CpuOperators<TSimd, TVector, T> operators, Conv2dGeometry g, T* input, T* gradOutput, bool hasBias, T* partials)
        {
            _inPlace = ReadsInputInPlace(in g);
            if (_inPlace)
            {
                // Rows do not matter: a block of pixels is one.
                var rows = g.OutHeight * g.OutWidth / BlockLanes;
                g = new Conv2dGeometry(
                    g.Batch, g.InChannels, rows, BlockLanes, g.OutChannels, rows, BlockLanes, 1, 1, 1, 1, 0, 0, 1, 1,
                    g.InImage, g.OutImage);
            }

            (_operators, _g, _hasBias) = (operators, g, hasBias);
            _input = input;
            _gradOutput = gradOutput;
            _partials = partials;
            var pixels = _inPlace ? PixelsPerPointwiseBand : PixelsPerDotBand;
            var bands = CeilDiv(g.OutHeight, Math.Clamp(pixels / g.OutWidth, 1, g.OutHeight));
            _bandRows = CeilDiv(g.OutHeight, bands);
            _columns = new PixelColumns(in g, _bandRows);
            _taps = g.InChannels * g.KernelHeight * g.KernelWidth;
            _rowTiles = CeilDiv(g.OutChannels, TileRows);
            _columnTiles = CeilDiv(_taps, DotKernel<TSimd, TVector, T>.MaxColumns);
            (_rowParts, _columnParts) = (1, 1);
            if (_inPlace)
            {
                var parts = (int)CeilDiv((long)_rowTiles * _columnTiles * TileElements * sizeof(T), DotSumBytes);
                if (g.OutChannels >= g.InChannels)
                    _rowParts = Math.Min(parts, _rowTiles);
                else
                    _columnParts = Math.Min(parts, _columnTiles);
            }
        }

        public int Chunks => Shares * _rowParts * _columnParts;

        public int Shares => Math.Min(
            _g.Batch, _inPlace ? CeilDiv(WeightGradientChunks, _rowParts * _columnParts) : PixelGradientShares);

        public long Weights => (long)_g.OutChannels * _taps;

        public long ElementsPerShare => Weights + _g.OutChannels;

        private static int TileElements => TileRows * DotKernel<TSimd, TVector, T>.MaxColumns * TSimd.Count;

        /// <summary>As many rows of tiles as leave room for the planes of a tile's taps in the first-level cache.</summary>
        private int TilesPerGroup => Math.Max(
            1, (FirstLevelBytes / sizeof(T) / (_bandRows * _g.OutWidth) - DotKernel<TSimd, TVector, T>.MaxColumns) / TileRows);

        /// <summary>Elements from the gradients of one channel to the next.</summary>
        private nint Plane => (nint)_g.OutHeight * _g.OutWidth;

        public void Run(int chunk, int worker)
        {
            var (share, part) = Math.DivRem(chunk, _rowParts * _columnParts);
            var (rowPart, columnPart) = Math.DivRem(part, _columnParts);
            // Where every tap starts, once more the last for a tile of one tap, and the first tap of every tile.
            var taps = stackalloc nint[_taps + 1];
            for (var tap = 0; tap <= _taps; tap++)
                taps[tap] = Tap(Math.Min(tap, _taps - 1));
            var starts = stackalloc int[_columnTiles + 1];
            for (var column = 0; column <= _columnTiles; column++)
                starts[column] = (int)((long)column * _taps / _columnTiles);
            var tiles = new TileRange(
                rowPart * _rowTiles / _rowParts, (rowPart + 1) * _rowTiles / _rowParts,
                columnPart * _columnTiles / _columnParts, (columnPart + 1) * _columnTiles / _columnParts, taps, starts);
            var copyStep = PixelPlanes<TSimd, TVector, T>.Step(CeilDiv(_bandRows * _g.OutWidth, BlockLanes) * BlockLanes);
            var inElements = _inPlace ? 0 : _columns.Elements;
            var copyElements = _inPlace ? 0 : (long)_g.OutChannels * copyStep;
            var sumElements = (long)tiles.Count * TileElements;
            var biasElements = (long)_rowTiles * TileRows * TSimd.Count;
            var inputs = _operators._perWorker[worker].Get<T>(inElements + copyElements + sumElements + biasElements);
            var copy = inputs + inElements;
            var sums = copy + copyElements;
            var biases = sums + sumElements;
            new Span<T>(sums, checked((int)(sumElements + biasElements))).Clear();

            var (first, images) = Share(_g.Batch, share, Shares);
            var end = first + images;
            for (var image = first; image < end; image++)
            {
                var gradients = _gradOutput + image * _g.OutImage;
                var input = _input + image * _g.InImage;
                for (var row = 0; row < _g.OutHeight; row += _bandRows)
                {
                    int rows = Math.Min(_bandRows, _g.OutHeight - row), pixels = rows * _g.OutWidth;
                    var source = gradients + row * _g.OutWidth;
                    T* next = null;
                    T* nextInput = null;
                    if (row + rows < _g.OutHeight)
                    {
                        next = source + pixels;
                        nextInput = input + (row + rows) * _g.InWidth;
                    }
                    else if (image + 1 < end)
                    {
                        next = gradients + _g.OutImage;
                        nextInput = input + _g.InImage;
                    }

                    if (_inPlace)
                    {
                        RunTiles(
                            input + row * _g.InWidth, source, Plane, pixels, in tiles, sums, biases, next, nextInput);
                        continue;
                    }

                    _columns.Copy(input, row, rows, inputs);
                    if (pixels % BlockLanes == 0)
                    {
                        RunTiles(inputs, source, Plane, pixels, in tiles, sums, biases, next, null);
                        continue;
                    }

                    CopyGradients(source, pixels, copy, copyStep);
                    RunTiles(
                        inputs, copy, copyStep, CeilDiv(pixels, BlockLanes) * BlockLanes, in tiles, sums, biases, next, null);
                }
            }

            Store(in tiles, sums, biases, _partials + share * ElementsPerShare);
        }

        /// <summary>Fills up the last block of pixels with zeros.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private void CopyGradients(T* source, int pixels, T* copy, int step)
        {
            for (var channel = 0; channel < _g.OutChannels; channel++, source += Plane, copy += step)
            {
                PixelPlanes<TSimd, TVector, T>.CopyRow(source, copy, pixels);
                new Span<T>(copy + pixels, step - pixels).Clear();
            }
        }

        /// <summary>All dot products of a band. Some planes of gradients stay in the first-level cache while those of the
        /// input pass by. Meanwhile the next band is asked for, tile by tile.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private void RunTiles(
            T* inputs, T* gradients, nint step, int pixels, in TileRange tiles, T* sums, T* biases, T* next, T* nextInput)
        {
            var rectangle = new PositionRectangle(1, pixels / BlockLanes, 0, BlockLanes, 0, BlockLanes);
            var gradientRows = stackalloc T*[TileRows];
            var tapRows = stackalloc T*[_taps + 1];
            for (var tap = 0; tap <= _taps; tap++)
                tapRows[tap] = inputs + tiles.Taps[tap];
            var columnTiles = tiles.EndColumn - tiles.FirstColumn;
            int perGroup = TilesPerGroup, groups = CeilDiv(tiles.EndRow - tiles.FirstRow, perGroup);
            int line = CacheLines.Bytes / sizeof(T), linesPerTile = CeilDiv(CeilDiv(pixels, line), columnTiles);
            for (var group = 0; group < groups; group++)
            {
                int firstTile = tiles.FirstRow + group * perGroup;
                int endTile = Math.Min(firstTile + perGroup, tiles.EndRow);
                for (var column = 0; column < columnTiles; column++)
                {
                    int start = tiles.Starts[tiles.FirstColumn + column], end = tiles.Starts[tiles.FirstColumn + column + 1];
                    for (var tile = firstTile; tile < endTile; tile++)
                    {
                        // Past the last channel a tile repeats it, and the sum is dropped.
                        var channel = tile * TileRows;
                        for (var row = 0; row < TileRows; row++)
                            gradientRows[row] = gradients + Math.Min(channel + row, _g.OutChannels - 1) * step;
                        if (_hasBias && start == 0)
                            AddBiases(gradientRows, pixels, biases + (nint)channel * TSimd.Count);
                        DotKernel<TSimd, TVector, T>.Run(
                            Math.Max(2, end - start), gradientRows, tapRows + start, sums, in rectangle);
                        sums += TileElements;
                        if (next != null)
                            PrefetchRows(next + channel * Plane + column * linesPerTile * line, linesPerTile);
                    }

                    for (var tap = start; nextInput != null && column % groups == group && tap < end; tap++)
                    {
                        for (var pixel = 0; pixel < pixels; pixel += line)
                            PrefetchSecondLevel(nextInput + tiles.Taps[tap] + pixel);
                    }
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void PrefetchRows(T* rows, int lines)
        {
            for (var i = 0; i < lines; i++, rows += CacheLines.Bytes / sizeof(T))
            {
                PrefetchSecondLevel(rows);
                PrefetchSecondLevel(rows + Plane);
                PrefetchSecondLevel(rows + 2 * Plane);
                PrefetchSecondLevel(rows + 3 * Plane);
            }
        }

        private nint Tap(int tap) => _inPlace ? tap * (nint)_g.InHeight * _g.InWidth : _columns.Tap(tap);

        private void AddBiases(T** rows, int pixels, T* biases)
        {
            for (var row = 0; row < TileRows; row++)
                AddLanes(rows[row], pixels, biases + row * TSimd.Count);
        }

        [MethodImpl(Compiled.AsLoop)]
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

        /// <summary>Adds up the lanes of all sums, which lie in the order of <see cref="RunTiles"/>.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private void Store(in TileRange tiles, T* sums, T* biases, T* destination)
        {
            var perGroup = TilesPerGroup;
            for (var firstTile = tiles.FirstRow; firstTile < tiles.EndRow; firstTile += perGroup)
            {
                var endTile = Math.Min(firstTile + perGroup, tiles.EndRow);
                for (var column = tiles.FirstColumn; column < tiles.EndColumn; column++)
                {
                    int start = tiles.Starts[column], count = tiles.Starts[column + 1] - start, size = Math.Max(2, count);
                    for (var tile = firstTile; tile < endTile; tile++, sums += TileElements)
                    {
                        var registers = (TVector*)sums;
                        var rows = Math.Min(TileRows, _g.OutChannels - tile * TileRows);
                        var results = destination + (long)tile * TileRows * _taps + start;
                        for (var row = 0; row < rows; row++, results += _taps)
                        {
                            for (var i = 0; i < count; i++)
                                results[i] = TSimd.Sum(registers[row * size + i]);
                        }
                    }
                }
            }

            var endChannel = Math.Min(tiles.EndRow * TileRows, _g.OutChannels);
            for (var channel = tiles.FirstRow * TileRows; tiles.FirstColumn == 0 && channel < endChannel; channel++)
                destination[Weights + channel] = TSimd.Sum(TSimd.Load(biases + (nint)channel * TSimd.Count));
        }

        /// <summary>Tiles of four gradients and of a few taps: the first tap of every tile, and where taps start.</summary>
        private readonly struct TileRange(
            int firstRow, int endRow, int firstColumn, int endColumn, nint* taps, int* starts)
        {
            public int FirstRow { get; } = firstRow;

            public int EndRow { get; } = endRow;

            public int FirstColumn { get; } = firstColumn;

            public int EndColumn { get; } = endColumn;

            public nint* Taps { get; } = taps;

            public int* Starts { get; } = starts;

            public int Count => (EndRow - FirstRow) * (EndColumn - FirstColumn);
        }
    }
}
