using System.Runtime.CompilerServices;

namespace CudaBn.Backends.Cpu;

// The kernels of Winograd's minimal filtering, G w G^T, and the sums of their products with the inputs of tiles, whatever lies in
// the lanes of these.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    private PackedWinogradKernels PackWinogradKernels(in WinogradKernels kernels, int inChannels, int outChannels, T* bias)
    {
        var tiles = new RowTiles(outChannels, TSimd.MaxRows);
        var step = WinogradWeightStep(inChannels, tiles);
        var elements = tiles.Count * WinogradProducts * step;
        var packed = _packed.Get<T>(elements + tiles.PaddedRows + TSimd.MaxRows);
        var initial = packed + elements;
        PackBias(bias, initial, tiles);
        var job = new WinogradPackJob(kernels, inChannels, packed, step, tiles);
        _pool.Run(ref job, tiles.Count);
        return new(inChannels, tiles, packed, step, initial);
    }

    /// <summary>Elements from the weights of one product to those of the next: an odd number of cache lines, so that the
    /// products do not fall into the same few sets of the first-level cache, with room to write whole registers.</summary>
    private static nint WinogradWeightStep(int channels, RowTiles tiles)
    {
        var lines = CeilDiv(((nint)channels * tiles.Size(0) + BlockLanes) * sizeof(T), CacheLines.Bytes) | 1;
        return (nint)lines * (CacheLines.Bytes / sizeof(T));
    }

    /// <summary>Kernels of 3 x 3, one per pair of channels.</summary>
    private readonly struct WinogradKernels(T* weights, nint rowStep, nint channelStep, bool isTurned)
    {
        public T* Weights => weights;

        /// <summary>Elements from one channel of the output to the next.</summary>
        public nint RowStep => rowStep;

        /// <summary>Elements from one channel of the input to the next.</summary>
        public nint ChannelStep => channelStep;

        /// <summary>Whether the kernels are turned by 180 degrees.</summary>
        public bool IsTurned => isTurned;
    }

    /// <summary>Kernels, transformed, in the order in which products meet them, and what sums start with.</summary>
    /// <param name="channels">The input channels.</param>
    /// <param name="tiles">Tiles of output channels.</param>
    /// <param name="packed">[tile][product][input channel][output channel of tile].</param>
    /// <param name="step">Elements from one product to the next.</param>
    /// <param name="initial">The biases, and zeros behind them.</param>
    private readonly struct PackedWinogradKernels(int channels, RowTiles tiles, T* packed, nint step, T* initial)
    {
        public RowTiles Tiles => tiles;

        /// <summary>sums[product][output channel of tile][lane] over the input channels.</summary>
        /// <param name="tile">The tile.</param>
        /// <param name="inputs">[product][input channel][lane].</param>
        /// <param name="productStep">Elements from one product of the inputs to the next.</param>
        /// <param name="sums">The sums.</param>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Multiply(int tile, T* inputs, nint productStep, T* sums)
        {
            int start = tiles.Start(tile), size = tiles.Size(tile);
            var window = new TapWindow(1, 1, channels, 0, 0, BlockLanes, 0, 0, size);
            for (var product = 0; product < WinogradProducts; product++)
            {
                MicroKernel<TSimd, TVector, T>.Run(
                    size, inputs + product * productStep, packed + (tile * WinogradProducts + product) * step,
                    initial + (product == WinogradBiasProduct ? start : tiles.PaddedRows),
                    sums + product * size * BlockLanes, BlockLanes, in window);
            }
        }
    }

    /// <summary>packed[tile][product][input channel][output channel of tile] = G w G^T. A chunk is a tile.</summary>
    private readonly struct WinogradPackJob(WinogradKernels kernels, int channels, T* packed, nint step, RowTiles tiles)
        : IChunkJob
    {
        private const int Places = 9;

        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            int count = TSimd.Count, start = tiles.Start(chunk), size = tiles.Size(chunk), registers = CeilDiv(size, count);
            // The kernels of some channels, [register][channel][place][output channel], and what a transpose writes past them.
            var room = (Places + 1) * count;
            var gathered = stackalloc TVector[registers * room];
            var square = stackalloc TVector[count];
            int firstPlace = kernels.IsTurned ? (Places - 1) * count : 0, next = kernels.IsTurned ? -count : count;
            var destination = packed + chunk * WinogradProducts * step;
            for (var channel = 0; channel < channels; channel += count)
            {
                var some = Math.Min(count, channels - channel);
                for (var i = 0; i < registers; i++)
                    Gather(start + i * count, channel, some, (T*)(gathered + i * room), (T*)square);
                for (var i = 0; i < some; i++, destination += size)
                {
                    // Channels beyond the tile's are written over by those of the next input channel, or are in between products.
                    for (var j = 0; j < registers; j++)
                    {
                        var kernel = (T*)(gathered + j * room + i * Places);
                        Filter(kernel + firstPlace, next, destination + j * count, step);
                    }
                }
            }
        }

        /// <summary>gathered[i][place][j] of input channel <paramref name="channel"/> + i and output channel
        /// <paramref name="row"/> + j, those there are; others hold something.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private void Gather(int row, int channel, int some, T* gathered, T* square)
        {
            int count = TSimd.Count, rows = Math.Min(count, tiles.Rows - row);
            var source = kernels.Weights + row * kernels.RowStep + channel * kernels.ChannelStep;
            if (kernels.ChannelStep == Places && some == count)
            {
                // Channels of an output channel lie side by side: as many registers as a kernel has places.
                for (var i = 0; i < Places; i++, source += count, gathered += count * count)
                {
                    for (var j = 0; j < rows && rows < count; j++)
                        TSimd.Store(TSimd.Load(source + j * kernels.RowStep), square + j * count);
                    if (rows < count)
                        TSimd.Transpose(square, count, gathered, count);
                    else
                        TSimd.Transpose(source, kernels.RowStep, gathered, count);
                }

                return;
            }

            for (var i = 0; i < some; i++, source += kernels.ChannelStep, gathered += Places * count)
            {
                // Output channels of a channel lie side by side. The square reaches past its kernels.
                var left = (channels - channel - i) * kernels.ChannelStep - row * kernels.RowStep;
                if (kernels.RowStep == Places && count > Places && left >= (Places + 1) * count)
                {
                    TSimd.Transpose(source, Places, gathered, count);
                    continue;
                }

                for (var place = 0; place < Places; place++)
                {
                    for (var j = 0; j < rows; j++)
                        gathered[place * count + j] = source[j * kernels.RowStep + place];
                }
            }
        }

        // G w G^T of the nine weights of some channels.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Filter(T* weights, nint place, T* products, nint step)
        {
            FilterRow(weights, place, out var a0, out var a1, out var a2, out var a3);
            FilterRow(weights + 3 * place, place, out var b0, out var b1, out var b2, out var b3);
            FilterRow(weights + 6 * place, place, out var c0, out var c1, out var c2, out var c3);
            FilterColumn(a0, b0, c0, products, step);
            FilterColumn(a1, b1, c1, products + step, step);
            FilterColumn(a2, b2, c2, products + 2 * step, step);
            FilterColumn(a3, b3, c3, products + 3 * step, step);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void FilterRow(
            T* weights, nint place, out TVector first, out TVector second, out TVector third, out TVector fourth)
        {
            first = TSimd.Load(weights);
            fourth = TSimd.Load(weights + 2 * place);
            Halve(first, TSimd.Load(weights + place), fourth, out second, out third);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void FilterColumn(TVector w0, TVector w1, TVector w2, T* products, nint step)
        {
            Halve(w0, w1, w2, out var second, out var third);
            TSimd.Store(w0, products);
            TSimd.Store(second, products + WinogradInputs * step);
            TSimd.Store(third, products + 2 * WinogradInputs * step);
            TSimd.Store(w2, products + 3 * WinogradInputs * step);
        }

        // The two products that are of all three weights.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Halve(TVector w0, TVector w1, TVector w2, out TVector sum, out TVector difference)
        {
            var half = TSimd.Create(T.CreateTruncating(0.5));
            var outer = TSimd.Add(w0, w2);
            sum = TSimd.Multiply(half, TSimd.Add(outer, w1));
            difference = TSimd.Multiply(half, TSimd.Subtract(outer, w1));
        }
    }
}
