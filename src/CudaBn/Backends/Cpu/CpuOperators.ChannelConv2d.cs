using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

// Convolution of stride 1 with channels side by side in the lanes of registers: what images too large, or too few, for
// blocks of images take. Two registers hold the weights of their output channels for one place of the kernel, and are multiplied
// by neighbouring pixels of a row, which lie in memory as they are needed; so the input is copied once, for its padding,
// and not once per kernel place.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>Elements of a band of rows: a share of the second-level cache.</summary>
    private const int ElementsPerBand = 48 * 1024;

    /// <summary>Elements of a block of images beyond which it leaves the second-level cache.</summary>
    private const long ElementsPerCachedBlock = 400 * 1024;

    /// <summary>Into how many shares the images are cut for the weight gradient: fixed, so that it does not depend on the
    /// number of threads.</summary>
    private const int WeightGradientShares = 16;

    /// <summary>Whether lanes of channels beat lanes of images at these sizes.</summary>
    private static bool PrefersChannelLanes(in Conv2dGeometry g)
    {
        if (TSimd.Count == 1 || g.StrideY != 1 || g.StrideX != 1
            || g.PaddingY >= g.KernelHeight || g.PaddingX >= g.KernelWidth)
            return false;
        // The share of lanes in use, where the smaller of the two channel counts decides.
        var channels = Math.Min(Filled(g.OutChannels), Filled(g.InChannels));
        var images = Filled(g.Batch);
        var block = Math.Max((long)g.InChannels * g.InHeight * g.InWidth, (long)g.OutChannels * g.OutHeight * g.OutWidth)
            * BlockLanes;
        return channels > (block > ElementsPerCachedBlock ? images / 2 : images);

        static double Filled(int count) => (double)count / (CeilDiv(count, BlockLanes) * BlockLanes);
    }

    private void ChannelConv2dForward(in Conv2dForwardArgs args)
    {
        var g = args.Geometry;
        var taps = g.InChannels * g.KernelHeight * g.KernelWidth;
        var packed = _packed.Get<T>((long)CeilDiv(g.OutChannels, BlockLanes) * BlockLanes * taps);
        var pack = new PackPanelsJob(
            MatrixView<T>.RowMajor(Data(args.Weight), g.OutChannels, taps).Transposed(), packed);
        _pool.Run(ref pack, CeilDiv(g.OutChannels, BlockLanes));

        var job = new ChannelConv2dJob(
            this, g, Data(args.Input), packed, DataOrNull(args.Bias), Data(args.Output));
        _pool.Run(ref job, job.Chunks);
    }

    private void ChannelConv2dBackward(in Conv2dBackwardArgs args)
    {
        var g = args.Geometry;
        if (args.GradInput is { } gradInput)
        {
            // The input gradient is the convolution of the output gradient, padded the other way round, with the kernel
            // turned by 180 degrees and its channels exchanged.
            var turned = new Conv2dGeometry(
                g.Batch, g.OutChannels, g.OutHeight, g.OutWidth, g.InChannels, g.InHeight, g.InWidth, g.KernelHeight,
                g.KernelWidth, 1, 1, g.KernelHeight - 1 - g.PaddingY, g.KernelWidth - 1 - g.PaddingX);
            var packed = _packed.Get<T>(
                (long)CeilDiv(g.InChannels, BlockLanes) * BlockLanes * g.OutChannels * g.KernelHeight * g.KernelWidth);
            PackTurnedWeights(Data(args.Weight), packed, in g);
            var job = new ChannelConv2dJob(this, turned, Data(args.GradOutput), packed, null, Data(gradInput));
            _pool.Run(ref job, job.Chunks);
        }

        if (args.GradWeight is { } gradWeight)
            ChannelConv2dWeightGradient(in args, gradWeight);
    }

    private void ChannelConv2dWeightGradient(in Conv2dBackwardArgs args, Tensor gradWeight)
    {
        var g = args.Geometry;
        var job = new ChannelConv2dWeightGradientJob(
            this, g, Data(args.Input), Data(args.GradOutput), partials: null);
        var partials = _shared.Get<T>(job.Shares * job.ElementsPerShare);
        job = new ChannelConv2dWeightGradientJob(this, g, Data(args.Input), Data(args.GradOutput), partials);
        _pool.Run(ref job, job.Shares);

        // Share by share, in order: the same sum for any number of threads.
        SumRows(partials, job.Shares, job.ElementsPerShare, job.ElementsPerShare, partials);
        job.Store(partials, Data(gradWeight), DataOrNull(args.GradBias));
    }

    /// <summary>packed[panel of input channels][output channel][place, counted from the last][lane].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackTurnedWeights(T* weights, T* packed, in Conv2dGeometry g)
    {
        var places = g.KernelHeight * g.KernelWidth;
        for (var first = 0; first < g.InChannels; first += BlockLanes)
        {
            for (var output = 0; output < g.OutChannels; output++)
            {
                for (var place = places - 1; place >= 0; place--)
                {
                    for (var lane = 0; lane < BlockLanes; lane++)
                    {
                        var input = first + lane;
                        *packed++ = input < g.InChannels
                            ? weights[((long)output * g.InChannels + input) * places + place]
                            : T.Zero;
                    }
                }
            }
        }
    }

    /// <summary>A chunk is a panel of columns: packed[panel][row][column of panel].</summary>
    private readonly struct PackPanelsJob(MatrixView<T> matrix, T* packed) : IChunkJob
    {
        public void Run(int chunk, int worker) =>
            PackJob.Pack(matrix, chunk * BlockLanes, BlockLanes, packed + (long)chunk * BlockLanes * matrix.Rows);
    }

    /// <summary>A chunk is a band of output rows of an image.</summary>
    private readonly struct ChannelConv2dJob : IChunkJob
    {
        private readonly CpuOperators<TSimd, TVector, T> _operators;
        private readonly Conv2dGeometry _g;
        private readonly T* _input;
        private readonly T* _packed;
        private readonly T* _bias;
        private readonly T* _output;
        private readonly int _bands;
        private readonly int _paddedWidth;

        public ChannelConv2dJob(
            CpuOperators<TSimd, TVector, T> operators, Conv2dGeometry g, T* input, T* packed, T* bias, T* output)
        {
            (_operators, _g) = (operators, g);
            _input = input;
            _packed = packed;
            _bias = bias;
            _output = output;
            _paddedWidth = g.InWidth + 2 * g.PaddingX;
            var rows = Math.Max(1, ElementsPerBand / (g.InChannels * _paddedWidth) - (g.KernelHeight - 1));
            _bands = CeilDiv(g.OutHeight, rows);
        }

        public int Chunks => _g.Batch * _bands;

        public void Run(int chunk, int worker)
        {
            int image = chunk / _bands, band = chunk % _bands;
            int firstRow = (int)((long)band * _g.OutHeight / _bands);
            int endRow = (int)((long)(band + 1) * _g.OutHeight / _bands);
            var top = Math.Max(0, firstRow - _g.PaddingY);
            var rows = Math.Min(_g.InHeight, endRow - 1 - _g.PaddingY + _g.KernelHeight) - top;

            // The last tile of a row may read a pixel past its end.
            var bandElements = (long)_g.InChannels * rows * _paddedWidth;
            var copy = _operators._perWorker[worker].Get<T>(bandElements + TSimd.MaxRows);
            CopyPadded(_input + (long)image * _g.InChannels * _g.InHeight * _g.InWidth, top, rows, copy);
            new Span<T>(copy + bandElements, TSimd.MaxRows).Clear();
            for (var first = 0; first < _g.OutChannels; first += BlockLanes)
                RunPanel(copy, top, rows, image, first, firstRow, endRow);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void CopyPadded(T* image, int top, int rows, T* copy)
        {
            for (var channel = 0; channel < _g.InChannels; channel++)
            {
                for (var row = 0; row < rows; row++, copy += _paddedWidth)
                {
                    var source = image + ((long)channel * _g.InHeight + top + row) * _g.InWidth;
                    for (var x = 0; x < _g.PaddingX; x++)
                    {
                        copy[x] = T.Zero;
                        copy[_paddedWidth - 1 - x] = T.Zero;
                    }

                    new Span<T>(source, _g.InWidth).CopyTo(new Span<T>(copy + _g.PaddingX, _g.InWidth));
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void RunPanel(T* copy, int top, int rows, int image, int firstChannel, int firstRow, int endRow)
        {
            int lanes = BlockLanes, places = _g.KernelHeight * _g.KernelWidth;
            var channels = Math.Min(lanes, _g.OutChannels - firstChannel);
            var plane = (long)_g.OutHeight * _g.OutWidth;
            var output = _output + ((long)image * _g.OutChannels + firstChannel) * plane;
            var weights = _packed + (long)firstChannel * _g.InChannels * places;
            var tiles = new RowTiles(_g.OutWidth, TSimd.MaxRows);
            var window = new TapWindow(
                _g.InChannels, 0, _g.KernelWidth,
                places * lanes, _g.KernelWidth * lanes, lanes,
                rows * _paddedWidth, _paddedWidth, 1);
            var zeros = stackalloc T[TSimd.MaxRows];
            new Span<T>(zeros, TSimd.MaxRows).Clear();
            // Rows of pixels, as many as square blocks need, and a square block of rows of channels.
            var pixelRows = CeilDiv(TSimd.MaxRows, TSimd.Count) * TSimd.Count;
            var registers = stackalloc TVector[2 * pixelRows + TSimd.Count];
            var pixels = (T*)registers;
            var transposed = (T*)(registers + 2 * pixelRows);
            for (var y = firstRow; y < endRow; y++)
            {
                var firstTap = Math.Max(0, _g.PaddingY - y);
                var endTap = Math.Min(_g.KernelHeight, _g.InHeight + _g.PaddingY - y);
                if (window.Rows != endTap - firstTap)
                    window = window with { Rows = endTap - firstTap };
                for (var tile = 0; tile < tiles.Count; tile++)
                {
                    var x = tiles.Start(tile);
                    MicroKernel<TSimd, TVector, T>.Run(
                        tiles.Size(tile),
                        weights + firstTap * _g.KernelWidth * lanes,
                        copy + (y - _g.PaddingY + firstTap - top) * _paddedWidth + x,
                        zeros, pixels, lanes, in window);
                    var needed = Math.Min(tiles.Size(tile), _g.OutWidth - x);
                    Store(
                        pixels, transposed, output + (long)y * _g.OutWidth + x, output + (long)endRow * _g.OutWidth,
                        plane, channels, firstChannel, needed);
                }
            }
        }

        /// <summary>Stores a tile. What whole registers write past its end, before that of the band, later tiles
        /// overwrite.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Store(
            T* pixels, T* transposed, T* output, T* bandEnd, long plane, int channels, int firstChannel, int needed)
        {
            var count = TSimd.Count;
            for (var first = 0; first < needed; first += count)
            {
                var width = Math.Min(count, needed - first);
                for (var half = 0; half < 2; half++)
                {
                    TSimd.Transpose(pixels + (nint)first * BlockLanes + half * count, BlockLanes, transposed, count);
                    for (var lane = 0; lane < Math.Min(count, channels - half * count); lane++)
                    {
                        var channel = half * count + lane;
                        var bias = _bias == null ? T.Zero : _bias[firstChannel + channel];
                        StoreWithin(
                            TSimd.Add(TSimd.Load(transposed + lane * count), TSimd.Create(bias)),
                            output + channel * plane + first, bandEnd + channel * plane, width);
                    }
                }
            }
        }
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
                    for (var row = 0; row < rows; row++)
                    {
                        var sum = destination + (long)row * _outStep + channel;
                        var added = product + row * lanes;
                        TSimd.Store(TSimd.Add(TSimd.Load(sum), TSimd.Load(added)), sum);
                        TSimd.Store(
                            TSimd.Add(TSimd.Load(sum + TSimd.Count), TSimd.Load(added + TSimd.Count)), sum + TSimd.Count);
                    }
                }
            }
        }
    }
}
