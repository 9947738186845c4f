using System.Runtime.CompilerServices;

namespace CudaBn.Backends.Cpu;

// Winograd's minimal filtering as in WinogradConv2d, but with neighbouring tiles in the lanes of registers, counted through rows
// and images: for images that are too few to fill the lanes, or have so many channels that products are most of the work. Nothing
// is transposed: a register of inputs is every other element of a row, and one of outputs is interleaved with its neighbour when
// it is stored.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>Blocks of tiles whose inputs are copied together: rows that two of them see are copied once.</summary>
    private const int WinogradBlocksTogether = 4;

    /// <summary>Fewer tiles of output channels would cost less than the inputs that are transformed for them.</summary>
    private const int MinTilesOfPart = 5;

    // What a channel of a tile costs in multiply-adds: its 16 products transformed from inputs, if all lanes are in use, or to
    // outputs. Measured on Zen 4.
    private const double WinogradInputsCost = 200;
    private const double WinogradOutputsCost = 180;

    /// <summary>What an image takes with lanes of tiles, in multiply-adds.</summary>
    private static double WinogradTilesCost(in Conv2dGeometry g)
    {
        var tiles = (double)WinogradTiles(in g);
        var filled = tiles * g.Batch / (Math.Ceiling(tiles * g.Batch / BlockLanes) * BlockLanes);
        // Registers of inputs of a block: those of each row it takes, and mostly one row is in two blocks.
        var columns = CeilDiv(g.OutWidth, WinogradOutputs);
        var registers = (double)BlockLanes / columns * CeilDiv(columns, TSimd.Count)
            + (BlockLanes % columns == 0 || columns % BlockLanes == 0 ? 0 : 1);
        return tiles * ((double)g.InChannels * g.OutChannels * WinogradProducts / (PanelSpeed * filled)
                + WinogradInputsCost * g.InChannels * registers / 2 + WinogradOutputsCost * g.OutChannels)
            + WinogradKernelsCost(in g);
    }

    /// <summary>Neighbouring tiles of a row, side by side in lanes.</summary>
    /// <param name="Lane">The first lane.</param>
    /// <param name="Count">How many.</param>
    /// <param name="Source">Where the inputs of the first tile are in a plane.</param>
    /// <param name="Image">The image.</param>
    /// <param name="Row">The row of the first output.</param>
    /// <param name="Column">The column of the first output.</param>
    private readonly record struct TileRun(int Lane, int Count, int Source, int Image, int Row, int Column);

    /// <summary>Rows of tiles, and the planes that hold the inputs they see.</summary>
    /// <param name="First">The first row.</param>
    /// <param name="End">The one behind the last.</param>
    /// <param name="Plane">Elements from one plane to the next.</param>
    private readonly record struct TileRows(long First, long End, nint Plane);

    /// <summary>All tiles of a convolution, in blocks of as many as lanes.</summary>
    private readonly struct WinogradBlocks
    {
        private readonly Conv2dGeometry _g;
        private readonly T* _input;
        private readonly T* _output;
        private readonly int _tileRows;
        private readonly int _tileColumns;
        private readonly int _pitch;

        public WinogradBlocks(in Conv2dGeometry g, T* input, T* output)
        {
            _g = g;
            _input = input;
            _output = output;
            _tileRows = CeilDiv(g.OutHeight, WinogradOutputs);
            _tileColumns = CeilDiv(g.OutWidth, WinogradOutputs);
            _pitch = WinogradOutputs * _tileColumns + WinogradInputs - WinogradOutputs;
            Count = checked((int)CeilDiv(AllTiles, BlockLanes));
            // Registers may be written past the last lane of a channel, whose next one is written later. An odd number of channels
            // apart, products do not fall into the same few sets of the first-level cache.
            ProductStep = (nint)(g.InChannels + 1 | 1) * BlockLanes;
        }

        public int Count { get; }

        /// <summary>Elements from one product of the inputs of a block to the next.</summary>
        public nint ProductStep { get; }

        /// <summary>Elements of the inputs of a block.</summary>
        public nint InputsLength => WinogradProducts * ProductStep;

        /// <summary>Elements of the sums of a tile of output channels.</summary>
        public static nint SumsLength => WinogradProducts * TSimd.MaxRows * BlockLanes;

        /// <summary>Elements that <see cref="StoreTile"/> needs room for.</summary>
        public static nint OutputsLength => 2 * WinogradOutputs * BlockLanes;

        private long AllTiles => (long)_g.Batch * _tileRows * _tileColumns;

        public TileRows RowsOf(int firstBlock, int blocks)
        {
            long first = (long)firstBlock * BlockLanes, end = Math.Min(first + (long)blocks * BlockLanes, AllTiles);
            long firstRow = first / _tileColumns, endRow = (end - 1) / _tileColumns + 1;
            var rows = PlaneRow(endRow - 1, firstRow) + WinogradInputs;
            return new(firstRow, endRow, PixelPlanes<TSimd, TVector, T>.Step(rows * _pitch));
        }

        /// <summary>Elements of the planes. Registers are read past the last row.</summary>
        public nint PlanesLength(TileRows rows) => _g.InChannels * rows.Plane + 2 * BlockLanes;

        [MethodImpl(Compiled.AsLoop)]
        public void CopyRows(TileRows rows, T* planes)
        {
            var inside = OutputRange(-_g.PaddingX, 1, _g.InWidth, _pitch);
            for (var row = rows.First; row < rows.End;)
            {
                var (image, first) = Math.DivRem(row, _tileRows);
                var count = (int)Math.Min(_tileRows - first, rows.End - row);
                var lines = WinogradOutputs * count + WinogradInputs - WinogradOutputs;
                var source = _input + (nint)image * _g.InImage - _g.PaddingX;
                var destination = planes + (nint)PlaneRow(row, rows.First) * _pitch;
                for (var channel = 0; channel < _g.InChannels; channel++)
                {
                    var y = WinogradOutputs * (int)first - _g.PaddingY;
                    for (var i = 0; i < lines; i++, y++)
                    {
                        PixelPlanes<TSimd, TVector, T>.CopyLine(
                            source, y, _g.InHeight, _g.InWidth, 1, destination + (nint)i * _pitch, inside, _pitch);
                    }

                    source += (nint)_g.InHeight * _g.InWidth;
                    destination += rows.Plane;
                }

                row += count;
            }
        }

        /// <summary>The runs that the tiles of a block are.</summary>
        /// <param name="block">The block.</param>
        /// <param name="firstRow">The first row of tiles that planes hold.</param>
        /// <param name="runs">Room for as many as lanes.</param>
        /// <returns>How many.</returns>
        public int FindRuns(int block, long firstRow, TileRun* runs)
        {
            var first = (long)block * BlockLanes;
            var tiles = (int)Math.Min(BlockLanes, AllTiles - first);
            var count = 0;
            for (var lane = 0; lane < tiles;)
            {
                var (row, column) = Math.DivRem(first + lane, _tileColumns);
                var (image, rowOfImage) = Math.DivRem(row, _tileRows);
                var length = Math.Min(_tileColumns - (int)column, tiles - lane);
                runs[count++] = new TileRun(
                    lane, length, PlaneRow(row, firstRow) * _pitch + WinogradOutputs * (int)column, (int)image,
                    WinogradOutputs * (int)rowOfImage, WinogradOutputs * (int)column);
                lane += length;
            }

            return count;
        }

        /// <summary>inputs[product][channel][lane] = B^T d B. Lanes without a tile hold something.</summary>
        [MethodImpl(Compiled.AsLoop)]
        public void TransformRuns(T* planes, nint plane, TileRun* runs, int count, T* inputs)
        {
            for (var channel = 0; channel < _g.InChannels; channel++, planes += plane, inputs += BlockLanes)
            {
                for (var run = 0; run < count; run++)
                {
                    T* source = planes + runs[run].Source, destination = inputs + runs[run].Lane;
                    for (var left = runs[run].Count; left > 0; left -= TSimd.Count)
                    {
                        TransformTiles(source, _pitch, destination, ProductStep);
                        source += BlockLanes;
                        destination += TSimd.Count;
                    }
                }
            }
        }

        /// <summary>The outputs of a block in a tile of output channels, from the sums of its products.</summary>
        [MethodImpl(Compiled.AsLoop)]
        public void StoreTile(RowTiles tiles, int tile, T* sums, T* outputs, TileRun* runs, int count)
        {
            int start = tiles.Start(tile), size = tiles.Size(tile);
            var channels = Math.Min(size, _g.OutChannels - start);
            nint plane = (nint)_g.OutHeight * _g.OutWidth, row = WinogradOutputs * BlockLanes;
            for (var channel = 0; channel < channels; channel++, sums += BlockLanes)
            {
                InterleaveSums(sums, size * BlockLanes, outputs, row);
                var output = _output + (start + channel) * plane;
                for (var run = 0; run < count; run++)
                {
                    ref readonly var r = ref runs[run];
                    var source = outputs + WinogradOutputs * r.Lane;
                    var destination = output + r.Image * _g.OutImage + (nint)r.Row * _g.OutWidth + r.Column;
                    var width = Math.Min(WinogradOutputs * r.Count, _g.OutWidth - r.Column);
                    PixelPlanes<TSimd, TVector, T>.CopyRow(source, destination, width);
                    if (r.Row + 1 < _g.OutHeight)
                        PixelPlanes<TSimd, TVector, T>.CopyRow(source + row, destination + _g.OutWidth, width);
                }
            }
        }

        /// <summary>The first row of the planes that a row of tiles sees: two for each, and two more at the end of an
        /// image.</summary>
        private int PlaneRow(long row, long firstRow) => (int)(WinogradOutputs * (row - firstRow)
            + (WinogradInputs - WinogradOutputs) * (row / _tileRows - firstRow / _tileRows));
    }

    /// <summary>A chunk is some blocks of tiles and a share of the tiles of output channels. A value is computed in one chunk
    /// wholly, so the cut does not change it.</summary>
    private readonly struct WinogradTilesJob : IChunkJob
    {
        private readonly CpuOperators<TSimd, TVector, T> _operators;
        private readonly WinogradBlocks _blocks;
        private readonly PackedWinogradKernels _kernels;
        private readonly int _groups;
        private readonly int _parts;

        public WinogradTilesJob(
            CpuOperators<TSimd, TVector, T> operators, in WinogradBlocks blocks, in PackedWinogradKernels kernels)
        {
            (_operators, _blocks, _kernels) = (operators, blocks, kernels);
            var workers = operators._pool.Workers;
            // As many for every worker. Parts transform the same inputs, and are worth it where groups would be uneven.
            _groups = CeilDiv(CeilDiv(blocks.Count, WinogradBlocksTogether), workers) * workers;
            _parts = Math.Clamp(CeilDiv(2 * workers, _groups), 1, Math.Max(1, _kernels.Tiles.Count / MinTilesOfPart));
            _groups = Math.Min(_parts == 1 ? Math.Max(_groups, 2 * workers) : _groups, blocks.Count);
        }

        public int Chunks => _groups * _parts;

        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            var (group, part) = Math.DivRem(chunk, _parts);
            var (firstBlock, blocks) = Share(_blocks.Count, group, _groups);
            var (firstTile, tiles) = Share(_kernels.Tiles.Count, part, _parts);
            var rows = _blocks.RowsOf(firstBlock, blocks);
            var planes = _operators._perWorker[worker].Get<T>(
                _blocks.PlanesLength(rows) + _blocks.InputsLength + WinogradBlocks.SumsLength + WinogradBlocks.OutputsLength);
            T* inputs = planes + _blocks.PlanesLength(rows), sums = inputs + _blocks.InputsLength;
            var outputs = sums + WinogradBlocks.SumsLength;
            var runs = stackalloc TileRun[BlockLanes];
            _blocks.CopyRows(rows, planes);
            for (var block = firstBlock; block < firstBlock + blocks; block++)
            {
                var count = _blocks.FindRuns(block, rows.First, runs);
                _blocks.TransformRuns(planes, rows.Plane, runs, count, inputs);
                for (var tile = firstTile; tile < firstTile + tiles; tile++)
                {
                    _kernels.Multiply(tile, inputs, _blocks.ProductStep, sums);
                    _blocks.StoreTile(_kernels.Tiles, tile, sums, outputs, runs, count);
                }
            }
        }
    }

    /// <summary>B^T d B of a register of neighbouring tiles, whose inputs are rows of one plane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TransformTiles(T* source, nint pitch, T* products, nint productStep)
    {
        TransformTileRow(source, out var a0, out var a1, out var a2, out var a3);
        TransformTileRow(source + pitch, out var b0, out var b1, out var b2, out var b3);
        TransformTileRow(source + 2 * pitch, out var c0, out var c1, out var c2, out var c3);
        TransformTileRow(source + 3 * pitch, out var d0, out var d1, out var d2, out var d3);
        TransformRow(a0, b0, c0, d0, products, 4 * productStep);
        TransformRow(a1, b1, c1, d1, products + productStep, 4 * productStep);
        TransformRow(a2, b2, c2, d2, products + 2 * productStep, 4 * productStep);
        TransformRow(a3, b3, c3, d3, products + 3 * productStep, 4 * productStep);
    }

    /// <summary>d B of one row of the inputs: those of neighbouring tiles are two columns apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TransformTileRow(
        T* row, out TVector first, out TVector second, out TVector third, out TVector fourth)
    {
        TSimd.Deinterleave(TSimd.Load(row), TSimd.Load(row + TSimd.Count), out var d0, out var d1);
        TSimd.Deinterleave(
            TSimd.Load(row + WinogradOutputs), TSimd.Load(row + TSimd.Count + WinogradOutputs), out var d2, out var d3);
        TransformFour(d0, d1, d2, d3, out first, out second, out third, out fourth);
    }

    /// <summary>A^T m A of the sums of products of a block of tiles: two rows of outputs.</summary>
    [MethodImpl(Compiled.AsLoop)]
    private static void InterleaveSums(T* sums, nint productStep, T* outputs, nint rowStep)
    {
        for (nint half = 0; half < BlockLanes; half += TSimd.Count)
        {
            SumTile(sums + half, productStep, out var topLeft, out var topRight, out var bottomLeft, out var bottomRight);
            var row = outputs + 2 * half;
            TSimd.Interleave(topLeft, topRight, out var low, out var high);
            TSimd.Store(low, row);
            TSimd.Store(high, row + TSimd.Count);
            TSimd.Interleave(bottomLeft, bottomRight, out low, out high);
            TSimd.Store(low, row + rowStep);
            TSimd.Store(high, row + rowStep + TSimd.Count);
        }
    }
}
