using System.Runtime.CompilerServices;

namespace CudaBn.Backends.Cpu;

// Convolution as the product of the kernel, read where it is, and panels of what pixels see: panel[place of the kernel][pixel],
// two registers of pixels wide. Pixels are counted through rows and images, so that few lanes idle however small the images
// are, and kernels that few pixels meet need not be packed. What makes a panel costs a few instructions per register: rows of
// the input lie padded, and every stride-th element side by side, so that a register of a panel is one of a row, or picked out of
// two of them where rows or images end.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    // What a value of a panel costs in multiply-adds, and a weight that is packed for lanes of pixels or images. Measured on
    // Zen 4.
    private const double PanelCost = 4;
    private const double PackedWeightCost = 64;

    /// <summary>The speed of multiply-adds whose weights lie in rows far apart.</summary>
    private const double PanelSpeed = 0.93;

    /// <summary>The speed of multiply-adds over lanes of pixels whose windows are cut into phases of a few places.</summary>
    private const double PhasesSpeed = 0.85;

    /// <summary>Panels side by side and their sums: what the second-level cache holds beside the kernel.</summary>
    private const int PanelBytes = 512 * 1024;

    /// <summary>Places of the kernel that a tile of sums stays in registers for.</summary>
    private const int PanelDepth = 512;

    /// <summary>Tiles of output channels that a panel is made for: with fewer it would cost too large a share.</summary>
    private const int MinTilesOfPanel = 4;

    /// <summary>Whether panels of pixels are possible: rows of outputs are taken in pairs at least.</summary>
    private static bool HasPanels(in Conv2dGeometry g) => TSimd.Count > 1 && g.OutChannels % 2 == 0;

    /// <summary>What an image takes with panels of pixels, in multiply-adds.</summary>
    private static double PanelsCost(in Conv2dGeometry g)
    {
        if (!HasPanels(in g))
            return double.PositiveInfinity;
        var pixels = (double)g.Batch * g.OutHeight * g.OutWidth;
        var filled = pixels / (Math.Ceiling(pixels / BlockLanes) * BlockLanes);
        var places = (double)g.InChannels * g.KernelHeight * g.KernelWidth * g.OutHeight * g.OutWidth;
        return (g.Products / PanelSpeed + PanelCost * places) / filled + CopyCost * Values(in g);
    }

    /// <summary>What an image takes with lanes of pixels or images, whichever is less, in multiply-adds.</summary>
    private static double PackedCost(in Conv2dGeometry g)
    {
        var cost = ImageCost(in g, g.Products * PresentTaps(in g));
        if (IsPlain(in g) || HasPhases(in g))
        {
            var isCut = g.StrideX > 1 && g.KernelWidth > 1 && !MakeAnInnerLoop(CeilDiv(g.KernelWidth, g.StrideX));
            cost = Math.Min(cost, PixelCost(in g, FilledPixels(in g) * (isCut ? PhasesSpeed : 1)));
        }

        return cost + PackedWeightCost * Weights(in g) / g.Batch;
    }

    private void PanelConv2dForward(in Conv2dForwardCall<T> call)
    {
        var g = call.Geometry;
        var kernel = MatrixView<T>.RowMajor(
            call.Weight, g.OutChannels, g.InChannels * g.KernelHeight * g.KernelWidth);
        if (RowsCollide(kernel.RowStep))
            kernel = PackRows(kernel);
        var job = new PanelConv2dJob(this, in g, call.Input, kernel, call.Bias, call.Output);
        _pool.Run(ref job, job.Chunks);
    }

    /// <summary>A chunk is some panels of pixels and a share of the tiles of output channels. A value is summed in one chunk
    /// wholly, in an order that the sizes of the kernel tell, so the cut does not change it.</summary>
    private readonly struct PanelConv2dJob : IChunkJob
    {
        private readonly CpuOperators<TSimd, TVector, T> _operators;
        private readonly Conv2dGeometry _g;
        private readonly T* _input;
        private readonly MatrixView<T> _kernel;
        private readonly T* _bias;
        private readonly T* _output;
        private readonly RowTiles _tiles;
        private readonly int _depth;
        private readonly int _panels;
        private readonly int _groups;
        private readonly int _parts;

        public PanelConv2dJob(
            CpuOperators<TSimd, TVector, T> operators, in Conv2dGeometry g, T* input, MatrixView<T> kernel, T* bias, T* output)
        {
            (_operators, _g, _kernel) = (operators, g, kernel);
            _input = input;
            _bias = bias;
            _output = output;
            _tiles = new RowTiles(g.OutChannels, TSimd.MaxRows);
            _depth = CeilDiv(kernel.Columns, CeilDiv(kernel.Columns, PanelDepth));
            _panels = checked((int)CeilDiv((long)g.Batch * g.OutHeight * g.OutWidth, BlockLanes));
            var workers = operators._pool.Workers;
            var together = Math.Max(1, PanelBytes / ((_depth + _tiles.Rows) * BlockLanes * sizeof(T)));
            // As many for every worker, if there are enough.
            _groups = Math.Min(CeilDiv(CeilDiv(_panels, together), workers) * workers, _panels);
            _parts = Math.Clamp(CeilDiv(2 * workers, _groups), 1, CeilDiv(_tiles.Count, MinTilesOfPanel));
        }

        public int Chunks => _groups * _parts;

        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            var (group, part) = Math.DivRem(chunk, _parts);
            var (firstPanel, panels) = Share(_panels, group, _groups);
            var (firstTile, tiles) = Share(_tiles.Count, part, _parts);
            int lanes = panels * BlockLanes, firstChannel = _tiles.Start(firstTile);
            var channels = _tiles.Start(firstTile + tiles - 1) + _tiles.Size(firstTile + tiles - 1) - firstChannel;
            var pixels = new PixelRange(in _g, (long)firstPanel * BlockLanes, lanes);
            var rows = new PanelRows(in _g, in pixels, lanes);
            long panelStep = (long)_depth * BlockLanes, sumsCount = (long)channels * lanes;
            var memory = _operators._perWorker[worker].Get<T>(
                rows.Elements + panels * panelStep + sumsCount + TSimd.MaxRows * BlockLanes);
            T* panel = memory + rows.Elements, sums = panel + panels * panelStep, initial = sums + sumsCount;
            rows.Copy(_input, memory);
            for (var first = 0; first < _kernel.Columns; first += _depth)
            {
                var depth = Math.Min(_depth, _kernel.Columns - first);
                for (var i = 0; i < lanes / TSimd.Count; i++)
                {
                    var (block, half) = Math.DivRem(i, 2);
                    rows.FillPanel(memory, i, first, depth, panel + block * panelStep + half * TSimd.Count);
                }

                for (var tile = firstTile; tile < firstTile + tiles; tile++)
                {
                    int start = _tiles.Start(tile), size = _tiles.Size(tile);
                    var kernel = new MatrixView<T>(
                        _kernel.Data + start * _kernel.RowStep + first, size, depth, _kernel.RowStep, 1);
                    var output = sums + (long)(start - firstChannel) * lanes;
                    if (first == 0)
                        FillRows(start, size, initial);
                    for (var block = 0; block < panels; block++, output += BlockLanes)
                    {
                        MatrixKernel<TSimd, TVector, T>.Run(
                            in kernel, panel + block * panelStep, BlockLanes, first == 0 ? initial : output,
                            first == 0 ? BlockLanes : lanes, output, lanes);
                    }
                }
            }

            Store(in pixels, sums, lanes, firstChannel, channels);
        }

        /// <summary>The bias of each row of a tile, in every lane.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private void FillRows(int start, int size, T* initial)
        {
            for (var row = 0; row < size; row++)
            {
                var bias = _bias == null ? TSimd.Zero : TSimd.Create(_bias[start + row]);
                TSimd.Store(bias, initial + row * BlockLanes);
                TSimd.Store(bias, initial + row * BlockLanes + TSimd.Count);
            }
        }

        [MethodImpl(Compiled.AsLoop)]
        private void Store(in PixelRange pixels, T* sums, int lanes, int firstChannel, int channels)
        {
            long plane = (long)_g.OutHeight * _g.OutWidth, lane = 0;
            for (var image = pixels.FirstImage; image <= pixels.LastImage; image++)
            {
                var (first, count) = pixels.OfImage(image);
                var output = _output + image * _g.OutImage + firstChannel * plane + first;
                for (var channel = 0; channel < channels; channel++)
                {
                    PixelPlanes<TSimd, TVector, T>.CopyRow(
                        sums + (long)channel * lanes + lane, output + channel * plane, (int)count);
                }

                lane += count;
            }
        }
    }

    /// <summary>Pixels of the output, counted through rows and images.</summary>
    private readonly struct PixelRange
    {
        private readonly long _first;
        private readonly long _end;
        private readonly long _plane;
        private readonly int _width;

        public PixelRange(in Conv2dGeometry g, long first, long count)
        {
            _plane = (long)g.OutHeight * g.OutWidth;
            _width = g.OutWidth;
            _first = first;
            _end = Math.Min(first + count, g.Batch * _plane);
            FirstImage = (int)(first / _plane);
            LastImage = (int)((_end - 1) / _plane);
        }

        public int FirstImage { get; }

        public int LastImage { get; }

        /// <summary>Those of an image, counted in it.</summary>
        public (long First, long Count) OfImage(int image)
        {
            long first = Math.Max(_first - image * _plane, 0), end = Math.Min(_end - image * _plane, _plane);
            return (first, end - first);
        }

        /// <summary>The rows of an image that they are in.</summary>
        public (int First, int Count) RowsOfImage(int image)
        {
            var (first, count) = OfImage(image);
            var row = (int)(first / _width);
            return (row, (int)((first + count - 1) / _width) + 1 - row);
        }
    }

    /// <summary>Rows of the input that pixels see, padded and apart by stride: [channel][row phase][column phase][row][column],
    /// the rows of all images one after the other. Behind them are the places of the kernel and of the pixels in them.</summary>
    private readonly struct PanelRows
    {
        private readonly Conv2dGeometry _g;
        private readonly PixelRange _pixels;
        private readonly int _lanes;
        private readonly int _pitch;
        private readonly int _halo;
        private readonly int _columnPhases;
        private readonly int _phases;
        private readonly int _step;

        public PanelRows(in Conv2dGeometry g, in PixelRange pixels, int lanes)
        {
            (_g, _pixels, _lanes) = (g, pixels, lanes);
            _pitch = g.OutWidth + CeilDiv(g.SpanX, g.StrideX) - 1;
            _halo = CeilDiv(g.SpanY, g.StrideY) - 1;
            _columnPhases = Math.Min(g.StrideX, g.SpanX);
            _phases = _columnPhases * Math.Min(g.StrideY, g.SpanY);
            var rows = 0;
            for (var image = pixels.FirstImage; image <= pixels.LastImage; image++)
                rows += pixels.RowsOfImage(image).Count + _halo;
            _step = PixelPlanes<TSimd, TVector, T>.Step(rows * _pitch);
        }

        /// <summary>Elements of all, in whole registers.</summary>
        public long Elements => PlacesStart + CeilDiv((long)sizeof(nint) * Taps, sizeof(TVector)) * TSimd.Count;

        private int Taps => _g.KernelHeight * _g.KernelWidth;

        private int Registers => _lanes / TSimd.Count;

        // With room to read past the last row: as many lanes as a panel has, and a register behind them.
        private long OffsetsStart => (long)_g.InChannels * _phases * _step + 2 * BlockLanes;

        private long IndicesStart => OffsetsStart + CeilDiv((long)sizeof(int) * _lanes, sizeof(TVector)) * TSimd.Count;

        private long PlacesStart => IndicesStart + _lanes;

        private int* Offsets(T* memory) => (int*)(memory + OffsetsStart);

        private TVector* Indices(T* memory) => (TVector*)(memory + IndicesStart);

        private nint* Places(T* memory) => (nint*)(memory + PlacesStart);

        [MethodImpl(Compiled.AsLoop)]
        public void Copy(T* input, T* memory)
        {
            var offsets = Offsets(memory);
            var below = 0;
            for (var image = _pixels.FirstImage; image <= _pixels.LastImage; image++)
            {
                var (first, count) = _pixels.RowsOfImage(image);
                CopyPhases(
                    in _g, input + image * _g.InImage, _g.StrideY * first - _g.PaddingY, count + _halo,
                    memory + (nint)below * _pitch, _pitch, _step);
                var (pixel, left) = _pixels.OfImage(image);
                var column = (int)(pixel - (long)first * _g.OutWidth);
                for (var row = below; left > 0; row++, column = 0)
                {
                    for (; column < _g.OutWidth && left > 0; column++, left--)
                        *offsets++ = row * _pitch + column;
                }

                below += count + _halo;
            }

            // Lanes past the last pixel read on from there.
            for (var end = Offsets(memory) + _lanes; offsets < end; offsets++)
                *offsets = offsets[-1] + 1;
            var relative = stackalloc int[TSimd.Count];
            for (var register = 0; register < Registers; register++)
            {
                var first = Offsets(memory) + register * TSimd.Count;
                for (var lane = 0; lane < TSimd.Count; lane++)
                    relative[lane] = Math.Min(first[lane] - first[0], 2 * TSimd.Count - 1);
                Indices(memory)[register] = TSimd.CreateIndices(relative);
            }

            for (var tap = 0; tap < Taps; tap++)
            {
                var (y, x) = Math.DivRem(tap, _g.KernelWidth);
                int down = y * _g.DilationY, right = x * _g.DilationX;
                Places(memory)[tap] = (nint)(down % _g.StrideY * _columnPhases + right % _g.StrideX) * _step
                    + (nint)(down / _g.StrideY) * _pitch + right / _g.StrideX;
            }
        }

        /// <summary>panel[place - first][0 .. Count) of a register of pixels, BlockLanes elements apart.</summary>
        [MethodImpl(Compiled.AsLoop)]
        public void FillPanel(T* memory, int register, int first, int depth, T* panel)
        {
            var offsets = Offsets(memory) + register * TSimd.Count;
            var places = Places(memory);
            int taps = Taps, reach = offsets[TSimd.Count - 1] - offsets[0];
            var (channel, tap) = Math.DivRem(first, taps);
            nint channelStep = (nint)_phases * _step;
            var source = memory + channel * channelStep + offsets[0];
            var indices = Indices(memory)[register];
            for (var i = 0; i < depth; i++, panel += BlockLanes)
            {
                var place = source + places[tap];
                if (reach == TSimd.Count - 1)
                {
                    TSimd.Store(TSimd.Load(place), panel);
                }
                else if (reach < 2 * TSimd.Count)
                {
                    TSimd.Store(TSimd.PermuteTwo(TSimd.Load(place), TSimd.Load(place + TSimd.Count), indices), panel);
                }
                else
                {
                    for (var lane = 0; lane < TSimd.Count; lane++)
                        panel[lane] = place[offsets[lane] - offsets[0]];
                }

                if (++tap == taps)
                {
                    tap = 0;
                    source += channelStep;
                }
            }
        }
    }
}
