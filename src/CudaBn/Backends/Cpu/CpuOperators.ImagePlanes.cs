namespace CudaBn.Backends.Cpu;

internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    private static ImagePlanes InputPlanes(in Conv2dGeometry g, T* input) =>
        new(input, g.InImage, g.Batch, g.InChannels, g.InHeight * g.InWidth);

    private static ImagePlanes OutputPlanes(in Conv2dGeometry g, T* output) =>
        new(output, g.OutImage, g.Batch, g.OutChannels, g.OutHeight * g.OutWidth);

    /// <summary>Transposes all blocks to memory that chunks then read.</summary>
    private ImagePlanes Interleaved(in ImagePlanes planes, T* memory)
    {
        var shares = Math.Min(planes.Channels, LeastChunks * _pool.Workers);
        var job = new InterleaveJob(planes, memory, shares);
        _pool.Run(ref job, job.Chunks);
        return planes with { Shared = memory };
    }

    /// <summary>The channels of images in blocks of images, [block][channel][place][image of block].</summary>
    private readonly struct ImagePlanes(T* images, nint imageStep, int batch, int channels, int places)
    {
        /// <summary>Transposed blocks, or null where whoever needs a block transposes it: it is in the cache then.</summary>
        public T* Shared { private get; init; }

        public int Channels => channels;

        public int Blocks => CeilDiv(batch, BlockLanes);

        /// <summary>Elements of a block.</summary>
        public long BlockElements => channels * Plane;

        /// <summary>Elements of a block that whoever needs it must have room for.</summary>
        public long OwnElements => Shared == null ? BlockElements : 0;

        /// <summary>Elements from one channel of a block to the next: an odd number of places, so that the same place of many
        /// channels does not fall into the same few sets of the first-level cache.</summary>
        public nint Plane => (nint)(places | 1) * BlockLanes;

        /// <summary>A block, transposed to memory of one's own if it is not there yet.</summary>
        public T* Get(int block, T* own)
        {
            if (Shared != null)
                return Shared + block * BlockElements;
            Interleave(block, 0, channels, own);
            return own;
        }

        /// <summary>Transposes some channels of a block.</summary>
        public void Interleave(int block, int firstChannel, int count, T* destination)
        {
            var firstImage = block * BlockLanes;
            var source = images + firstImage * imageStep + (nint)firstChannel * places;
            for (var channel = 0; channel < count; channel++, source += places, destination += Plane)
            {
                ImageBlocks<TSimd, TVector, T>.Interleave(
                    source, imageStep, Math.Min(BlockLanes, batch - firstImage), destination, places);
            }
        }
    }

    /// <summary>A chunk is a share of the channels of a block.</summary>
    private readonly struct InterleaveJob(ImagePlanes planes, T* blocks, int shares) : IChunkJob
    {
        public int Chunks => shares * planes.Blocks;

        public void Run(int chunk, int worker)
        {
            var (block, share) = Math.DivRem(chunk, shares);
            var (first, channels) = Share(planes.Channels, share, shares);
            planes.Interleave(block, first, channels, blocks + block * planes.BlockElements + first * planes.Plane);
        }
    }
}
