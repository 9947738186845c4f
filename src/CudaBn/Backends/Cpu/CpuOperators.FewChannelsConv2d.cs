using System.Runtime.CompilerServices;

namespace CudaBn.Backends.Cpu;

// The forward convolution of stride 1 of few input channels, the first layer of a network: with few taps, what an output
// costs is to bring it to where it belongs. Over a copy of the input per kernel column, see PixelColumns, registers of
// pixels are stored where the output is, in whole cache lines and once.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>Pixels of a band: the planes of one channel, of all kernel columns, stay in the first-level
    /// cache.</summary>
    private const int PixelsPerColumnBand = 1024;

    /// <summary>How many blocks before it is written a part of the output is asked for.</summary>
    private const int BlocksAhead = 4;

    /// <summary>Whether planes of pixels, one per kernel column, beat lanes of images and padded planes.</summary>
    private static bool PrefersPixelColumns(in Conv2dGeometry g) =>
        IsPlain(in g) && g.InChannels <= FewChannels && g.KernelHeight * g.KernelWidth > 1
        && FilledBlocks(in g) >= Math.Max(FilledPixels(in g), FilledImages(g.Batch) / 2);

    /// <summary>The share of lanes in use where pixels lie side by side without anything between rows.</summary>
    private static double FilledBlocks(in Conv2dGeometry g)
    {
        var pixels = (long)g.OutHeight * g.OutWidth;
        return (double)pixels / (CeilDiv(pixels, BlockLanes) * BlockLanes);
    }

    private void FewChannelsForward(in Conv2dForwardCall<T> call)
    {
        var g = call.Geometry;
        var tiles = new RowTiles(g.OutChannels, TSimd.MaxRows);
        var packed = PackKernel(in call, tiles, tapsInside: true, out var bias);
        var job = new FewChannelsForwardJob(this, g, call.Input, packed, bias, call.Output, tiles);
        _pool.Run(ref job, job.Chunks);
    }

    /// <summary>A chunk is a band of output rows of an image.</summary>
    private readonly struct FewChannelsForwardJob : IChunkJob
    {
        private readonly CpuOperators<TSimd, TVector, T> _operators;
        private readonly Conv2dGeometry _g;
        private readonly T* _input;
        private readonly T* _packed;
        private readonly T* _bias;
        private readonly T* _output;
        private readonly RowTiles _tiles;
        private readonly int _bands;
        private readonly int _bandRows;
        private readonly PixelColumns _columns;

        public FewChannelsForwardJob(
            CpuOperators<TSimd, TVector, T> operators, Conv2dGeometry g, T* input, T* packed, T* bias, T* output,
            RowTiles tiles)
        {
            (_operators, _g, _tiles) = (operators, g, tiles);
            _input = input;
            _packed = packed;
            _bias = bias;
            _output = output;
            _bands = CeilDiv(g.OutHeight, Math.Clamp(PixelsPerColumnBand / g.OutWidth, 1, g.OutHeight));
            _bandRows = CeilDiv(g.OutHeight, _bands);
            _bands = CeilDiv(g.OutHeight, _bandRows);
            _columns = new PixelColumns(in g, _bandRows);
        }

        public int Chunks => _g.Batch * _bands;

        private nint Plane => (nint)_g.OutHeight * _g.OutWidth;

        public void Run(int chunk, int worker)
        {
            var (image, band) = Math.DivRem(chunk, _bands);
            int row = band * _bandRows, rows = Math.Min(_bandRows, _g.OutHeight - row), pixels = rows * _g.OutWidth;
            var inputs = _operators._perWorker[worker].Get<T>(_columns.Elements);
            _columns.Copy(_input + image * _g.InImage, row, rows, inputs);
            var output = _output + image * _g.OutImage + row * _g.OutWidth;
            for (var tile = 0; tile < _tiles.Count; tile++)
                RunTile(inputs, tile, output + _tiles.Start(tile) * Plane, pixels);
        }

        [MethodImpl(Compiled.AsLoop)]
        private void RunTile(T* inputs, int tile, T* output, int pixels)
        {
            int rows = _tiles.Size(tile), start = _tiles.Start(tile), places = _g.KernelHeight * _g.KernelWidth;
            var channels = Math.Min(rows, _g.OutChannels - start);
            var weights = _packed + (nint)start * _g.InChannels * places;
            var window = new TapWindow(
                _g.InChannels, _g.KernelHeight, _g.KernelWidth,
                _g.KernelWidth * _columns.ColumnStep, _g.DilationY * _g.OutWidth, _columns.ColumnStep,
                places * rows, _g.KernelWidth * rows, rows);
            var registers = stackalloc TVector[2 * TSimd.MaxRows];
            var results = (T*)registers;
            for (var pixel = 0; pixel < pixels; pixel += BlockLanes)
            {
                // A store waits for memory longer than a block takes to compute. Past the end of a plane follow the ones
                // of the next tile.
                nint ahead = pixel + BlocksAhead * BlockLanes;
                if (ahead >= pixels)
                    ahead += rows * Plane - pixels;
                for (var channel = 0; channel < channels; channel++)
                    PrefetchBlock(output + channel * Plane + ahead);

                if (channels == rows && pixel + BlockLanes <= pixels)
                {
                    MicroKernel<TSimd, TVector, T>.Run(
                        rows, inputs + pixel, weights, _bias + start, output + pixel, Plane, in window);
                    continue;
                }

                MicroKernel<TSimd, TVector, T>.Run(
                    rows, inputs + pixel, weights, _bias + start, results, BlockLanes, in window);
                for (var channel = 0; channel < channels; channel++)
                {
                    PixelPlanes<TSimd, TVector, T>.CopyRow(
                        results + channel * BlockLanes, output + channel * Plane + pixel,
                        Math.Min(BlockLanes, pixels - pixel));
                }
            }
        }
    }
}
