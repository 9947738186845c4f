using System.Runtime.CompilerServices;

namespace CudaBn.Backends.Cpu;

// The weight gradient of a convolution of 3 x 3 at stride 1 by Winograd's minimal filtering, F(3 x 3, 2 x 2): what a tile of
// 2 x 2 gradients adds to the nine weights of a pair of channels is A^T ((G e G^T) * (B^T d B)) A of the gradients e and of the
// 4 x 4 inputs d that they meet, 16 products in place of 36. A is applied once, to the sums over all tiles. Channels lie side
// by side in the lanes of registers, and the sums of each of the 16 products are a matrix product over tiles.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>About how many bytes of transformed inputs and gradients the second-level cache holds beside sums.</summary>
    private static long WinogradUnitBytes => HasLargeSecondLevel ? 512 * 1024 : 256 * 1024;

    /// <summary>Tiles over which sums are kept in registers: with fewer, they are fetched and stored too often; more of a
    /// panel do not fit in the first-level cache.</summary>
    private const int LeastWinogradTiles = 32;

    private const int MostWinogradTiles = 128;

    /// <summary>What the units of a round may take: what the third-level cache holds beside the sums.</summary>
    private const long WinogradRoundBytes = 4 * 1024 * 1024;

    /// <summary>The most tiles in a row: a unit has one row at least.</summary>
    private const int MostWinogradColumns = 256;

    /// <summary>Input channels whose weights are put in order together.</summary>
    private const int WinogradStoredChannels = 16;

    // What a channel of a tile costs in multiply-adds that is transposed and transformed. Measured on Zen 4.
    private const double WinogradPackCost = 70;

    /// <summary>Whether sums of 16 products in place of 36, over lanes of channels, are worth transforming inputs and
    /// gradients.</summary>
    private static bool PrefersWinogradWeights(in Conv2dGeometry g)
    {
        if (!IsWinograd(in g) || !IsPlain(in g) || g.OutWidth > MostWinogradColumns * WinogradOutputs)
            return false;
        // As for other sums over lanes of channels, two rows are too few.
        double rows = Math.Max(new RowTiles(g.InChannels, TSimd.MaxRows).PaddedRows, 4);
        double inputs = CeilDiv(g.InChannels, BlockLanes) * BlockLanes, outputs = CeilDiv(g.OutChannels, BlockLanes) * BlockLanes;
        var tile = WinogradProducts * rows * outputs + WinogradPackCost * (inputs + outputs);
        return tile * WinogradTiles(in g) < g.Products * PresentTaps(in g);
    }

    private void WinogradWeightGradient(in Conv2dBackwardCall<T> call)
    {
        var job = new WinogradWeightGradientJob(this, call.Geometry, call.Input, call.GradOutput);
        job = job with { Partials = _shared.Get<T>(job.Shares * job.ElementsPerShare) };
        if (job.IsShared)
        {
            var units = _blocks.Get<T>(job.UnitsPerRound * job.ElementsPerUnit);
            for (var first = 0; first < job.Units; first += job.UnitsPerRound)
            {
                job = job with
                {
                    FirstUnit = first,
                    UnitsOfRound = Math.Min(job.UnitsPerRound, job.Units - first),
                    SharedUnits = units,
                };
                var transform = new WinogradTransformJob(job);
                _pool.Run(ref transform, transform.Chunks);
                var multiply = new WinogradMultiplyJob(job);
                _pool.Run(ref multiply, multiply.Chunks);
            }
        }
        else
        {
            _pool.Run(ref job, job.Chunks);
        }

        var store = new WinogradStoreJob(job, call.GradWeight, call.GradBias);
        _pool.Run(ref store, store.Chunks);
    }

    /// <summary>A chunk is a share of the units and a part of the panels of output channels. A unit is some rows of tiles of an
    /// image, or the tiles of some small images; a panel is as many channels as two registers have lanes. The sums of a share,
    /// [panel][product][input channel][output channel of panel], and behind those of all panels the ones of the biases,
    /// [output channel], go to its row of partials. With many channels, whose sums would be many parts that each transform all
    /// inputs, there is one share instead: in rounds of some units, these are transformed by all workers, and then
    /// multiplied.</summary>
    private readonly struct WinogradWeightGradientJob : IChunkJob
    {
        private readonly CpuOperators<TSimd, TVector, T> _operators;
        private readonly Conv2dGeometry _g;
        private readonly T* _input;
        private readonly T* _gradOutput;
        private readonly RowTiles _tiles;
        private readonly int _tileRows;
        private readonly int _tileColumns;
        private readonly int _imagesPerUnit;
        private readonly int _bands;

        // Tiles that a unit has room for: an odd number, so that the products of a tile do not fall into the same few sets of
        // the first-level cache.
        private readonly int _places;

        // Elements from one tile of the inputs to the next: an odd number of cache lines.
        private readonly nint _inputStep;

        public WinogradWeightGradientJob(
            CpuOperators<TSimd, TVector, T> operators, in Conv2dGeometry g, T* input, T* gradOutput)
        {
            (_operators, _g) = (operators, g);
            _input = input;
            _gradOutput = gradOutput;
            _tiles = new RowTiles(g.InChannels, TSimd.MaxRows);
            _tileRows = CeilDiv(g.OutHeight, WinogradOutputs);
            _tileColumns = CeilDiv(g.OutWidth, WinogradOutputs);
            _inputStep = InPanels * BlockLanes + TSimd.Count;
            var perTile = WinogradProducts * (_inputStep + CeilDiv(Panels, Parts) * BlockLanes) * sizeof(T);
            var most = IsShared
                ? MostWinogradTiles
                : (int)Math.Clamp(WinogradUnitBytes / perTile, LeastWinogradTiles, MostWinogradTiles);
            var tiles = _tileRows * _tileColumns;
            _imagesPerUnit = Math.Clamp(most / tiles, 1, g.Batch);
            _bands = Math.Min(CeilDiv(tiles, most), _tileRows);
            Units = CeilDiv(g.Batch, _imagesPerUnit) * _bands;
            _places = (_imagesPerUnit * CeilDiv(_tileRows, _bands) * _tileColumns) | 1;
        }

        public T* Partials { private get; init; }

        /// <summary>The units of a round, transformed.</summary>
        public T* SharedUnits { private get; init; }

        public int FirstUnit { private get; init; }

        public int UnitsOfRound { get; init; }

        public int Units { get; }

        public int Chunks => Shares * Parts;

        public int Shares => IsShared ? 1 : Math.Clamp(CeilDiv(WeightGradientChunks, Parts), 1, Units);

        /// <summary>Whether units are transformed once for all parts.</summary>
        public bool IsShared => Parts >= SharingParts;

        public int UnitsPerRound => (int)Math.Clamp(WinogradRoundBytes / (ElementsPerUnit * sizeof(T)), 1, Units);

        public long ElementsPerUnit => WinogradProducts * (InputProductStep + GradientProductStep(Panels));

        public long ElementsPerShare => Panels * (WinogradProducts * SumStep + BlockLanes);

        public int Panels => CeilDiv(_g.OutChannels, BlockLanes);

        public int InPanels => CeilDiv(_g.InChannels, BlockLanes);

        public int InChannels => _g.InChannels;

        // As few as the sums allow, for each transforms all inputs once more.
        private int Parts
        {
            get
            {
                var bytes = Panels * WinogradProducts * SumStep * sizeof(T);
                return (int)Math.Clamp(CeilDiv(bytes, WeightGradientBytes), 1, Math.Min(Panels, WeightGradientChunks));
            }
        }

        // Elements from the sums of one product to those of the next.
        private long SumStep => (long)_tiles.PaddedRows * BlockLanes;

        private nint InputProductStep => _places * _inputStep;

        // Of a tile before it is transformed, and of the rows of a unit.
        private long ElementsOfPlaces
        {
            get
            {
                var rows = CeilDiv(_tileRows, _bands) * WinogradOutputs;
                var inputs = Math.Min(rows + WinogradInputs - WinogradOutputs, _g.InHeight) * _g.InWidth;
                return BlockLanes * (WinogradProducts + (long)Math.Max(inputs, rows * _g.OutWidth));
            }
        }

        public void Run(int chunk, int worker)
        {
            var (share, part) = Math.DivRem(chunk, Parts);
            var (firstPanel, panels) = Share(Panels, part, Parts);
            var sums = Partials + share * ElementsPerShare;
            var biases = sums + Panels * WinogradProducts * SumStep + firstPanel * BlockLanes;
            sums += firstPanel * WinogradProducts * SumStep;
            Clear(sums, panels * WinogradProducts * SumStep);
            Clear(biases, panels * BlockLanes);

            var elements = WinogradProducts * (InputProductStep + GradientProductStep(panels));
            var memory = _operators._perWorker[worker].Get<T>(elements + ElementsOfPlaces);
            var room = new GradientRoom(
                memory, InputProductStep, memory + WinogradProducts * InputProductStep, GradientProductStep(panels),
                memory + elements);
            var (first, units) = Share(Units, share, Shares);
            for (var unit = first; unit < first + units; unit++)
            {
                var tiles = TilesOf(unit);
                for (var channel = 0; channel < _g.InChannels; channel += BlockLanes)
                    TransformInputs(in tiles, channel, in room);
                for (var panel = 0; panel < panels; panel++)
                    TransformGradients(in tiles, (firstPanel + panel) * BlockLanes, panel * _places * BlockLanes, in room);
                for (var product = 0; product < WinogradProducts; product++)
                {
                    for (var panel = 0; panel < panels; panel++)
                    {
                        AddProducts(
                            in tiles, product, panel, sums + (panel * WinogradProducts + product) * SumStep,
                            biases + panel * BlockLanes, in room);
                    }
                }
            }
        }

        /// <summary>Transforms a panel of the inputs of a unit of the round.</summary>
        public void TransformInputs(int unit, int panel, int worker)
        {
            var room = RoomOf(unit, _operators._perWorker[worker].Get<T>(ElementsOfPlaces));
            TransformInputs(TilesOf(FirstUnit + unit), panel * BlockLanes, in room);
        }

        /// <summary>Transforms a panel of the output gradients of a unit of the round.</summary>
        public void TransformGradients(int unit, int panel, int worker)
        {
            var room = RoomOf(unit, _operators._perWorker[worker].Get<T>(ElementsOfPlaces));
            TransformGradients(TilesOf(FirstUnit + unit), panel * BlockLanes, panel * _places * BlockLanes, in room);
        }

        /// <summary>Adds a product of all units of the round, a panel of output channels.</summary>
        [MethodImpl(Compiled.AsLoop)]
        public void AddRound(int product, int panel)
        {
            var sums = Partials + (panel * WinogradProducts + product) * SumStep;
            var biases = Partials + Panels * WinogradProducts * SumStep + panel * BlockLanes;
            if (FirstUnit == 0)
            {
                Clear(sums, SumStep);
                if (product == WinogradBiasProduct)
                    Clear(biases, BlockLanes);
            }

            for (var unit = 0; unit < UnitsOfRound; unit++)
                AddProducts(TilesOf(FirstUnit + unit), product, panel, sums, biases, RoomOf(unit, square: null));
        }

        /// <summary>Writes the weights of some input channels and a panel of output channels in PyTorch's order. Share by share,
        /// in order, their sums are the same for any number of threads.</summary>
        [MethodImpl(Compiled.AsLoop)]
        public void Store(int panel, int firstChannel, int worker, T* gradWeight)
        {
            int firstOutput = panel * BlockLanes, outputs = Math.Min(BlockLanes, _g.OutChannels - firstOutput);
            var channels = Math.Min(WinogradStoredChannels, _g.InChannels - firstChannel);
            var weights = _operators._perWorker[worker].Get<T>((long)channels * 9 * BlockLanes);
            var sums = Partials + panel * WinogradProducts * SumStep + firstChannel * BlockLanes;
            for (var product = 0; product < WinogradProducts && Shares > 1; product++)
            {
                var row = sums + product * SumStep;
                SumRows(row, Shares, channels * BlockLanes, ElementsPerShare, row);
            }

            for (var channel = 0; channel < channels; channel++)
                SumWeights(sums + channel * BlockLanes, (nint)SumStep, weights + channel * 9 * BlockLanes);
            ImageBlocks<TSimd, TVector, T>.Deinterleave(
                weights, gradWeight + ((nint)firstOutput * _g.InChannels + firstChannel) * 9, (nint)_g.InChannels * 9, outputs,
                channels * 9);
        }

        /// <summary>Writes the gradients of the biases of a panel.</summary>
        [MethodImpl(Compiled.AsLoop)]
        public void StoreBiases(int panel, T* gradBias)
        {
            var first = panel * BlockLanes;
            var count = Math.Min(BlockLanes, _g.OutChannels - first);
            var biases = Partials + Panels * WinogradProducts * SumStep + first;
            SumRows(biases, Shares, count, ElementsPerShare, gradBias + first);
        }

        private GradientRoom RoomOf(int unit, T* square)
        {
            var inputs = SharedUnits + unit * ElementsPerUnit;
            return new(
                inputs, InputProductStep, inputs + WinogradProducts * InputProductStep, GradientProductStep(Panels), square);
        }

        private nint GradientProductStep(int panels) => (nint)((panels * _places) | 1) * BlockLanes;

        private UnitTiles TilesOf(int unit)
        {
            var (group, band) = Math.DivRem(unit, _bands);
            var first = group * _imagesPerUnit;
            var (row, rows) = Share(_tileRows, band, _bands);
            return new(first, Math.Min(_imagesPerUnit, _g.Batch - first), row, rows);
        }

        /// <summary>Transforms the inputs of a unit, as many channels as a block has lanes.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private void TransformInputs(in UnitTiles tiles, int firstChannel, in GradientRoom room)
        {
            var channels = Math.Min(BlockLanes, _g.InChannels - firstChannel);
            var destination = room.Inputs + firstChannel;
            var top = tiles.FirstRow * WinogradOutputs - _g.PaddingY;
            var bottom = top + (tiles.Rows - 1) * WinogradOutputs + WinogradInputs;
            int first = Math.Max(0, top), rows = Math.Min(_g.InHeight, bottom) - first;
            var plane = (nint)_g.InHeight * _g.InWidth;
            var places = room.Square + WinogradProducts * BlockLanes;
            for (var image = tiles.FirstImage; image < tiles.FirstImage + tiles.Images; image++)
            {
                ImageBlocks<TSimd, TVector, T>.Interleave(
                    _input + image * _g.InImage + firstChannel * plane + first * _g.InWidth, plane, channels, places,
                    (long)rows * _g.InWidth);
                for (var row = 0; row < tiles.Rows; row++)
                {
                    for (var column = 0; column < _tileColumns; column++, destination += _inputStep)
                    {
                        var tile = new WinogradTile(
                            top + row * WinogradOutputs - first, column * WinogradOutputs - _g.PaddingX, rows, _g.InWidth);
                        tile.Transform(places, 0, 1, room.Square, destination, room.InputProductStep);
                    }
                }
            }
        }

        /// <summary>Transforms the output gradients of a unit, a panel of channels.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private void TransformGradients(in UnitTiles tiles, int firstChannel, nint offset, in GradientRoom room)
        {
            nint lanes = BlockLanes, rowStep = _g.OutWidth * lanes;
            var channels = Math.Min(BlockLanes, _g.OutChannels - firstChannel);
            var destination = room.Gradients + offset;
            int y = tiles.FirstRow * WinogradOutputs, rows = Math.Min(tiles.Rows * WinogradOutputs, _g.OutHeight - y);
            var plane = (nint)_g.OutHeight * _g.OutWidth;
            var places = room.Square + WinogradProducts * BlockLanes;
            for (var image = tiles.FirstImage; image < tiles.FirstImage + tiles.Images; image++)
            {
                ImageBlocks<TSimd, TVector, T>.Interleave(
                    _gradOutput + image * _g.OutImage + firstChannel * plane + y * _g.OutWidth, plane, channels, places,
                    (long)rows * _g.OutWidth);
                for (var row = 0; row < rows; row += WinogradOutputs)
                {
                    TransformGradientRow(
                        places + row * rowStep, row + 1 < rows ? rowStep : 0, _g.OutWidth, destination,
                        room.GradientProductStep);
                    destination += _tileColumns * lanes;
                }
            }
        }

        /// <summary>sums += inputs * gradients, for one product and one panel of the room.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private void AddProducts(in UnitTiles tiles, int product, int panel, T* sums, T* biases, in GradientRoom room)
        {
            nint lanes = BlockLanes;
            var count = tiles.Images * tiles.Rows * _tileColumns;
            var zeros = stackalloc T[TSimd.MaxRows];
            new Span<T>(zeros, TSimd.MaxRows).Clear();
            var window = new TapWindow(1, 1, count, 0, 0, lanes, 0, 0, _inputStep);
            var scalars = room.Inputs + product * room.InputProductStep;
            var vectors = room.Gradients + product * room.GradientProductStep + panel * _places * lanes;
            for (var tile = 0; tile < _tiles.Count; tile++)
            {
                var start = _tiles.Start(tile);
                MicroKernel<TSimd, TVector, T>.Run(
                    _tiles.Size(tile), vectors, scalars + start, zeros, sums + start * lanes, lanes, in window, add: true);
            }

            // The product of the sums of rows and columns is the sum of a tile.
            if (product == WinogradBiasProduct)
                AddRows(vectors, count, biases);
        }

        /// <summary>sums += the sum of rows of two registers.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private static void AddRows(T* rows, int count, T* sums)
        {
            var (low, high) = (TSimd.Load(sums), TSimd.Load(sums + TSimd.Count));
            for (var i = 0; i < count; i++, rows += BlockLanes)
            {
                low = TSimd.Add(low, TSimd.Load(rows));
                high = TSimd.Add(high, TSimd.Load(rows + TSimd.Count));
            }

            TSimd.Store(low, sums);
            TSimd.Store(high, sums + TSimd.Count);
        }

        /// <summary>G e G^T of the tiles of a row of gradients, without the halves of G; a row or column beyond the last is
        /// 0.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private static void TransformGradientRow(T* gradients, nint rowStep, int columns, T* products, nint productStep)
        {
            nint lanes = BlockLanes;
            for (var column = 0; column < columns; column += WinogradOutputs)
            {
                for (nint half = 0; half < lanes; half += TSimd.Count)
                {
                    TVector e00 = TSimd.Load(gradients + half), e01 = TSimd.Zero, e10 = TSimd.Zero, e11 = TSimd.Zero;
                    if (rowStep != 0)
                        e10 = TSimd.Load(gradients + rowStep + half);
                    if (column + 1 < columns)
                    {
                        e01 = TSimd.Load(gradients + lanes + half);
                        if (rowStep != 0)
                            e11 = TSimd.Load(gradients + rowStep + lanes + half);
                    }

                    var p = products + half;
                    Spread(e00, e01, p, productStep);
                    Spread(TSimd.Add(e00, e10), TSimd.Add(e01, e11), p + 4 * productStep, productStep);
                    Spread(TSimd.Subtract(e00, e10), TSimd.Subtract(e01, e11), p + 8 * productStep, productStep);
                    Spread(e10, e11, p + 12 * productStep, productStep);
                }

                gradients += WinogradOutputs * lanes;
                products += lanes;
            }
        }

        // G of two gradients, without its halves.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Spread(TVector first, TVector second, T* products, nint step)
        {
            TSimd.Store(first, products);
            TSimd.Store(TSimd.Add(first, second), products + step);
            TSimd.Store(TSimd.Subtract(first, second), products + 2 * step);
            TSimd.Store(second, products + 3 * step);
        }

        /// <summary>The nine weights of an input channel from the sums of its 16 products.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private static void SumWeights(T* sums, nint productStep, T* weights)
        {
            nint lanes = BlockLanes;
            for (nint half = 0; half < lanes; half += TSimd.Count)
            {
                var m = sums + half;
                var w = weights + half;
                SumColumn(m, 4 * productStep, out var a0, out var a1, out var a2);
                SumColumn(m + productStep, 4 * productStep, out var b0, out var b1, out var b2);
                SumColumn(m + 2 * productStep, 4 * productStep, out var c0, out var c1, out var c2);
                SumColumn(m + 3 * productStep, 4 * productStep, out var d0, out var d1, out var d2);
                StoreRow(a0, b0, c0, d0, w);
                StoreRow(a1, b1, c1, d1, w + 3 * lanes);
                StoreRow(a2, b2, c2, d2, w + 6 * lanes);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void SumColumn(T* m, nint step, out TVector first, out TVector second, out TVector third) =>
            Combine(
                TSimd.Load(m), TSimd.Load(m + step), TSimd.Load(m + 2 * step), TSimd.Load(m + 3 * step), out first, out second,
                out third);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void StoreRow(TVector m0, TVector m1, TVector m2, TVector m3, T* weights)
        {
            Combine(m0, m1, m2, m3, out var first, out var second, out var third);
            TSimd.Store(first, weights);
            TSimd.Store(second, weights + BlockLanes);
            TSimd.Store(third, weights + 2 * BlockLanes);
        }

        // A^T, with the halves that the gradients' transform left out.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Combine(
            TVector m0, TVector m1, TVector m2, TVector m3, out TVector first, out TVector second, out TVector third)
        {
            var half = TSimd.Create(T.CreateTruncating(0.5));
            var sum = TSimd.Multiply(half, TSimd.Add(m1, m2));
            first = TSimd.Add(m0, sum);
            second = TSimd.Multiply(half, TSimd.Subtract(m1, m2));
            third = TSimd.Subtract(sum, m3);
        }
    }

    /// <summary>Tiles that are transformed and summed together.</summary>
    private readonly record struct UnitTiles(int FirstImage, int Images, int FirstRow, int Rows);

    /// <summary>Memory of a worker.</summary>
    private readonly struct GradientRoom(
        T* inputs, nint inputProductStep, T* gradients, nint gradientProductStep, T* square)
    {
        /// <summary>[product][tile][input channel].</summary>
        public T* Inputs => inputs;

        public nint InputProductStep => inputProductStep;

        /// <summary>[product][panel][tile][output channel of panel].</summary>
        public T* Gradients => gradients;

        public nint GradientProductStep => gradientProductStep;

        /// <summary>The inputs of a tile at the border, and behind them the places of a unit before they are
        /// transformed.</summary>
        public T* Square => square;
    }

    /// <summary>A chunk is a unit of a round and a panel of its inputs or gradients.</summary>
    private readonly struct WinogradTransformJob(WinogradWeightGradientJob job) : IChunkJob
    {
        public int Chunks => job.UnitsOfRound * (job.InPanels + job.Panels);

        public void Run(int chunk, int worker)
        {
            var (unit, panel) = Math.DivRem(chunk, job.InPanels + job.Panels);
            if (panel < job.InPanels)
                job.TransformInputs(unit, panel, worker);
            else
                job.TransformGradients(unit, panel - job.InPanels, worker);
        }
    }

    /// <summary>A chunk is a product and a panel of output channels.</summary>
    private readonly struct WinogradMultiplyJob(WinogradWeightGradientJob job) : IChunkJob
    {
        public int Chunks => WinogradProducts * job.Panels;

        public void Run(int chunk, int worker)
        {
            var (product, panel) = Math.DivRem(chunk, job.Panels);
            job.AddRound(product, panel);
        }
    }

    /// <summary>A chunk is a panel of output channels and some input channels.</summary>
    private readonly struct WinogradStoreJob(WinogradWeightGradientJob job, T* gradWeight, T* gradBias) : IChunkJob
    {
        private readonly int _parts = CeilDiv(job.InChannels, WinogradStoredChannels);

        public int Chunks => job.Panels * _parts;

        public void Run(int chunk, int worker)
        {
            var (panel, part) = Math.DivRem(chunk, _parts);
            job.Store(panel, part * WinogradStoredChannels, worker, gradWeight);
            if (part == 0 && gradBias != null)
                job.StoreBiases(panel, gradBias);
        }
    }
}
