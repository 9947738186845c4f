using System.Runtime.CompilerServices;

namespace CudaBn.Backends.Cpu;

// The input gradient of a convolution of stride 2 with neighbouring pixels in the lanes of registers. Every other row and
// column of the input is one of four phases, and the gradient of each a convolution of stride 1 of the output gradient
// with its share of the turned kernel: place i of the input meets place u - j of the output through place a + 2 j of the
// kernel, where i + padding = 2 u + a. Rows of two phases are interleaved when they are stored.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    private void PhasedInputGradient(in Conv2dGeometry g, T* weight, T* gradOutput, T* gradInput)
    {
        var job = new PhasedInputGradientJob(this, g, gradOutput, packed: null, gradInput);
        var packed = _packed.Get<T>(job.PackedElements);
        job = new PhasedInputGradientJob(this, g, gradOutput, packed, gradInput);
        job.PackKernel(weight);
        _pool.Run(ref job, job.Chunks);
    }

    /// <summary>Whether the input gradient can be taken apart into phases. Windows that lie in the padding wholly would
    /// need more zeros beside the output gradient than a phase of the kernel is wide.</summary>
    private static bool HasGradientPhases(in Conv2dGeometry g) =>
        HasPhases(in g) && g.PaddingY < g.KernelHeight && g.PaddingX < g.KernelWidth;

    /// <summary>A chunk is a band of rows of all phases of an image.</summary>
    private readonly struct PhasedInputGradientJob : IChunkJob
    {
        private const int Stride = 2;

        private readonly CpuOperators<TSimd, TVector, T> _operators;
        private readonly Conv2dGeometry _g;
        private readonly T* _gradOutput;
        private readonly T* _packed;
        private readonly T* _gradInput;
        private readonly RowTiles _tiles;

        // Two where few input channels are to fill a tile: both phases of columns are rows of sums then, side by side.
        private readonly int _rowsPerChannel;
        private readonly int _firstRow;
        private readonly int _phaseRows;
        private readonly int _zeros;
        private readonly int _bands;

        public PhasedInputGradientJob(
            CpuOperators<TSimd, TVector, T> operators, Conv2dGeometry g, T* gradOutput, T* packed, T* gradInput)
        {
            (_operators, _g) = (operators, g);
            _gradOutput = gradOutput;
            _packed = packed;
            _gradInput = gradInput;
            _rowsPerChannel = g.InChannels <= FewChannels && g.KernelWidth > 1 ? Stride : 1;
            _tiles = new RowTiles(g.InChannels * _rowsPerChannel, TSimd.MaxRows);
            _firstRow = g.PaddingY / Stride;
            _phaseRows = (g.InHeight - 1 + g.PaddingY) / Stride - _firstRow + 1;
            _zeros = ZerosBeside(in g);
            var cached = BandBytes / (g.OutChannels * Pitch * sizeof(T)) - (KernelRows(0) - 1);
            _bands = CeilDiv(_phaseRows, Math.Max(1, Math.Min(cached, PixelsPerBand / 2 / Pitch)));
        }

        public int Chunks => _g.Batch * _bands;

        public long PackedElements => (long)_tiles.PaddedRows * _g.OutChannels * _g.KernelHeight * PackedColumns;

        /// <summary>The share of lanes and rows of sums in use.</summary>
        public double Filled
        {
            get
            {
                var filled = (double)_g.InHeight * _g.InWidth
                    / (Stride * Stride * CeilDiv(_phaseRows * Pitch, BlockLanes) * BlockLanes);
                return _rowsPerChannel == 1 ? filled : filled * _g.KernelWidth / (Stride * KernelColumns(0));
            }
        }

        private int Pitch => _g.OutWidth + _zeros;

        // Phases of the kernel that have places: a kernel of one row or column has the first only.
        private int RowPhases => Math.Min(Stride, _g.KernelHeight);

        private int ColumnPhases => _rowsPerChannel > 1 ? 1 : Math.Min(Stride, _g.KernelWidth);

        private int PackedColumns => ColumnPhases == 1 ? KernelColumns(0) : _g.KernelWidth;

        /// <summary>Packs the kernel of one phase behind that of the other.</summary>
        public void PackKernel(T* weight)
        {
            for (var phase = 0; phase < RowPhases * ColumnPhases; phase++)
            {
                var (rowPhase, columnPhase) = Math.DivRem(phase, ColumnPhases);
                int rows = KernelRows(rowPhase), columns = KernelColumns(columnPhase);
                var taps = new KernelTaps(
                    rowPhase + Stride * (rows - 1), -Stride, rows,
                    columnPhase + Stride * (columns - 1), -Stride, columns);
                _operators.PackTransposedKernel(
                    weight, PackedPhase(rowPhase, columnPhase), _tiles, in _g, taps, MakeAnInnerLoop(columns),
                    _rowsPerChannel);
            }
        }

        public void Run(int chunk, int worker)
        {
            var (image, band) = Math.DivRem(chunk, _bands);
            var (bandRow, outRows) = Share(_phaseRows, band, _bands);
            int above = KernelRows(0) - 1, rows = outRows + above, first = _firstRow + bandRow;
            var step = PixelPlanes<TSimd, TVector, T>.Step(rows * Pitch + _zeros);
            var pixels = CeilDiv(outRows * Pitch, BlockLanes) * BlockLanes;

            // The last register of pixels reads past the end of the last plane.
            var planes = CeilDiv((long)_g.OutChannels * step + BlockLanes + _g.KernelWidth, BlockLanes) * BlockLanes;
            var sums = (long)Stride * Stride * TSimd.MaxRows * pixels;
            var copy = _operators._perWorker[worker].Get<T>(planes + sums + BlockLanes);
            var results = copy + planes;
            var source = _gradOutput + image * _g.OutImage;
            PixelPlanes<TSimd, TVector, T>.Copy(
                source, _g.OutHeight, _g.OutWidth, _g.OutChannels, first - above, rows, _zeros, copy, step);
            new Span<T>(copy + (long)_g.OutChannels * step, (int)(planes - (long)_g.OutChannels * step)).Clear();

            // Phases without a place of the kernel stay as they are.
            if (RowPhases * ColumnPhases * _rowsPerChannel < Stride * Stride)
                new Span<T>(results, checked((int)sums)).Clear();

            for (var tile = 0; tile < _tiles.Count; tile++)
            {
                for (var phase = 0; phase < RowPhases * ColumnPhases; phase++)
                {
                    var (rowPhase, columnPhase) = Math.DivRem(phase, ColumnPhases);
                    RunPhase(
                        rowPhase, columnPhase, tile, copy, step,
                        results + (long)(Stride * rowPhase + columnPhase) * TSimd.MaxRows * pixels, pixels);
                }

                Store(image, first, outRows, tile, results, pixels);
            }
        }

        /// <summary>The zeros between two rows of the output gradient: as many as a window reaches past the right end of
        /// one, or past the left end of the next.</summary>
        private static int ZerosBeside(in Conv2dGeometry g)
        {
            var left = CeilDiv(g.KernelWidth, Stride) - 1 - g.PaddingX / Stride;
            return Math.Max(left, (g.InWidth - 1 + g.PaddingX) / Stride - (g.OutWidth - 1));
        }

        private int KernelRows(int phase) => CeilDiv(_g.KernelHeight - phase, Stride);

        private int KernelColumns(int phase) => CeilDiv(_g.KernelWidth - phase, Stride);

        private T* PackedPhase(int rowPhase, int columnPhase)
        {
            var places = rowPhase * KernelRows(0) * PackedColumns
                + columnPhase * KernelRows(rowPhase) * KernelColumns(0);
            return _packed + (long)places * _g.OutChannels * _tiles.PaddedRows;
        }

        [MethodImpl(Compiled.AsLoop)]
        private void RunPhase(int rowPhase, int columnPhase, int tile, T* copy, int step, T* results, int pixels)
        {
            int rows = _tiles.Size(tile);
            int kernelRows = KernelRows(rowPhase), kernelColumns = KernelColumns(columnPhase);
            var (tap, channelTap) = MakeAnInnerLoop(kernelColumns)
                ? (rows, kernelRows * kernelColumns * rows)
                : (_g.OutChannels * rows, rows);
            var weights = PackedPhase(rowPhase, columnPhase)
                + (long)_tiles.Start(tile) * _g.OutChannels * kernelRows * kernelColumns;
            var corner = copy + (nint)(KernelRows(0) - kernelRows) * Pitch
                + _zeros + _g.PaddingX / Stride - (kernelColumns - 1);
            var zeros = stackalloc T[TSimd.MaxRows];
            new Span<T>(zeros, TSimd.MaxRows).Clear();
            var blocks = PixelChannelBlocks(_g.OutChannels, kernelRows, kernelColumns);
            for (var block = 0; block < blocks; block++)
            {
                var (first, channels) = Share(_g.OutChannels, block, blocks);
                var window = PixelWindow(
                    kernelRows, kernelColumns, channels, Pitch, 1, step, kernelColumns * tap, tap, channelTap);
                var vectors = corner + (nint)first * step;
                var scalars = weights + (nint)first * channelTap;
                for (var pixel = 0; pixel < pixels; pixel += BlockLanes)
                {
                    MicroKernel<TSimd, TVector, T>.Run(
                        rows, vectors + pixel, scalars, zeros, results + pixel, pixels, in window, add: block > 0);
                }
            }
        }

        /// <summary>Writes the rows of the input that a band has sums for.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private void Store(int image, int first, int outRows, int tile, T* results, int pixels)
        {
            var firstChannel = _tiles.Start(tile) / _rowsPerChannel;
            var channels = Math.Min(_tiles.Size(tile) / _rowsPerChannel, _g.InChannels - firstChannel);
            nint rowPhaseStep = (nint)Stride * TSimd.MaxRows * pixels;
            nint columnPhaseStep = _rowsPerChannel > 1 ? pixels : (nint)TSimd.MaxRows * pixels;
            var shift = _g.PaddingX % Stride;
            int firstY = Math.Max(0, Stride * first - _g.PaddingY);
            int endY = Math.Min(_g.InHeight, Stride * (first + outRows) - _g.PaddingY);
            for (var channel = 0; channel < channels; channel++)
            {
                var sums = results + (nint)channel * _rowsPerChannel * pixels;
                var output = _gradInput + image * _g.InImage
                    + ((nint)(firstChannel + channel) * _g.InHeight + firstY) * _g.InWidth;
                for (var y = firstY; y < endY; y++, output += _g.InWidth)
                {
                    var (u, phase) = Math.DivRem(y + _g.PaddingY, Stride);
                    var row = sums + phase * rowPhaseStep + (nint)(u - first) * Pitch;
                    InterleaveRow(row + shift * columnPhaseStep, row + (1 - shift) * columnPhaseStep + shift, output);
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void InterleaveRow(T* even, T* odd, T* row)
        {
            int half = _g.InWidth / Stride, x = 0;
            for (; x + TSimd.Count <= half; x += TSimd.Count)
            {
                TSimd.Interleave(TSimd.Load(even + x), TSimd.Load(odd + x), out var low, out var high);
                TSimd.Store(low, row + Stride * x);
                TSimd.Store(high, row + Stride * x + TSimd.Count);
            }

            for (x *= Stride; x < _g.InWidth; x++)
                row[x] = x % Stride == 0 ? even[x / Stride] : odd[x / Stride];
        }
    }
}
