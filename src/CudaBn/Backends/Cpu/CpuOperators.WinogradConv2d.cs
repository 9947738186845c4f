using System.Runtime.CompilerServices;

namespace CudaBn.Backends.Cpu;

// Convolution of 3 x 3 at stride 1 by Winograd's minimal filtering, F(2 x 2, 3 x 3), over blocks of images: four outputs side
// by side are A^T ((G w G^T) * (B^T d B)) A of the weights w and of the 4 x 4 inputs d that they see, 16 products per pair of
// channels in place of 36. The factors of A and B are 1 and -1, those of G 1 and 1/2, so that small whole numbers stay exact.
// An output takes no input outside its window; but within it, products of weights and inputs that do not belong together are
// added and cancel, so that what is rounded is up to 4 times the sum of |d| times the sum of |w|, for each channel.
// Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>Rows and columns of the outputs of a tile.</summary>
    private const int WinogradOutputs = 2;

    /// <summary>Rows and columns of the inputs of a tile.</summary>
    private const int WinogradInputs = 4;

    /// <summary>Products of a tile per pair of channels.</summary>
    private const int WinogradProducts = WinogradInputs * WinogradInputs;

    /// <summary>The product whose sum all four outputs of a tile contain once: it starts with the bias.</summary>
    private const int WinogradBiasProduct = WinogradInputs + 1;

    // What a channel of a tile costs in multiply-adds, its 16 products transformed from inputs or to outputs, a value that is
    // transposed, some rows at a time, of a block outside the second-level cache, and a kernel that is transformed and packed.
    // Measured on Zen 4.
    private const double WinogradTransformCost = 55;
    private const double WinogradMoveCost = 45;
    private const double WinogradKernelCost = 400;

    /// <summary>The speed of multiply-adds over lanes of images beside those over lanes of tiles: the results of all channels
    /// take their cache, and more of it where registers are wide.</summary>
    private static double WinogradImagesSpeed => HasLargeSecondLevel ? 0.75 : 0.88;

    /// <summary>What the gain must be at least, for less is within the error of these costs.</summary>
    private const double WinogradGain = 0.9;

    private static bool IsWinograd(in Conv2dGeometry g) =>
        TSimd.Count > 1 && g.KernelHeight == 3 && g.KernelWidth == 3 && g.StrideY == 1 && g.StrideX == 1 && !g.IsDilated;

    /// <summary>Whether sums of 16 products in place of 36 are worth transforming inputs and outputs.</summary>
    /// <param name="g">The sizes.</param>
    /// <param name="direct">What an image takes with 36 products.</param>
    /// <param name="hasTiles">Whether lanes of tiles are better than lanes of images.</param>
    private static bool PrefersWinograd(in Conv2dGeometry g, double direct, out bool hasTiles)
    {
        hasTiles = false;
        if (!IsWinograd(in g))
            return false;
        var tiles = WinogradTilesCost(in g);
        hasTiles = tiles < WinogradImagesCost(in g, WinogradImagesSpeed, SecondLevelCost);
        var moveCost = IsNear(in g) ? SecondLevelCost : WinogradMoveCost;
        return (hasTiles ? tiles : WinogradImagesCost(in g, 1, moveCost)) < WinogradGain * direct;
    }

    /// <summary>What an image takes with lanes of images, in multiply-adds.</summary>
    private static double WinogradImagesCost(in Conv2dGeometry g, double speed, double moveCost)
    {
        var products = (double)g.InChannels * g.OutChannels * WinogradProducts / speed
            + WinogradTransformCost * (g.InChannels + g.OutChannels);
        return (products * WinogradTiles(in g) + moveCost * Values(in g)) / FilledImages(g.Batch) + WinogradKernelsCost(in g);
    }

    /// <summary>What an image takes of packing the kernels, in multiply-adds.</summary>
    private static double WinogradKernelsCost(in Conv2dGeometry g) =>
        WinogradKernelCost * g.InChannels * g.OutChannels / g.Batch;

    private static long WinogradTiles(in Conv2dGeometry g) =>
        (long)CeilDiv(g.OutHeight, WinogradOutputs) * CeilDiv(g.OutWidth, WinogradOutputs);

    private void WinogradConv2dForward(in Conv2dForwardCall<T> call, bool hasTiles)
    {
        var g = call.Geometry;
        WinogradConv2d(
            in g, new(call.Weight, (nint)g.InChannels * 9, 9, isTurned: false), call.Input, call.Bias, call.Output, hasTiles);
    }

    private void WinogradConv2dInputGradient(
        in Conv2dGeometry g, T* weight, T* gradOutput, T* gradInput, bool hasTiles) =>
        WinogradConv2d(
            Turned(in g), new(weight, 9, (nint)g.InChannels * 9, isTurned: true), gradOutput, null, gradInput, hasTiles);

    private void WinogradConv2d(
        in Conv2dGeometry g, WinogradKernels kernels, T* input, T* bias, T* output, bool hasTiles)
    {
        if (!hasTiles)
        {
            var packed = PackWinogradKernels(in kernels, g.InChannels, g.OutChannels, bias);
            var job = new WinogradConv2dJob(this, in g, input, in packed, output);
            _pool.Run(ref job, job.Chunks);
            return;
        }

        var blocks = new WinogradBlocks(in g, input, output);
        if (PrefersWinogradByChannels(in g, in blocks))
        {
            WinogradConv2dByChannels(in g, kernels, bias, in blocks);
        }
        else
        {
            var packed = PackWinogradKernels(in kernels, g.InChannels, g.OutChannels, bias);
            var job = new WinogradTilesJob(this, in blocks, in packed);
            _pool.Run(ref job, job.Chunks);
        }
    }

    /// <summary>A chunk is a block of images and a band of rows of tiles, some of them at a time: their inputs are transposed,
    /// but for the rows that those before have left, and so are their results when they are done.</summary>
    private readonly struct WinogradConv2dJob : IChunkJob
    {
        private readonly CpuOperators<TSimd, TVector, T> _operators;
        private readonly Conv2dGeometry _g;
        private readonly T* _input;
        private readonly T* _output;
        private readonly PackedWinogradKernels _kernels;
        private readonly int _tileRows;
        private readonly int _tileColumns;
        private readonly int _blocks;
        private readonly int _bands;

        // Rows of tiles at a time.
        private readonly int _together;

        // Elements from one channel of the inputs, or one product of them, to the next: an odd number of places, or of channels,
        // so that they do not fall into the same few sets of the first-level cache.
        private readonly nint _plane;
        private readonly nint _productStep;

        // Elements from one channel of the results to the next.
        private readonly nint _resultStep;

        public WinogradConv2dJob(
            CpuOperators<TSimd, TVector, T> operators, in Conv2dGeometry g, T* input, in PackedWinogradKernels kernels, T* output)
        {
            (_operators, _g, _kernels) = (operators, g, kernels);
            _input = input;
            _output = output;
            _tileRows = CeilDiv(g.OutHeight, WinogradOutputs);
            _tileColumns = CeilDiv(g.OutWidth, WinogradOutputs);
            _blocks = CeilDiv(g.Batch, BlockLanes);
            _bands = operators.PartsPerBlock(_blocks, _tileRows);
            var resultsOfRow = (long)WinogradOutputs * g.OutWidth * g.OutChannels * BlockLanes * sizeof(T);
            _together = (int)Math.Clamp(SecondLevelBytes / resultsOfRow, 1, CeilDiv(_tileRows, _bands));
            var rows = Math.Min(_together * WinogradOutputs + WinogradInputs - WinogradOutputs, g.InHeight);
            _plane = ((nint)rows * g.InWidth | 1) * BlockLanes;
            _productStep = (nint)(g.InChannels | 1) * BlockLanes;
            _resultStep = (nint)_together * WinogradOutputs * g.OutWidth * BlockLanes;
        }

        public int Chunks => _bands * _blocks;

        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            var (block, band) = Math.DivRem(chunk, _bands);
            int firstImage = block * BlockLanes, images = Math.Min(BlockLanes, _g.Batch - firstImage);
            var planes = _g.InChannels * _plane;
            var inputs = WinogradProducts * _productStep;
            var sums = WinogradProducts * TSimd.MaxRows * BlockLanes;
            var square = WinogradProducts * BlockLanes;
            var memory = _operators._perWorker[worker].Get<T>(planes + inputs + sums + square + _resultStep * _kernels.Tiles.PaddedRows);
            var room = new Room(
                memory, memory + planes, memory + planes + inputs, memory + planes + inputs + sums,
                memory + planes + inputs + sums + square);
            var (first, count) = Share(_tileRows, band, _bands);
            var held = (First: 0, End: 0);
            for (var row = first; row < first + count; row += _together)
            {
                var rows = Math.Min(_together, first + count - row);
                var top = row * WinogradOutputs - _g.PaddingY;
                held = HoldRows(
                    firstImage, images, held, Math.Max(0, top),
                    Math.Min(_g.InHeight, top + rows * WinogradOutputs + WinogradInputs - WinogradOutputs), room.Planes);
                for (var i = 0; i < rows; i++)
                {
                    for (var column = 0; column < _tileColumns; column++)
                        RunTile(row + i, column, i, held.First, held.End, in room);
                }

                StoreResults(firstImage, images, row * WinogradOutputs, rows * WinogradOutputs, room.Results);
            }
        }

        /// <summary>Transposes rows of the inputs, but for those that are held already, which move to the front.</summary>
        private (int First, int End) HoldRows(
            int firstImage, int images, (int First, int End) held, int first, int end, T* planes)
        {
            nint rowStep = (nint)_g.InWidth * BlockLanes;
            var kept = Math.Max(0, held.End - first);
            var plane = (nint)_g.InHeight * _g.InWidth;
            var source = _input + firstImage * _g.InImage + (nint)(first + kept) * _g.InWidth;
            var added = Math.Max(0, end - first - kept) * (long)_g.InWidth;
            for (var channel = 0; channel < _g.InChannels; channel++, planes += _plane, source += plane)
            {
                if (kept > 0)
                {
                    var length = kept * rowStep * sizeof(T);
                    Buffer.MemoryCopy(planes + (first - held.First) * rowStep, planes, length, length);
                }

                ImageBlocks<TSimd, TVector, T>.Interleave(source, _g.InImage, images, planes + kept * rowStep, added);
            }

            return (first, end);
        }

        [MethodImpl(Compiled.AsLoop)]
        private void StoreResults(int firstImage, int images, int y, int rows, T* results)
        {
            var places = (nint)_g.OutHeight * _g.OutWidth;
            var output = _output + firstImage * _g.OutImage + (nint)y * _g.OutWidth;
            for (var channel = 0; channel < _g.OutChannels; channel++, results += _resultStep, output += places)
            {
                ImageBlocks<TSimd, TVector, T>.Deinterleave(
                    results, output, _g.OutImage, images, (long)Math.Min(rows, _g.OutHeight - y) * _g.OutWidth);
            }
        }

        /// <summary>The outputs of a tile, to a row of tiles of the results, from the rows of inputs that are held.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private void RunTile(int row, int column, int resultRow, int firstRow, int endRow, in Room room)
        {
            nint lanes = BlockLanes;
            int y = row * WinogradOutputs, x = column * WinogradOutputs;
            new WinogradTile(y - _g.PaddingY - firstRow, x - _g.PaddingX, endRow - firstRow, _g.InWidth).Transform(
                room.Planes, _plane, _g.InChannels, room.Square, room.Inputs, _productStep);
            var results = room.Results + ((nint)resultRow * WinogradOutputs * _g.OutWidth + x) * lanes;
            for (var tile = 0; tile < _kernels.Tiles.Count; tile++)
            {
                int start = _kernels.Tiles.Start(tile), channels = _kernels.Tiles.Size(tile);
                _kernels.Multiply(tile, room.Inputs, _productStep, room.Sums);
                TransformSums(
                    room.Sums, channels * lanes, channels, results + start * _resultStep, _resultStep,
                    _g.OutWidth * lanes, x + 1 < _g.OutWidth);
            }
        }
    }

    /// <summary>The 4 x 4 inputs of a tile, of which some may lie outside the planes: those are 0.</summary>
    /// <param name="top">The first row.</param>
    /// <param name="left">The first column.</param>
    /// <param name="height">Rows of the planes.</param>
    /// <param name="width">Columns of the planes.</param>
    private readonly struct WinogradTile(int top, int left, int height, int width)
    {
        /// <summary>products[product][plane] = B^T d B, for one plane after the other.</summary>
        /// <param name="planes">[plane][row][column][lane].</param>
        /// <param name="planeStep">Elements from one plane to the next.</param>
        /// <param name="count">The number of planes.</param>
        /// <param name="square">Room for the inputs of a tile.</param>
        /// <param name="products">The first product of the first plane.</param>
        /// <param name="productStep">Elements from one product to the next.</param>
        [MethodImpl(Compiled.AsLoop)]
        public void Transform(T* planes, nint planeStep, int count, T* square, T* products, nint productStep)
        {
            nint lanes = BlockLanes;
            if (top >= 0 && top + WinogradInputs <= height && left >= 0 && left + WinogradInputs <= width)
            {
                TransformInputs(
                    planes + ((nint)top * width + left) * lanes, width * lanes, planeStep, products, productStep, count);
                return;
            }

            new Span<T>(square, WinogradProducts * BlockLanes).Clear();
            int firstRow = Math.Max(0, -top), endRow = Math.Min(WinogradInputs, height - top);
            int firstColumn = Math.Max(0, -left), endColumn = Math.Min(WinogradInputs, width - left);
            for (var plane = 0; plane < count; plane++, planes += planeStep, products += lanes)
            {
                for (var y = firstRow; y < endRow; y++)
                {
                    for (var x = firstColumn; x < endColumn; x++)
                    {
                        var place = planes + ((nint)(top + y) * width + left + x) * lanes;
                        var copy = square + (y * WinogradInputs + x) * lanes;
                        TSimd.Store(TSimd.Load(place), copy);
                        TSimd.Store(TSimd.Load(place + TSimd.Count), copy + TSimd.Count);
                    }
                }

                TransformInputs(square, WinogradInputs * lanes, 0, products, productStep, 1);
            }
        }
    }

    /// <summary>Memory of a worker.</summary>
    private readonly struct Room(T* planes, T* inputs, T* sums, T* square, T* results)
    {
        /// <summary>[input channel][row][column][lane], some rows of the inputs.</summary>
        public T* Planes => planes;

        /// <summary>[product][input channel][lane]: B^T d B.</summary>
        public T* Inputs => inputs;

        /// <summary>[product][output channel of a tile][lane].</summary>
        public T* Sums => sums;

        /// <summary>[row][column][lane] of the inputs of a tile at the border.</summary>
        public T* Square => square;

        /// <summary>[output channel][row][column][lane] of some rows of tiles.</summary>
        public T* Results => results;
    }

    /// <summary>B^T d B of the 4 x 4 inputs of a tile, channel by channel.</summary>
    [MethodImpl(Compiled.AsLoop)]
    private static void TransformInputs(
        T* source, nint rowStep, nint channelStep, T* products, nint productStep, int channels)
    {
        nint lanes = BlockLanes;
        for (var channel = 0; channel < channels; channel++, source += channelStep, products += lanes)
        {
            for (nint half = 0; half < lanes; half += TSimd.Count)
            {
                var d = source + half;
                TransformColumn(d, rowStep, out var a0, out var a1, out var a2, out var a3);
                TransformColumn(d + lanes, rowStep, out var b0, out var b1, out var b2, out var b3);
                TransformColumn(d + 2 * lanes, rowStep, out var c0, out var c1, out var c2, out var c3);
                TransformColumn(d + 3 * lanes, rowStep, out var e0, out var e1, out var e2, out var e3);
                var p = products + half;
                TransformRow(a0, b0, c0, e0, p, productStep);
                TransformRow(a1, b1, c1, e1, p + 4 * productStep, productStep);
                TransformRow(a2, b2, c2, e2, p + 8 * productStep, productStep);
                TransformRow(a3, b3, c3, e3, p + 12 * productStep, productStep);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TransformColumn(
        T* d, nint step, out TVector first, out TVector second, out TVector third, out TVector fourth)
    {
        TVector d0 = TSimd.Load(d), d1 = TSimd.Load(d + step), d2 = TSimd.Load(d + 2 * step), d3 = TSimd.Load(d + 3 * step);
        TransformFour(d0, d1, d2, d3, out first, out second, out third, out fourth);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TransformRow(TVector d0, TVector d1, TVector d2, TVector d3, T* products, nint step)
    {
        TransformFour(d0, d1, d2, d3, out var first, out var second, out var third, out var fourth);
        TSimd.Store(first, products);
        TSimd.Store(second, products + step);
        TSimd.Store(third, products + 2 * step);
        TSimd.Store(fourth, products + 3 * step);
    }

    /// <summary>B^T of four inputs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TransformFour(
        TVector d0, TVector d1, TVector d2, TVector d3, out TVector first, out TVector second, out TVector third,
        out TVector fourth)
    {
        first = TSimd.Subtract(d0, d2);
        second = TSimd.Add(d1, d2);
        third = TSimd.Subtract(d2, d1);
        fourth = TSimd.Subtract(d1, d3);
    }

    /// <summary>A^T m A of the sums of products of a tile: its 2 x 2 outputs, channel by channel. There is room for a row beyond
    /// the last one, but a column beyond would be the next row's first.</summary>
    [MethodImpl(Compiled.AsLoop)]
    private static void TransformSums(
        T* sums, nint productStep, int channels, T* results, nint channelStep, nint rowStep, bool hasSecondColumn)
    {
        nint lanes = BlockLanes;
        for (var channel = 0; channel < channels; channel++, sums += lanes, results += channelStep)
        {
            for (nint half = 0; half < lanes; half += TSimd.Count)
            {
                SumTile(sums + half, productStep, out var topLeft, out var topRight, out var bottomLeft, out var bottomRight);
                var r = results + half;
                TSimd.Store(topLeft, r);
                if (hasSecondColumn)
                    TSimd.Store(topRight, r + lanes);
                TSimd.Store(bottomLeft, r + rowStep);
                if (hasSecondColumn)
                    TSimd.Store(bottomRight, r + rowStep + lanes);
            }
        }
    }

    /// <summary>A^T m A of a register of tiles.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SumTile(
        T* m, nint productStep, out TVector topLeft, out TVector topRight, out TVector bottomLeft, out TVector bottomRight)
    {
        SumColumn(m, 4 * productStep, out var a0, out var a1);
        SumColumn(m + productStep, 4 * productStep, out var b0, out var b1);
        SumColumn(m + 2 * productStep, 4 * productStep, out var c0, out var c1);
        SumColumn(m + 3 * productStep, 4 * productStep, out var d0, out var d1);
        topLeft = TSimd.Add(TSimd.Add(a0, b0), c0);
        topRight = TSimd.Subtract(TSimd.Subtract(b0, c0), d0);
        bottomLeft = TSimd.Add(TSimd.Add(a1, b1), c1);
        bottomRight = TSimd.Subtract(TSimd.Subtract(b1, c1), d1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SumColumn(T* m, nint step, out TVector first, out TVector second)
    {
        TVector m0 = TSimd.Load(m), m1 = TSimd.Load(m + step), m2 = TSimd.Load(m + 2 * step), m3 = TSimd.Load(m + 3 * step);
        first = TSimd.Add(TSimd.Add(m0, m1), m2);
        second = TSimd.Subtract(TSimd.Subtract(m1, m2), m3);
    }
}
