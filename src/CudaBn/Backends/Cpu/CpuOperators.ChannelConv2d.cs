using System.Runtime.CompilerServices;

namespace CudaBn.Backends.Cpu;

// The weight gradient of a convolution of stride 1 with channels side by side in the lanes of registers: what images too
// large, or too few, for blocks of images take.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>Into about how many chunks the weight gradient is cut: fixed, so that it does not depend on the number of
    /// threads.</summary>
    private const int WeightGradientChunks = 16;

    /// <summary>Sums that a chunk may have in progress.</summary>
    private const int WeightGradientBytes = 1 << 20;

    /// <summary>From so many parts of the panels on, each of which reads all inputs, they are packed once for all.</summary>
    private const int SharingParts = 4;

    /// <summary>Packed inputs of several images that the third-level cache holds beside the sums.</summary>
    private const int SharedInputBytes = 8 * 1024 * 1024;

    /// <summary>Input channels whose sums, of one panel, stay in the first-level cache while they are put in order.</summary>
    private const int StoredChannels = 8;

    /// <summary>Whether lanes of channels beat lanes of images for the weight gradient.</summary>
    private static bool PrefersChannelLanes(in Conv2dGeometry g)
    {
        if (TSimd.Count == 1)
            return false;
        var images = FilledImages(g.Batch);
        var block = Math.Max((long)g.InChannels * g.InHeight * g.InWidth, (long)g.OutChannels * g.OutHeight * g.OutWidth)
            * BlockLanes * sizeof(T);
        return FilledChannels(in g) > (block > SecondLevelBytes ? images / 2 : images);
    }

    /// <summary>The share of sums in use where output channels lie side by side.</summary>
    private static double FilledChannels(in Conv2dGeometry g)
    {
        // Two rows are too few sums at a time for the multiply-adds in flight.
        var rows = new RowTiles(g.InChannels, TSimd.MaxRows).PaddedRows;
        return (double)g.OutChannels / (CeilDiv(g.OutChannels, BlockLanes) * BlockLanes) * g.InChannels
            / Math.Max(rows, 4);
    }

    private static void Clear(T* elements, long count) => new Span<T>(elements, checked((int)count)).Clear();

    private void ChannelConv2dWeightGradient(in Conv2dBackwardCall<T> call)
    {
        var g = call.Geometry;
        var job = new ChannelConv2dWeightGradientJob(this, g, call.Input, call.GradOutput);
        job = job with { Partials = _shared.Get<T>(job.Shares * job.ElementsPerShare) };
        if (job.Parts < SharingParts)
        {
            _pool.Run(ref job, job.Chunks);
        }
        else
        {
            // Some images at a time, which all parts then find in the cache. Sums run on from those before.
            var rounds = (int)Math.Clamp(CeilDiv(g.Batch * job.ElementsPerImage * sizeof(T), SharedInputBytes), 1, g.Batch);
            var inputs = _blocks.Get<T>(CeilDiv(g.Batch, rounds) * job.ElementsPerImage);
            for (var round = 0; round < rounds; round++)
            {
                var (first, images) = Share(g.Batch, round, rounds);
                job = job with { FirstImage = first, Images = images, SharedInputs = inputs };
                var pack = new PackInputsJob(job);
                _pool.Run(ref pack, pack.Chunks);
                _pool.Run(ref job, job.Chunks);
            }
        }

        var store = new StoreSumsJob(job, call.GradWeight, call.GradBias);
        _pool.Run(ref store, store.Chunks);
    }

    /// <summary>A chunk is a share of the images and a part of the panels of output channels. Its sums, [panel][kernel
    /// place][input channel][output channel of panel], with those of the biases behind them, [output channel], go to the
    /// share's row of partials.</summary>
    private readonly struct ChannelConv2dWeightGradientJob(
        CpuOperators<TSimd, TVector, T> operators, Conv2dGeometry g, T* input, T* gradOutput) : IChunkJob
    {
        private readonly RowTiles _tiles = new(g.InChannels, TSimd.MaxRows);

        public T* Partials { get; init; }

        /// <summary>The images of a round, all of them unless said otherwise. The first round starts the sums.</summary>
        public int FirstImage { get; init; }

        public int Images { get; init; } = g.Batch;

        /// <summary>The inputs of a round, packed; null where every chunk packs those of its bands.</summary>
        public T* SharedInputs { private get; init; }

        public int Chunks => Shares * Parts;

        public int Shares => Math.Clamp(CeilDiv(WeightGradientChunks, Parts), 1, g.Batch);

        public long ElementsPerShare => Panels * (ElementsPerPanel + BlockLanes);

        public int Panels => CeilDiv(g.OutChannels, BlockLanes);

        /// <summary>Elements of an image of the input, packed.</summary>
        public long ElementsPerImage => (long)g.InHeight * g.InWidth * _tiles.PaddedRows;

        /// <summary>As few as the sums allow, for each reads all inputs once more; but where a chunk more or less makes a
        /// difference, as many as there should be chunks.</summary>
        public int Parts
        {
            get
            {
                var parts = (int)Math.Clamp(CeilDiv(Panels * ElementsPerPanel * sizeof(T), WeightGradientBytes), 1, Panels);
                return parts <= WeightGradientChunks / 2 ? parts : Math.Clamp(WeightGradientChunks, parts, Panels);
            }
        }

        private long ElementsPerPanel => (long)g.KernelHeight * g.KernelWidth * _tiles.PaddedRows * BlockLanes;

        /// <summary>Gradients of a panel and inputs of a tile stay where they are read from, one tile after the other; the
        /// longer a band, the less often are sums fetched and stored.</summary>
        private int RowsPerBand => Math.Clamp(WindowBytes / BytesPerRow, 1, g.OutHeight);

        /// <summary>Small images share a band: sums that are kept in registers over more places are fetched and stored
        /// less often.</summary>
        private int ImagesPerBand => Math.Max(1, WindowBytes / (BytesPerRow * g.OutHeight));

        private int BytesPerRow => sizeof(T) * (BlockLanes + TSimd.MaxRows) * g.OutWidth;

        public void Run(int chunk, int worker)
        {
            var (share, part) = Math.DivRem(chunk, Parts);
            var (firstPanel, panels) = Share(Panels, part, Parts);
            var sums = Partials + share * ElementsPerShare;
            var biases = sums + Panels * ElementsPerPanel;
            if (FirstImage == 0)
            {
                Clear(sums + firstPanel * ElementsPerPanel, panels * ElementsPerPanel);
                Clear(biases + firstPanel * BlockLanes, panels * BlockLanes);
            }

            var (first, images) = Share(Images, share, Shares);
            first += FirstImage;
            var end = first + images;
            for (var image = first; image < end; image += ImagesPerBand)
            {
                for (var row = 0; row < g.OutHeight; row += RowsPerBand)
                {
                    var band = new Band(
                        image, Math.Min(image + ImagesPerBand, end), row, Math.Min(row + RowsPerBand, g.OutHeight), in g);
                    RunBand(in band, firstPanel, firstPanel + panels, sums, biases, worker);
                }
            }
        }

        /// <summary>Packs an image of a round for all parts.</summary>
        public void PackImage(int image) =>
            PackInputs(FirstImage + image, 0, g.InHeight * g.InWidth, SharedInputs + image * ElementsPerImage);

        /// <summary>Writes the sums of a panel in PyTorch's order. Share by share, in order, they are the same for any number of
        /// threads.</summary>
        [MethodImpl(Compiled.AsLoop)]
        public void Store(int panel, T* gradWeight, T* gradBias)
        {
            var places = g.KernelHeight * g.KernelWidth;
            int firstOutput = panel * BlockLanes, outputs = Math.Min(BlockLanes, g.OutChannels - firstOutput);
            var sums = Partials + panel * ElementsPerPanel;
            SumRows(sums, Shares, ElementsPerPanel, ElementsPerShare, sums);
            for (var first = 0; first < g.InChannels; first += StoredChannels)
            {
                var end = Math.Min(first + StoredChannels, g.InChannels);
                for (var output = 0; output < outputs; output++)
                {
                    var weights = gradWeight + ((nint)(firstOutput + output) * g.InChannels + first) * places;
                    for (var channel = first; channel < end; channel++)
                    {
                        for (var place = 0; place < places; place++)
                            *weights++ = sums[((nint)place * _tiles.PaddedRows + channel) * BlockLanes + output];
                    }
                }
            }

            if (gradBias == null)
                return;
            var biases = Partials + Panels * ElementsPerPanel + firstOutput;
            SumRows(biases, Shares, BlockLanes, ElementsPerShare, biases);
            new ReadOnlySpan<T>(biases, outputs).CopyTo(new Span<T>(gradBias + firstOutput, outputs));
        }

        [MethodImpl(Compiled.AsLoop)]
        private void RunBand(in Band band, int firstPanel, int endPanel, T* sums, T* biases, int worker)
        {
            // Channels last: gradients in panels of lanes, inputs in tiles of rows of the micro-kernel.
            var gradPlaces = band.Images * band.OutPlaces;
            var imageElements = (long)band.InPlaces * _tiles.PaddedRows;
            var gradients = operators._perWorker[worker].Get<T>(
                (long)gradPlaces * BlockLanes + (SharedInputs == null ? band.Images * imageElements : 0));
            var inputs = new PackedInputs(gradients + (long)gradPlaces * BlockLanes, band.Top, band.InPlaces);
            if (SharedInputs != null)
                inputs = new(SharedInputs + (band.FirstImage - FirstImage) * ElementsPerImage, 0, g.InHeight * g.InWidth);
            for (var image = 0; SharedInputs == null && image < band.Images; image++)
            {
                PackInputs(
                    band.FirstImage + image, band.Top * g.InWidth, band.InPlaces, inputs.First + image * imageElements);
            }

            for (var panel = firstPanel; panel < endPanel; panel++)
            {
                PackGradients(in band, panel, gradients);
                AddBiases(gradients, gradPlaces, biases + panel * BlockLanes);
                for (var tile = 0; tile < _tiles.Count; tile++)
                {
                    for (var place = 0; place < g.KernelHeight * g.KernelWidth; place++)
                        RunPlace(place, tile, gradients, in inputs, in band, sums + panel * ElementsPerPanel);
                }
            }
        }

        /// <summary>inputs[tile][place][row of tile] of an image</summary>
        private void PackInputs(int image, int firstPlace, int places, T* inputs)
        {
            var view = new MatrixView<T>(
                input + image * g.InImage + firstPlace, places, g.InChannels, 1, (nint)g.InHeight * g.InWidth);
            for (var tile = 0; tile < _tiles.Count; tile++)
                PackJob.Pack(view, _tiles.Start(tile), _tiles.Size(tile), inputs + (long)_tiles.Start(tile) * places);
        }

        /// <summary>gradients[image][place][lane of panel]</summary>
        private void PackGradients(in Band band, int panel, T* gradients)
        {
            var plane = (nint)g.OutHeight * g.OutWidth;
            for (var image = band.FirstImage; image < band.EndImage; image++)
            {
                var view = new MatrixView<T>(
                    gradOutput + image * g.OutImage + band.FirstRow * g.OutWidth, band.OutPlaces, g.OutChannels,
                    1, plane);
                PackJob.Pack(view, panel * BlockLanes, BlockLanes, gradients);
                gradients += band.OutPlaces * BlockLanes;
            }
        }

        private static void AddBiases(T* gradients, int places, T* biases)
        {
            var (low, high) = (TSimd.Load(biases), TSimd.Load(biases + TSimd.Count));
            for (var i = 0; i < places; i++)
            {
                low = TSimd.Add(low, TSimd.Load(gradients + (nint)i * BlockLanes));
                high = TSimd.Add(high, TSimd.Load(gradients + (nint)i * BlockLanes + TSimd.Count));
            }

            TSimd.Store(low, biases);
            TSimd.Store(high, biases + TSimd.Count);
        }

        /// <summary>The sums of one kernel place over the output places of a band that meet the input.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private void RunPlace(int place, int tile, T* gradients, in PackedInputs inputs, in Band band, T* sums)
        {
            var shiftY = place / g.KernelWidth * g.DilationY - g.PaddingY;
            var shiftX = place % g.KernelWidth * g.DilationX - g.PaddingX;
            var (y, rowCount) = OutputRange(shiftY, g.StrideY, g.InHeight, g.OutHeight);
            var (x, columns) = OutputRange(shiftX, g.StrideX, g.InWidth, g.OutWidth);
            var endY = Math.Min(band.EndRow, y + rowCount);
            y = Math.Max(band.FirstRow, y);
            if (y >= endY || columns == 0)
                return;
            int lanes = BlockLanes, rows = _tiles.Size(tile);
            var zeros = stackalloc T[TSimd.MaxRows];
            new Span<T>(zeros, TSimd.MaxRows).Clear();
            var window = new TapWindow(
                band.Images, endY - y, columns,
                band.OutPlaces * lanes, g.OutWidth * lanes, lanes,
                (nint)inputs.Places * _tiles.PaddedRows, g.StrideY * g.InWidth * rows, g.StrideX * rows);
            var scalars = inputs.First + (long)_tiles.Start(tile) * inputs.Places
                + ((long)(y * g.StrideY + shiftY - inputs.Top) * g.InWidth + x * g.StrideX + shiftX) * rows;
            var vectors = gradients + ((long)(y - band.FirstRow) * g.OutWidth + x) * lanes;
            sums += ((long)place * _tiles.PaddedRows + _tiles.Start(tile)) * lanes;
            MicroKernel<TSimd, TVector, T>.Run(rows, vectors, scalars, zeros, sums, lanes, in window, add: true);
        }

        /// <summary>Rows of the output gradient of some images, and the rows of the input that they meet.</summary>
        private readonly struct Band
        {
            public Band(int firstImage, int endImage, int firstRow, int endRow, in Conv2dGeometry g)
            {
                (FirstImage, EndImage, FirstRow, EndRow) = (firstImage, endImage, firstRow, endRow);
                Top = Math.Max(0, firstRow * g.StrideY - g.PaddingY);
                var bottom = Math.Min(g.InHeight, (endRow - 1) * g.StrideY - g.PaddingY + g.SpanY);
                OutPlaces = (endRow - firstRow) * g.OutWidth;
                InPlaces = Math.Max(0, bottom - Top) * g.InWidth;
            }

            public int FirstImage { get; }

            public int EndImage { get; }

            public int FirstRow { get; }

            public int EndRow { get; }

            /// <summary>The first row of the input.</summary>
            public int Top { get; }

            /// <summary>Places per image.</summary>
            public int OutPlaces { get; }

            public int InPlaces { get; }

            public int Images => EndImage - FirstImage;
        }

        /// <summary>Rows of the inputs of a band or more, [image][tile][place][row of tile].</summary>
        private readonly struct PackedInputs(T* first, int top, int places)
        {
            public T* First => first;

            /// <summary>The first row.</summary>
            public int Top => top;

            /// <summary>Places per image.</summary>
            public int Places => places;
        }
    }

    /// <summary>A chunk is an image of a round.</summary>
    private readonly struct PackInputsJob(ChannelConv2dWeightGradientJob job) : IChunkJob
    {
        public int Chunks => job.Images;

        public void Run(int chunk, int worker) => job.PackImage(chunk);
    }

    /// <summary>A chunk is a panel.</summary>
    private readonly struct StoreSumsJob(ChannelConv2dWeightGradientJob job, T* gradWeight, T* gradBias) : IChunkJob
    {
        public int Chunks => job.Panels;

        public void Run(int chunk, int worker) => job.Store(chunk, gradWeight, gradBias);
    }
}
