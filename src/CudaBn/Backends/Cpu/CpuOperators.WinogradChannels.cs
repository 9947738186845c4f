using System.Runtime.CompilerServices;

namespace CudaBn.Backends.Cpu;

// Winograd's minimal filtering with tiles in the lanes, where kernels are more than inputs, as in one image of many channels:
// all inputs are transformed first, and then a tile of output channels after the other transforms its kernels and multiplies
// them at once. They never leave the second-level cache of the processor that made them, while those of all channels would go
// through memory that processors share, or, where they share none, from one to the other.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>How many output channels there must be for a tile, lanes without one included. Measured on Zen 4, with two
    /// processors that share a cache and two that do not: fewer gain nothing.</summary>
    private const int LeastChannelsPerTile = 2;

    /// <summary>Whether kernels are many beside the tiles, and those of a tile of output channels fit in the second-level
    /// cache.</summary>
    private static bool PrefersWinogradByChannels(in Conv2dGeometry g, in WinogradBlocks blocks) =>
        g.OutChannels >= (long)LeastChannelsPerTile * blocks.Count * BlockLanes
        && WinogradProducts * WinogradWeightStep(g.InChannels, new RowTiles(g.OutChannels, TSimd.MaxRows)) * sizeof(T)
            <= SecondLevelBytes;

    private void WinogradConv2dByChannels(in Conv2dGeometry g, WinogradKernels kernels, T* bias, in WinogradBlocks blocks)
    {
        var tiles = new RowTiles(g.OutChannels, TSimd.MaxRows);
        var inputs = _packed.Get<T>(blocks.Count * blocks.InputsLength + tiles.PaddedRows + TSimd.MaxRows);
        var initial = inputs + blocks.Count * blocks.InputsLength;
        PackBias(bias, initial, tiles);
        var transform = new WinogradInputsJob(this, in blocks, inputs);
        _pool.Run(ref transform, blocks.Count);
        var multiply = new WinogradChannelsJob(this, in g, in blocks, kernels, tiles, inputs, initial);
        _pool.Run(ref multiply, tiles.Count);
    }

    /// <summary>The transformed inputs of all blocks. A chunk is a block.</summary>
    private readonly struct WinogradInputsJob(
        CpuOperators<TSimd, TVector, T> operators, in WinogradBlocks blocks, T* inputs) : IChunkJob
    {
        private readonly WinogradBlocks _blocks = blocks;

        public void Run(int chunk, int worker)
        {
            var rows = _blocks.RowsOf(chunk, 1);
            var planes = operators._perWorker[worker].Get<T>(_blocks.PlanesLength(rows));
            var runs = stackalloc TileRun[BlockLanes];
            _blocks.CopyRows(rows, planes);
            var count = _blocks.FindRuns(chunk, rows.First, runs);
            _blocks.TransformRuns(planes, rows.Plane, runs, count, inputs + chunk * _blocks.InputsLength);
        }
    }

    /// <summary>A chunk is a tile of output channels, of all blocks.</summary>
    private readonly struct WinogradChannelsJob(
        CpuOperators<TSimd, TVector, T> operators, in Conv2dGeometry g, in WinogradBlocks blocks, WinogradKernels kernels,
        RowTiles tiles, T* inputs, T* initial) : IChunkJob
    {
        private readonly int _channels = g.InChannels;
        private readonly WinogradBlocks _blocks = blocks;

        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            var step = WinogradWeightStep(_channels, tiles);
            var packed = operators._perWorker[worker].Get<T>(
                WinogradProducts * step + WinogradBlocks.SumsLength + WinogradBlocks.OutputsLength);
            T* sums = packed + WinogradProducts * step, outputs = sums + WinogradBlocks.SumsLength;
            // Where those of tile 0 would be.
            var ofAll = packed - chunk * WinogradProducts * step;
            new WinogradPackJob(kernels, _channels, ofAll, step, tiles).Run(chunk, worker);
            var ofTile = new PackedWinogradKernels(_channels, tiles, ofAll, step, initial);
            var runs = stackalloc TileRun[BlockLanes];
            for (var block = 0; block < _blocks.Count; block++)
            {
                ofTile.Multiply(chunk, inputs + block * _blocks.InputsLength, _blocks.ProductStep, sums);
                _blocks.StoreTile(tiles, chunk, sums, outputs, runs, _blocks.FindRuns(block, 0, runs));
            }
        }
    }
}
