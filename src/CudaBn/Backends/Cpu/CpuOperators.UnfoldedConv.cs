using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

// Convolution of volumes by that of images. The weights of a volume, [out channel][channel][slice][row][column], are those of
// images that have a channel for every channel and kernel slice. So every slice of the output is an image, whose channels
// are the slices of the input that it meets, or zeros: unfolded, a block of images at a time. Beside the products of a kernel
// the copies are few. Input gradients are folded back in a fixed order.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>Elements of unfolded images and of their outputs at a time; at least one image.</summary>
    private const int UnfoldedElements = 4 << 20;

    private void UnfoldedConvForward(in ConvGeometry g, T* input, T* weight, T* bias, T* output)
    {
        var slices = new Slices(in g);
        var unfolded = _unfolded.Get<T>(slices.PerBlock * (slices.InImage + slices.OutImage));
        var results = unfolded + slices.PerBlock * slices.InImage;
        for (long first = 0; first < slices.Count; first += slices.PerBlock)
        {
            var images = slices.Images(first);
            RunUnfold(in slices, input, first, images, unfolded);
            // Outputs of one slice lie as those of images do.
            var destination = g.OutDepth == 1 ? output + first * slices.OutImage : results;
            GroupedConv2dForward(slices.Block(images), unfolded, weight, bias, destination);
            if (g.OutDepth > 1)
                RunCopySlices(in slices, output, first, images, results, toVolume: true);
        }
    }

    private void UnfoldedConvBackward(
        in ConvGeometry g, T* input, T* weight, T* gradOutput, T* gradInput, T* gradWeight, T* gradBias)
    {
        var slices = new Slices(in g);
        var weights = gradWeight == null ? 0 : (long)g.OutChannels * g.GroupInChannels * g.Taps;
        var unfolded = _unfolded.Get<T>(
            slices.PerBlock * (2 * slices.InImage + slices.OutImage) + weights + g.OutChannels);
        var gradUnfolded = unfolded + slices.PerBlock * slices.InImage;
        var gradients = gradUnfolded + slices.PerBlock * slices.InImage;
        var blockWeight = gradients + slices.PerBlock * slices.OutImage;
        var blockBias = blockWeight + weights;
        for (long first = 0; first < slices.Count; first += slices.PerBlock)
        {
            var images = slices.Images(first);
            if (gradWeight != null)
                RunUnfold(in slices, input, first, images, unfolded);
            var source = g.OutDepth == 1 ? gradOutput + first * slices.OutImage : gradients;
            if (g.OutDepth > 1)
                RunCopySlices(in slices, gradOutput, first, images, gradients, toVolume: false);
            var isFirst = first == 0;
            GroupedConv2dBackward(
                slices.Block(images), unfolded, weight, source, gradInput == null ? null : gradUnfolded,
                isFirst || gradWeight == null ? gradWeight : blockWeight,
                isFirst || gradBias == null ? gradBias : blockBias);
            if (gradInput != null)
                RunFold(in slices, gradUnfolded, first, images, gradInput);
            // Block by block, in order: the same sum for any number of threads.
            if (!isFirst && gradWeight != null)
                Add(blockWeight, gradWeight, weights);
            if (!isFirst && gradBias != null)
                Add(blockBias, gradBias, g.OutChannels);
        }
    }

    private void RunUnfold(in Slices slices, T* input, long first, int images, T* unfolded)
    {
        var job = new UnfoldJob(slices, input, first, images, unfolded);
        _pool.Run(ref job, job.Chunks);
    }

    private void RunFold(in Slices slices, T* gradUnfolded, long first, int images, T* gradInput)
    {
        var job = new FoldJob(slices, gradUnfolded, first, images, gradInput);
        _pool.Run(ref job, job.Chunks);
    }

    private void RunCopySlices(in Slices slices, T* volume, long first, int images, T* planes, bool toVolume)
    {
        var job = new CopySlicesJob(slices, volume, first, images, planes, toVolume);
        _pool.Run(ref job, job.Chunks);
    }

    /// <summary>destination[i] += source[i]</summary>
    [MethodImpl(Compiled.AsLoop)]
    private static void Add(T* source, T* destination, long count)
    {
        long i = 0;
        for (; i + TSimd.Count <= count; i += TSimd.Count)
            TSimd.Store(TSimd.Add(TSimd.Load(destination + i), TSimd.Load(source + i)), destination + i);
        for (; i < count; i++)
            destination[i] += source[i];
    }

    /// <summary>The slices of the output of all volumes, one after the other, as images.</summary>
    private readonly struct Slices(in ConvGeometry g)
    {
        public ConvGeometry Geometry { get; } = g;

        public long Count => (long)Geometry.Batch * Geometry.OutDepth;

        /// <summary>Elements of an unfolded image.</summary>
        public long InImage => (long)Geometry.InChannels * Geometry.KernelDepth * InPlane;

        public long OutImage => (long)Geometry.OutChannels * OutPlane;

        /// <summary>Images at a time: fixed, so that sums do not depend on the number of threads.</summary>
        public int PerBlock => (int)Math.Min(Math.Max(1, UnfoldedElements / (InImage + OutImage)), Count);

        public nint InPlane => (nint)Geometry.InHeight * Geometry.InWidth;

        public nint OutPlane => (nint)Geometry.OutHeight * Geometry.OutWidth;

        public int Images(long first) => (int)Math.Min(PerBlock, Count - first);

        /// <summary>The convolution of a block of images.</summary>
        public ConvGeometry Block(int images) => Geometry with
        {
            Batch = images,
            InChannels = Geometry.InChannels * Geometry.KernelDepth,
            InDepth = 1,
            OutDepth = 1,
            KernelDepth = 1,
        };

        /// <summary>The slice of the input that a kernel slice meets, or -1 for padding.</summary>
        public int InSlice(int outSlice, int kernelSlice)
        {
            var slice = outSlice * Geometry.StrideZ + kernelSlice * Geometry.DilationZ - Geometry.PaddingZ;
            return slice >= 0 && slice < Geometry.InDepth ? slice : -1;
        }
    }

    /// <summary>A chunk is a channel of an image: a plane per kernel slice.</summary>
    private readonly struct UnfoldJob(Slices slices, T* input, long first, int images, T* unfolded) : IChunkJob
    {
        public int Chunks => checked(images * slices.Geometry.InChannels);

        public void Run(int chunk, int worker)
        {
            var (image, channel) = Math.DivRem(chunk, slices.Geometry.InChannels);
            var (volume, outSlice) = Math.DivRem(first + image, slices.Geometry.OutDepth);
            var source = input + (volume * slices.Geometry.InChannels + channel) * slices.Geometry.InDepth * slices.InPlane;
            var destination = unfolded + (long)chunk * slices.Geometry.KernelDepth * slices.InPlane;
            for (var k = 0; k < slices.Geometry.KernelDepth; k++, destination += slices.InPlane)
            {
                var slice = slices.InSlice((int)outSlice, k);
                var plane = new Span<T>(destination, (int)slices.InPlane);
                if (slice < 0)
                    plane.Clear();
                else
                    new Span<T>(source + slice * slices.InPlane, (int)slices.InPlane).CopyTo(plane);
            }
        }
    }

    /// <summary>A chunk is a channel of a volume: what its images of the block have for it, added in their order. The first
    /// that meets a volume starts from zeros.</summary>
    private readonly struct FoldJob(Slices slices, T* gradUnfolded, long first, int images, T* gradInput) : IChunkJob
    {
        private readonly long _firstVolume = first / slices.Geometry.OutDepth;

        public int Chunks => checked((int)((first + images - 1) / slices.Geometry.OutDepth - _firstVolume + 1)
            * slices.Geometry.InChannels);

        public void Run(int chunk, int worker)
        {
            var (relative, channel) = Math.DivRem(chunk, slices.Geometry.InChannels);
            var volume = _firstVolume + relative;
            var volumeStart = volume * slices.Geometry.OutDepth;
            var destination = gradInput
                + (volume * slices.Geometry.InChannels + channel) * slices.Geometry.InDepth * slices.InPlane;
            if (volumeStart >= first)
                new Span<T>(destination, slices.Geometry.InPlaces).Clear();
            var end = Math.Min(first + images, volumeStart + slices.Geometry.OutDepth);
            for (var image = Math.Max(first, volumeStart); image < end; image++)
            {
                var source = gradUnfolded
                    + ((image - first) * slices.Geometry.InChannels + channel) * slices.Geometry.KernelDepth * slices.InPlane;
                for (var k = 0; k < slices.Geometry.KernelDepth; k++)
                {
                    var slice = slices.InSlice((int)(image - volumeStart), k);
                    if (slice >= 0)
                        Add(source + k * slices.InPlane, destination + slice * slices.InPlane, slices.InPlane);
                }
            }
        }
    }

    /// <summary>A chunk is a channel of an image: volume[volume][channel][slice] and planes[image][channel].</summary>
    private readonly struct CopySlicesJob(Slices slices, T* volume, long first, int images, T* planes, bool toVolume)
        : IChunkJob
    {
        public int Chunks => checked(images * slices.Geometry.OutChannels);

        public void Run(int chunk, int worker)
        {
            var (image, channel) = Math.DivRem(chunk, slices.Geometry.OutChannels);
            var (number, slice) = Math.DivRem(first + image, slices.Geometry.OutDepth);
            var length = (int)slices.OutPlane;
            var ofVolume = new Span<T>(
                volume + ((number * slices.Geometry.OutChannels + channel) * slices.Geometry.OutDepth + slice) * length, length);
            var plane = new Span<T>(planes + (long)chunk * length, length);
            if (toVolume)
                plane.CopyTo(ofVolume);
            else
                ofVolume.CopyTo(plane);
        }
    }
}
