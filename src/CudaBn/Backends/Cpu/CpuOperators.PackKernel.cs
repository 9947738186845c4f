using System.Runtime.CompilerServices;

namespace CudaBn.Backends.Cpu;

// Weights of convolutions in the order in which the micro-kernel meets them.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>packed[tile][tap][input channel][output channel of tile], or [tile][input channel][tap][output channel of
    /// tile]; a padded output channel is 0. The biases come behind.</summary>
    private T* PackKernel(in Conv2dForwardCall<T> call, RowTiles tiles, bool tapsInside, out T* bias)
    {
        var g = call.Geometry;
        var places = g.KernelHeight * g.KernelWidth;
        var elements = (long)tiles.PaddedRows * g.InChannels * places;
        var packed = _packed.Get<T>(elements + tiles.PaddedRows + TSimd.MaxRows);
        bias = packed + elements;
        PackBias(call.Bias, bias, tiles);
        var taps = new KernelTaps(0, 1, g.KernelHeight, 0, 1, g.KernelWidth);
        var job = new PackKernelJob(
            call.Weight, (nint)g.InChannels * places, places, g.InChannels, g.KernelWidth, taps, packed, tiles,
            rowsPerChannel: 1, tapsInside);
        _pool.Run(ref job, tiles.Count);
        return packed;
    }

    /// <summary>packed[tile][tap][output channel][row of tile], or [tile][output channel][tap][row of tile]. A row is an
    /// input channel, or several rows are one, for as many columns of the kernel side by side; what is outside the kernel
    /// or of a padded row is 0.</summary>
    private void PackTransposedKernel(
        T* weights, T* packed, RowTiles tiles, in Conv2dGeometry g, KernelTaps taps, bool tapsInside,
        int rowsPerChannel = 1)
    {
        var places = g.KernelHeight * g.KernelWidth;
        var job = new PackKernelJob(
            weights, places, (nint)g.InChannels * places, g.OutChannels, g.KernelWidth, taps, packed, tiles,
            rowsPerChannel, tapsInside);
        _pool.Run(ref job, tiles.Count);
    }

    /// <summary>A number for each row, and behind them the zeros that a tile starts with where it adds to what there
    /// is.</summary>
    private static void PackBias(T* bias, T* packed, RowTiles tiles)
    {
        for (var row = 0; row < tiles.PaddedRows + TSimd.MaxRows; row++)
            packed[row] = bias != null && row < tiles.Rows ? bias[row] : T.Zero;
    }

    /// <summary>Places of a kernel, row by row: every step-th one from a first on, or backwards.</summary>
    private readonly record struct KernelTaps(
        int FirstRow, int RowStep, int Rows, int FirstColumn, int ColumnStep, int Columns);

    /// <summary>A chunk is a tile.</summary>
    private readonly struct PackKernelJob(
        T* weights, nint rowStep, nint channelStep, int channels, int kernelWidth, KernelTaps taps, T* packed,
        RowTiles tiles, int rowsPerChannel, bool tapsInside) : IChunkJob
    {
        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            int start = tiles.Start(chunk), size = tiles.Size(chunk), real = Math.Min(size, tiles.Rows - start);
            var offsets = stackalloc nint[size];
            var columns = stackalloc int[size];
            for (var row = 0; row < real; row++)
            {
                (var channel, columns[row]) = Math.DivRem(start + row, rowsPerChannel);
                offsets[row] = channel * rowStep + columns[row];
            }

            nint tapStep = tapsInside ? size : (nint)channels * size;
            nint step = tapsInside ? (nint)taps.Rows * taps.Columns * size : size;
            var destination = packed + start * (long)channels * taps.Rows * taps.Columns;
            for (var channel = 0; channel < channels; channel++, destination += step)
            {
                var tap = destination;
                for (var y = 0; y < taps.Rows; y++)
                {
                    var line = weights + channel * channelStep + (taps.FirstRow + y * taps.RowStep) * kernelWidth;
                    for (var x = 0; x < taps.Columns; x++, tap += tapStep)
                    {
                        var column = taps.FirstColumn + x * taps.ColumnStep;
                        for (var row = 0; row < size; row++)
                        {
                            tap[row] = row < real && column + columns[row] < kernelWidth
                                ? line[offsets[row] + column]
                                : T.Zero;
                        }
                    }
                }
            }
        }
    }
}
