using System.Runtime.CompilerServices;

namespace CudaBn.Backends.Cpu;

// Gradients of a convolution as products of matrices: those of the inputs of all windows, folded back into images, and of the
// kernel over windows, unfolded. Of many channels, the products are more than the copies, whatever the steps and however few the
// images.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    // What a value of a window costs, in multiply-adds, that is added to its place in an image, or copied from there, and the speed
    // of products of matrices. Their rivals' products cost more where tiles have few input channels, and every weight is the sum of
    // lanes, of an image and of all. Measured on Zen 4, as all costs.
    private const double FoldCost = 60;
    private const double UnfoldCost = 130;
    private const double FoldedSpeed = 0.85;
    private const double FewInputsCost = 4;
    private const double FewInputsOfWeightsCost = 11;
    private const double LanesOfChannelsCost = 125;
    private const double LanesOfPixelsCost = 1100;
    private const double LanesOfImageCost = 300;

    /// <summary>Columns of a matrix at least: of small images, several side by side.</summary>
    private const int LeastFoldedColumns = 512;

    /// <summary>Columns at most of a matrix that weights are sums over: blocks are added up, so that a rounding error does not grow
    /// with the batch.</summary>
    private const int MostUnfoldedColumns = 4096;

    /// <summary>Weights that make enough tiles for many threads: they share out the weights, not the sums.</summary>
    private const int LeastUnfoldedWeights = 16 * 1024;

    /// <summary>Whether input gradients are folded rather than summed in lanes of images.</summary>
    private static bool PrefersFolded(in Conv2dGeometry g)
    {
        var folded = g.Products / FoldedSpeed + FoldCost * WindowValues(in g) + PackedWeightCost * Weights(in g) / g.Batch;
        // Where each column of the kernel meets windows is on the stack.
        return g.KernelWidth <= MaxDotTaps
            && folded < ImageCost(in g, g.Products * PresentTaps(in g)) * (1 + FewInputsCost / g.InChannels);
    }

    /// <summary>Whether windows are unfolded for the weight gradient rather than summed in lanes of channels.</summary>
    private static bool PrefersUnfoldedToChannels(in Conv2dGeometry g) =>
        UnfoldedCost(in g) < g.Products * (1 / FoldedSpeed + FewInputsOfWeightsCost / g.InChannels)
            + LanesOfChannelsCost * Weights(in g) / g.Batch;

    /// <summary>Whether they are rather than multiplied in lanes of pixels.</summary>
    private static bool PrefersUnfoldedToPixels(in Conv2dGeometry g) =>
        !ReadsInputInPlace(in g)
        && UnfoldedCost(in g) < g.Products / FoldedSpeed
            + (LanesOfPixelsCost / g.Batch + LanesOfImageCost) * Weights(in g);

    private static double UnfoldedCost(in Conv2dGeometry g) =>
        WindowValues(in g) > UnfoldedElements || Weights(in g) < LeastUnfoldedWeights
            ? double.PositiveInfinity
            : g.Products / FoldedSpeed + UnfoldCost * WindowValues(in g);

    private static double Weights(in Conv2dGeometry g) =>
        (double)g.OutChannels * g.InChannels * g.KernelHeight * g.KernelWidth;

    /// <summary>Of all windows of an image.</summary>
    private static double WindowValues(in Conv2dGeometry g) => (double)g.Products / g.OutChannels;

    private void FoldedInputGradient(in Conv2dGeometry g, T* weight, T* gradOutput, T* gradInput)
    {
        int places = g.OutHeight * g.OutWidth, taps = checked(g.InChannels * g.KernelHeight * g.KernelWidth);
        var perBlock = ImagesOfBlock(in g, LeastFoldedColumns);
        // Of a large image, some rows of windows at a time.
        var perBand = perBlock > 1 ? g.OutHeight : (int)Math.Clamp(UnfoldedElements / ((long)taps * g.OutWidth), 1, g.OutHeight);
        var columns = (long)perBlock * perBand * g.OutWidth;
        var folded = _blocks.Get<T>(columns * (taps + (perBlock > 1 ? g.OutChannels : 0)));
        var kernels = PackRows(MatrixView<T>.RowMajor(weight, g.OutChannels, taps).Transposed());
        for (var first = 0; first < g.Batch; first += perBlock)
        {
            var images = Math.Min(perBlock, g.Batch - first);
            var gradients = ChannelsOf(in g, gradOutput, first, images, folded + columns * taps);
            for (var row = 0; row < g.OutHeight; row += perBand)
            {
                var rows = Math.Min(perBand, g.OutHeight - row);
                var band = new MatrixView<T>(
                    gradients.Data + (nint)row * g.OutWidth, gradients.Rows, images * rows * g.OutWidth, gradients.RowStep, 1);
                MatrixProduct(kernels, band, bias: null, folded);
                var job = new FoldImagesJob(g, folded, images, row, rows, gradInput + first * g.InImage);
                _pool.Run(ref job, job.Chunks);
            }
        }
    }

    private void UnfoldedWeightGradient(in Conv2dBackwardCall<T> call)
    {
        var g = call.Geometry;
        int places = g.OutHeight * g.OutWidth, taps = checked(g.InChannels * g.KernelHeight * g.KernelWidth);
        var perBlock = ImagesOfBlock(in g, MostUnfoldedColumns);
        var weights = (long)g.OutChannels * taps;
        var unfolded = _blocks.Get<T>((long)perBlock * places * (taps + g.OutChannels) + weights);
        var gathered = unfolded + (long)perBlock * places * taps;
        var blockWeight = gathered + (long)perBlock * places * g.OutChannels;
        for (var first = 0; first < g.Batch; first += perBlock)
        {
            var images = Math.Min(perBlock, g.Batch - first);
            var job = new UnfoldImagesJob(g, call.Input + first * g.InImage, images, unfolded);
            _pool.Run(ref job, job.Chunks);
            var gradients = ChannelsOf(in g, call.GradOutput, first, images, gathered);
            var windows = MatrixView<T>.RowMajor(unfolded, images * places, taps);
            MatrixProduct(gradients, windows, bias: null, first == 0 ? call.GradWeight : blockWeight);
            // Block by block, in order: the same sum for any number of threads.
            if (first > 0)
                Add(blockWeight, call.GradWeight, weights);
        }

        if (call.GradBias != null)
        {
            var sums = new SumChannelsJob(g, call.GradOutput, call.GradBias);
            _pool.Run(ref sums, g.OutChannels);
        }
    }

    /// <summary>Images side by side: about so many columns, if the matrices do not grow too large.</summary>
    private static int ImagesOfBlock(in Conv2dGeometry g, int columns)
    {
        var places = (long)g.OutHeight * g.OutWidth;
        var elements = places * ((long)g.InChannels * g.KernelHeight * g.KernelWidth + g.OutChannels);
        return (int)Math.Clamp(Math.Min(CeilDiv(columns, places), UnfoldedElements / elements), 1, g.Batch);
    }

    /// <summary>The channels of some images, side by side: a row for each.</summary>
    private MatrixView<T> ChannelsOf(in Conv2dGeometry g, T* output, int first, int images, T* room)
    {
        var places = g.OutHeight * g.OutWidth;
        output += first * g.OutImage;
        if (images == 1)
            return MatrixView<T>.RowMajor(output, g.OutChannels, places);
        var job = new GatherChannelsJob(g, output, images, room);
        _pool.Run(ref job, g.OutChannels);
        return MatrixView<T>.RowMajor(room, g.OutChannels, images * places);
    }

    /// <summary>A chunk is a channel.</summary>
    private readonly struct GatherChannelsJob(Conv2dGeometry g, T* output, int images, T* rows) : IChunkJob
    {
        public void Run(int chunk, int worker)
        {
            var places = g.OutHeight * g.OutWidth;
            var row = rows + (long)chunk * images * places;
            for (var image = 0; image < images; image++, row += places)
                new Span<T>(output + image * g.OutImage + (nint)chunk * places, places).CopyTo(new Span<T>(row, places));
        }
    }

    /// <summary>A chunk is a channel, whose elements of all images are added up.</summary>
    private readonly struct SumChannelsJob(Conv2dGeometry g, T* output, T* sums) : IChunkJob
    {
        public void Run(int chunk, int worker)
        {
            nint places = (nint)g.OutHeight * g.OutWidth;
            double sum = 0;
            for (var image = 0; image < g.Batch; image++)
                sum += SumOf(output + image * g.OutImage + chunk * places, places);
            sums[chunk] = T.CreateTruncating(sum);
        }
    }

    /// <summary>A chunk is a channel of an image: gradients[channel, kernel row, kernel column][image, row, column] of some rows
    /// of windows, added to where windows have the place. The first rows meet zeros.</summary>
    private readonly struct FoldImagesJob(
        Conv2dGeometry g, T* gradients, int images, int firstRow, int windowRows, T* gradInput) : IChunkJob
    {
        public int Chunks => checked(images * g.InChannels);

        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            var (image, channel) = Math.DivRem(chunk, g.InChannels);
            var places = windowRows * g.OutWidth;
            var plane = gradInput + image * g.InImage + (nint)channel * g.InHeight * g.InWidth;
            if (firstRow == 0)
                new Span<T>(plane, g.InHeight * g.InWidth).Clear();
            var inside = stackalloc IndexRange[g.KernelWidth];
            for (var j = 0; j < g.KernelWidth; j++)
            {
                var range = OutputRange(j * g.DilationX - g.PaddingX, g.StrideX, g.InWidth, g.OutWidth);
                inside[j] = new(range.First, range.First + range.Count);
            }

            var columns = (nint)images * places;
            var ofRow = gradients + (nint)channel * g.KernelHeight * g.KernelWidth * columns + (nint)image * places;
            for (var i = 0; i < g.KernelHeight; i++, ofRow += g.KernelWidth * columns)
            {
                var top = i * g.DilationY - g.PaddingY;
                var (first, count) = OutputRange(top, g.StrideY, g.InHeight, g.OutHeight);
                var end = Math.Min(first + count, firstRow + windowRows);
                for (var y = Math.Max(first, firstRow); y < end; y++)
                {
                    T* source = ofRow + (nint)(y - firstRow) * g.OutWidth;
                    var destination = plane + ((nint)y * g.StrideY + top) * g.InWidth - g.PaddingX;
                    for (var j = 0; j < g.KernelWidth; j++, source += columns, destination += g.DilationX)
                        AddSpread(source, destination, inside[j]);
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void AddSpread(T* source, T* destination, IndexRange columns)
        {
            nint stride = g.StrideX;
            for (nint x = columns.Start; x < columns.End; x++)
                destination[x * stride] += source[x];
        }
    }

    /// <summary>A chunk is a row of windows of an image: windows[image, row, column][channel, kernel row, kernel
    /// column].</summary>
    private readonly struct UnfoldImagesJob(Conv2dGeometry g, T* input, int images, T* windows) : IChunkJob
    {
        public int Chunks => checked(images * g.OutHeight);

        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            var (image, y) = Math.DivRem(chunk, g.OutHeight);
            var length = (long)g.OutWidth * g.InChannels * g.KernelHeight * g.KernelWidth;
            var destination = windows + chunk * length;
            var lastRegisters = destination + length - RoundUp(g.KernelWidth, TSimd.Count);
            for (var x = 0; x < g.OutWidth; x++)
            {
                int top = y * g.StrideY - g.PaddingY, left = x * g.StrideX - g.PaddingX;
                var isInside = g.DilationX == 1 && left >= 0 && left + g.KernelWidth <= g.InWidth;
                var plane = input + image * g.InImage;
                for (var channel = 0; channel < g.InChannels; channel++, plane += (nint)g.InHeight * g.InWidth)
                {
                    for (var i = 0; i < g.KernelHeight; i++, destination += g.KernelWidth)
                    {
                        var row = top + i * g.DilationY;
                        if ((uint)row >= (uint)g.InHeight)
                            new Span<T>(destination, g.KernelWidth).Clear();
                        else if (isInside && destination <= lastRegisters)
                            CopyWhole(plane + (nint)row * g.InWidth + left, destination);
                        else
                            CopyTaps(plane + (nint)row * g.InWidth, left, destination);
                    }
                }
            }
        }

        // Whole registers: what is behind the taps, the next ones overwrite.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void CopyWhole(T* source, T* destination)
        {
            for (var j = 0; j < g.KernelWidth; j += TSimd.Count)
                TSimd.Store(TSimd.Load(source + j), destination + j);
        }

        private void CopyTaps(T* row, int left, T* destination)
        {
            for (var j = 0; j < g.KernelWidth; j++)
            {
                var column = left + j * g.DilationX;
                destination[j] = (uint)column < (uint)g.InWidth ? row[column] : T.Zero;
            }
        }
    }
}
