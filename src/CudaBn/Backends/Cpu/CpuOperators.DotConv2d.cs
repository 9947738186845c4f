using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

// The weight gradient of a convolution as dot products of planes of pixels: those of the output gradient, read where they
// are, and one plane per kernel place of the input. With few input channels, as in the first layer of a network, planes
// of the input are copied once per kernel column; see PixelColumns.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>Pixels of a band: four planes of gradients and a few of inputs in the first-level cache.</summary>
    private const int PixelsPerDotBand = 640;

    /// <summary>Whether the weight gradient does best on planes of pixels.</summary>
    private static bool PrefersDotProducts(in Conv2dGeometry g)
    {
        var pixels = g.OutHeight * g.OutWidth;
        var filled = (double)pixels / (CeilDiv(pixels, BlockLanes) * BlockLanes);
        return TSimd.Count > 1 && g.InChannels <= FewChannels && filled > FilledImages(g.Batch) / 2;
    }

    private void DotConv2dWeightGradient(in Conv2dBackwardArgs args, Tensor gradWeight)
    {
        var g = args.Geometry;
        var job = new DotWeightGradientJob(this, g, Data(args.Input), Data(args.GradOutput), partials: null);
        var partials = _shared.Get<T>((long)job.Shares * job.ElementsPerShare);
        job = new DotWeightGradientJob(this, g, Data(args.Input), Data(args.GradOutput), partials);
        _pool.Run(ref job, job.Shares);

        // Share by share, in order: the same sum for any number of threads.
        SumRows(partials, job.Shares, job.Weights, job.ElementsPerShare, Data(gradWeight));
        if (args.GradBias is { } gradBias)
            SumRows(partials + job.Weights, job.Shares, g.OutChannels, job.ElementsPerShare, Data(gradBias));
    }

    /// <summary>A chunk is a share of the images. The sums of the weights, and those of the biases behind them, go to the
    /// share's part of partials.</summary>
    private readonly struct DotWeightGradientJob : IChunkJob
    {
        private const int TileRows = DotKernel<TSimd, TVector, T>.TileRows;

        private readonly CpuOperators<TSimd, TVector, T> _operators;
        private readonly Conv2dGeometry _g;
        private readonly T* _input;
        private readonly T* _gradOutput;
        private readonly T* _partials;
        private readonly int _bandRows;
        private readonly PixelColumns _columns;

        public DotWeightGradientJob(
            CpuOperators<TSimd, TVector, T> operators, Conv2dGeometry g, T* input, T* gradOutput, T* partials)
        {
            (_operators, _g) = (operators, g);
            _input = input;
            _gradOutput = gradOutput;
            _partials = partials;
            var bands = CeilDiv(g.OutHeight, Math.Clamp(PixelsPerDotBand / g.OutWidth, 1, g.OutHeight));
            _bandRows = CeilDiv(g.OutHeight, bands);
            _columns = new PixelColumns(in g, _bandRows);
        }

        public int Shares => Math.Min(_g.Batch, PixelGradientShares);

        public long Weights => (long)_g.OutChannels * Taps;

        public long ElementsPerShare => Weights + _g.OutChannels;

        private static int TileElements => TileRows * DotKernel<TSimd, TVector, T>.MaxColumns * TSimd.Count;

        private int Taps => _g.InChannels * _g.KernelHeight * _g.KernelWidth;

        private int ColumnTiles => CeilDiv(Taps, DotKernel<TSimd, TVector, T>.MaxColumns);

        private int RowTiles => CeilDiv(_g.OutChannels, TileRows);

        /// <summary>Elements from the gradients of one channel to the next.</summary>
        private nint Plane => (nint)_g.OutHeight * _g.OutWidth;

        public void Run(int chunk, int worker)
        {
            var copyStep = PixelPlanes<TSimd, TVector, T>.Step(CeilDiv(_bandRows * _g.OutWidth, BlockLanes) * BlockLanes);
            var copyElements = (long)_g.OutChannels * copyStep;
            var sumElements = (long)RowTiles * ColumnTiles * TileElements;
            var biasElements = (long)_g.OutChannels * TSimd.Count;
            var inputs = _operators._perWorker[worker].Get<T>(
                _columns.Elements + copyElements + sumElements + biasElements);
            var copy = inputs + _columns.Elements;
            var sums = copy + copyElements;
            var biases = sums + sumElements;
            new Span<T>(sums, checked((int)(sumElements + biasElements))).Clear();

            int first = (int)((long)chunk * _g.Batch / Shares), end = (int)((chunk + 1L) * _g.Batch / Shares);
            for (var image = first; image < end; image++)
            {
                var gradients = _gradOutput + image * _g.OutChannels * Plane;
                for (var row = 0; row < _g.OutHeight; row += _bandRows)
                {
                    int rows = Math.Min(_bandRows, _g.OutHeight - row), pixels = rows * _g.OutWidth;
                    var source = gradients + row * _g.OutWidth;
                    T* next = null;
                    if (row + rows < _g.OutHeight)
                        next = source + pixels;
                    else if (image + 1 < end)
                        next = gradients + _g.OutChannels * Plane;

                    _columns.Copy(_input + (nint)image * _g.InChannels * _g.InHeight * _g.InWidth, row, rows, inputs);
                    if (pixels % BlockLanes == 0)
                    {
                        RunTiles(inputs, source, Plane, pixels, sums, biases, next);
                    }
                    else
                    {
                        CopyGradients(source, pixels, copy, copyStep);
                        RunTiles(inputs, copy, copyStep, CeilDiv(pixels, BlockLanes) * BlockLanes, sums, biases, next);
                    }
                }
            }

            Store(sums, biases, _partials + chunk * ElementsPerShare);
        }

        /// <summary>Fills up the last block of pixels with zeros.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void CopyGradients(T* source, int pixels, T* copy, int step)
        {
            for (var channel = 0; channel < _g.OutChannels; channel++, source += Plane, copy += step)
            {
                PixelPlanes<TSimd, TVector, T>.CopyRow(source, copy, pixels);
                new Span<T>(copy + pixels, step - pixels).Clear();
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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

        /// <summary>Meanwhile the next band of gradients is asked for, tile by tile.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void RunTiles(T* inputs, T* gradients, nint step, int pixels, T* sums, T* biases, T* next)
        {
            var rectangle = new PositionRectangle(1, pixels / BlockLanes, 0, BlockLanes, 0, BlockLanes);
            var gradientRows = stackalloc T*[TileRows];
            // Where every tap starts, once more the last for a tile of one tap.
            var taps = stackalloc T*[Taps + 1];
            for (var tap = 0; tap <= Taps; tap++)
                taps[tap] = inputs + _columns.Tap(Math.Min(tap, Taps - 1));
            var lines = TileRows * CeilDiv(pixels * sizeof(T), 64);
            var linesPerTile = CeilDiv(lines, ColumnTiles);
            for (var tile = 0; tile < RowTiles; tile++)
            {
                // Past the last channel a tile repeats it, and the sum is dropped.
                int firstRow = tile * TileRows, lastRow = Math.Min(firstRow + TileRows, _g.OutChannels) - 1;
                for (var row = 0; row < TileRows; row++)
                    gradientRows[row] = gradients + Math.Min(firstRow + row, lastRow) * step;
                for (var row = firstRow; row <= lastRow; row++)
                    AddLanes(gradients + row * step, pixels, biases + (long)row * TSimd.Count);
                var line = 0;
                for (var column = 0; column < ColumnTiles; column++)
                {
                    var (start, end) = Columns(column);
                    DotKernel<TSimd, TVector, T>.Run(
                        Math.Max(2, end - start), gradientRows, taps + start, sums, in rectangle);
                    sums += TileElements;
                    if (next == null)
                        continue;
                    for (var i = 0; i < linesPerTile; i++, line++)
                        Prefetch(next + (firstRow + line % TileRows) * Plane + line / TileRows * (64 / sizeof(T)));
                }
            }
        }

        private (int Start, int End) Columns(int tile) =>
            ((int)((long)tile * Taps / ColumnTiles), (int)((tile + 1L) * Taps / ColumnTiles));

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Store(T* sums, T* biases, T* destination)
        {
            for (var channel = 0; channel < _g.OutChannels; channel++, biases += TSimd.Count)
            {
                for (var column = 0; column < ColumnTiles; column++)
                {
                    var (start, end) = Columns(column);
                    var row = sums + ((long)(channel / TileRows) * ColumnTiles + column) * TileElements
                        + channel % TileRows * Math.Max(2, end - start) * TSimd.Count;
                    for (var tap = start; tap < end; tap++, row += TSimd.Count)
                        destination[(long)channel * Taps + tap] = TSimd.Sum(TSimd.Load(row));
                }

                destination[Weights + channel] = TSimd.Sum(TSimd.Load(biases));
            }
        }
    }
}
