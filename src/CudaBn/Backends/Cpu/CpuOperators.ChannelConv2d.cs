using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

// The weight gradient of a convolution of stride 1 with channels side by side in the lanes of registers: what images too
// large, or too few, for blocks of images take.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>Elements of a band of rows: a share of the second-level cache.</summary>
    private const int ElementsPerBand = 48 * 1024;

    /// <summary>Elements of a block of images beyond which it leaves the second-level cache.</summary>
    private const long ElementsPerCachedBlock = 400 * 1024;

    /// <summary>Into how many shares the images are cut for the weight gradient: fixed, so that it does not depend on the
    /// number of threads.</summary>
    private const int WeightGradientShares = 16;

    /// <summary>Whether lanes of channels beat lanes of images for the weight gradient.</summary>
    private static bool PrefersChannelLanes(in Conv2dGeometry g)
    {
        if (!IsPlain(in g))
            return false;
        // The share of lanes in use, where the smaller of the two channel counts decides.
        var channels = Math.Min(Filled(g.OutChannels), Filled(g.InChannels));
        var images = FilledImages(g.Batch);
        var block = Math.Max((long)g.InChannels * g.InHeight * g.InWidth, (long)g.OutChannels * g.OutHeight * g.OutWidth)
            * BlockLanes;
        return channels > (block > ElementsPerCachedBlock ? images / 2 : images);

        static double Filled(int count) => (double)count / (CeilDiv(count, BlockLanes) * BlockLanes);
    }

    private void ChannelConv2dWeightGradient(in Conv2dBackwardArgs args)
    {
        var g = args.Geometry;
        var job = new ChannelConv2dWeightGradientJob(
            this, g, Data(args.Input), Data(args.GradOutput), partials: null);
        var partials = _shared.Get<T>(job.Shares * job.ElementsPerShare);
        job = new ChannelConv2dWeightGradientJob(this, g, Data(args.Input), Data(args.GradOutput), partials);
        _pool.Run(ref job, job.Shares);

        // Share by share, in order: the same sum for any number of threads.
        SumRows(partials, job.Shares, job.ElementsPerShare, job.ElementsPerShare, partials);
        job.Store(partials, Data(args.GradWeight), DataOrNull(args.GradBias));
    }

    /// <summary>A chunk is a share of the images. Its sums, [kernel place][input channel][output channel] and the biases'
    /// behind them, go to the share's part of partials.</summary>
    private readonly struct ChannelConv2dWeightGradientJob(
        CpuOperators<TSimd, TVector, T> operators, Conv2dGeometry g, T* input, T* gradOutput, T* partials) : IChunkJob
    {
        private readonly int _outStep = CeilDiv(g.OutChannels, BlockLanes) * BlockLanes;
        private readonly RowTiles _tiles = new(g.InChannels, TSimd.MaxRows);

        public int Shares => Math.Min(g.Batch, WeightGradientShares);

        public long ElementsPerShare =>
            ((long)g.KernelHeight * g.KernelWidth * _tiles.PaddedRows + 1) * _outStep;

        private int RowsPerBand => Math.Clamp(
            ElementsPerBand / (g.OutWidth * Math.Max(g.InChannels, g.OutChannels)), 1, g.OutHeight);

        public void Run(int chunk, int worker)
        {
            var sums = partials + chunk * ElementsPerShare;
            new Span<T>(sums, checked((int)ElementsPerShare)).Clear();
            int first = (int)((long)chunk * g.Batch / Shares), end = (int)((chunk + 1L) * g.Batch / Shares);
            for (var image = first; image < end; image++)
            {
                for (var row = 0; row < g.OutHeight; row += RowsPerBand)
                    RunBand(image, row, Math.Min(row + RowsPerBand, g.OutHeight), sums, worker);
            }
        }

        /// <summary>Writes [place][input channel][output channel] in PyTorch's order.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Store(T* sums, T* gradWeight, T* gradBias)
        {
            var places = g.KernelHeight * g.KernelWidth;
            for (var output = 0; output < g.OutChannels; output++)
            {
                for (var channel = 0; channel < g.InChannels; channel++)
                {
                    for (var place = 0; place < places; place++)
                    {
                        *gradWeight++ = sums[((long)place * _tiles.PaddedRows + channel) * _outStep + output];
                    }
                }
            }

            var biases = sums + (long)places * _tiles.PaddedRows * _outStep;
            for (var output = 0; gradBias != null && output < g.OutChannels; output++)
                gradBias[output] = biases[output];
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void RunBand(int image, int firstRow, int endRow, T* sums, int worker)
        {
            // Channels last: gradients in panels of lanes, inputs in tiles of rows of the micro-kernel.
            var top = Math.Max(0, firstRow - g.PaddingY);
            var bottom = Math.Min(g.InHeight, endRow - 1 - g.PaddingY + g.KernelHeight);
            int gradPlaces = (endRow - firstRow) * g.OutWidth, inPlaces = (bottom - top) * g.InWidth;
            var gradients = operators._perWorker[worker].Get<T>(
                (long)gradPlaces * _outStep + (long)inPlaces * _tiles.PaddedRows);
            var inputs = gradients + (long)gradPlaces * _outStep;
            long outPlane = (long)g.OutHeight * g.OutWidth, inPlane = (long)g.InHeight * g.InWidth;
            var gradView = new MatrixView<T>(
                gradOutput + image * g.OutChannels * outPlane + firstRow * g.OutWidth, gradPlaces, g.OutChannels, 1,
                (nint)outPlane);
            var inView = new MatrixView<T>(
                input + image * g.InChannels * inPlane + top * g.InWidth, inPlaces, g.InChannels, 1, (nint)inPlane);
            for (var channel = 0; channel < g.OutChannels; channel += BlockLanes)
                PackJob.Pack(gradView, channel, BlockLanes, gradients + (long)channel * gradPlaces);
            for (var tile = 0; tile < _tiles.Count; tile++)
                PackJob.Pack(inView, _tiles.Start(tile), _tiles.Size(tile), inputs + (long)_tiles.Start(tile) * inPlaces);

            AddBiases(gradients, gradPlaces, sums + (long)g.KernelHeight * g.KernelWidth * _tiles.PaddedRows * _outStep);
            for (var place = 0; place < g.KernelHeight * g.KernelWidth; place++)
                RunPlace(place, gradients, inputs, firstRow, endRow, top, gradPlaces, inPlaces, sums);
        }

        private void AddBiases(T* gradients, int places, T* biases)
        {
            for (var channel = 0; channel < g.OutChannels; channel += BlockLanes)
            {
                var panel = gradients + (long)channel * places;
                var (low, high) = (TSimd.Load(biases + channel), TSimd.Load(biases + channel + TSimd.Count));
                for (var i = 0; i < places; i++)
                {
                    low = TSimd.Add(low, TSimd.Load(panel + (nint)i * BlockLanes));
                    high = TSimd.Add(high, TSimd.Load(panel + (nint)i * BlockLanes + TSimd.Count));
                }

                TSimd.Store(low, biases + channel);
                TSimd.Store(high, biases + channel + TSimd.Count);
            }
        }

        /// <summary>The sums of one kernel place over the output places of a band that meet the input.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void RunPlace(
            int place, T* gradients, T* inputs, int firstRow, int endRow, int top, int gradPlaces, int inPlaces, T* sums)
        {
            int shiftY = place / g.KernelWidth - g.PaddingY, shiftX = place % g.KernelWidth - g.PaddingX;
            int y = Math.Max(firstRow, -shiftY), endY = Math.Min(endRow, g.InHeight - shiftY);
            int x = Math.Max(0, -shiftX), endX = Math.Min(g.OutWidth, g.InWidth - shiftX);
            if (y >= endY || x >= endX)
                return;
            int lanes = BlockLanes;
            var registers = stackalloc TVector[2 * TSimd.MaxRows];
            var product = (T*)registers;
            var zeros = stackalloc T[TSimd.MaxRows];
            new Span<T>(zeros, TSimd.MaxRows).Clear();
            for (var tile = 0; tile < _tiles.Count; tile++)
            {
                int start = _tiles.Start(tile), rows = _tiles.Size(tile);
                var window = new TapWindow(
                    1, endY - y, endX - x, 0, g.OutWidth * lanes, lanes, 0, g.InWidth * rows, rows);
                var scalars = inputs + (long)start * inPlaces + ((long)(y + shiftY - top) * g.InWidth + x + shiftX) * rows;
                var destination = sums + ((long)place * _tiles.PaddedRows + start) * _outStep;
                for (var channel = 0; channel < _outStep; channel += lanes)
                {
                    var vectors = gradients + (long)channel * gradPlaces + ((long)(y - firstRow) * g.OutWidth + x) * lanes;
                    MicroKernel<TSimd, TVector, T>.Run(rows, vectors, scalars, zeros, product, lanes, in window);
                    AddTile(product, rows, destination + channel, _outStep);
                }
            }
        }
    }
}
