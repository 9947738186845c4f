using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

/// <summary>The values of every channel of an [N, C, S] tensor, cut into slices of a fixed length: value m of a channel is
/// at image m / S and place m % S. The cut depends on the sizes alone, so sums merged slice by slice are the same
/// for any number of threads.</summary>
internal readonly struct ChannelSlices(BatchNormGeometry geometry)
{
    /// <summary>Values of a whole slice: enough that merging costs nothing, few enough to stay in the first-level cache
    /// between two passes.</summary>
    private const long FullLength = 8 * 1024;

    public BatchNormGeometry Geometry { get; } = geometry;

    public int PerChannel { get; } = checked((int)((geometry.ValuesPerChannel + FullLength - 1) / FullLength));

    public int Count => checked(Geometry.Channels * PerChannel);

    public int Channel(int slice) => slice / PerChannel;

    /// <summary>The values of a slice.</summary>
    public long Length(int slice) => Math.Min(FullLength, Geometry.ValuesPerChannel - Start(slice));

    /// <summary>The runs of consecutive elements of a slice, in order.</summary>
    public RunEnumerator Runs(int slice) =>
        new(Geometry, Channel(slice), Start(slice), Start(slice) + Length(slice));

    private long Start(int slice) => slice % PerChannel * FullLength;

    /// <summary>Walks over the runs of a slice.</summary>
    internal struct RunEnumerator(BatchNormGeometry geometry, int channel, long start, long end)
    {
        private long _image = start / geometry.Spatial;
        private long _place = start % geometry.Spatial;
        private long _left = end - start;

        /// <summary>Where the run starts in the tensor.</summary>
        public long Offset { get; private set; }

        /// <summary>The elements of the run.</summary>
        public long Length { get; private set; }

        // Inlined: a call between two runs would have the callers keep their sums in memory.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool MoveNext()
        {
            if (_left == 0)
                return false;
            Offset = (_image * geometry.Channels + channel) * geometry.Spatial + _place;
            Length = Math.Min(geometry.Spatial - _place, _left);
            _left -= Length;
            _image++;
            _place = 0;
            return true;
        }
    }
}
