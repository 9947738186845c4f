using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

/// <summary>The values of some neighbouring channels of an [N, C, S] tensor, cut into slices of each channel: value m of a
/// channel is at image m / S and place m % S. Slices at the same place of several channels make up a block, which is
/// walked through in the order of memory: the planes of one channel alone lie so far apart that every one of them would be
/// waited for.</summary>
/// <remarks>The cut into slices depends on the sizes and the lanes alone, so sums merged slice by slice are the same for any
/// number of threads, and for any grouping of the channels.</remarks>
internal readonly struct ChannelSlices
{
    /// <summary>Values of a whole slice, about: enough that merging costs nothing, few enough to stay in the first-level
    /// cache between two passes, and for their sums to keep their digits.</summary>
    private const long FullLength = 4 * 1024;

    /// <summary>Additions that a register takes one after the other, about: equal terms may all round to the same side,
    /// and their error grows with the number of additions, not with its root.</summary>
    private const long AdditionsPerRegister = 512;

    /// <summary>Elements that lie in one piece in a block, about: several pages.</summary>
    private const long ElementsPerRun = 4 * 1024;

    private readonly BatchNormGeometry _geometry;
    private readonly long _length;
    private readonly int _parts;

    /// <summary>Cuts channels into slices.</summary>
    /// <param name="geometry">The tensor.</param>
    /// <param name="firstChannel">The first of the channels.</param>
    /// <param name="channels">How many.</param>
    /// <param name="lanes">Values that are summed at once, in one register or more.</param>
    public ChannelSlices(BatchNormGeometry geometry, int firstChannel, int channels, int lanes)
    {
        (_geometry, FirstChannel, Channels) = (geometry, firstChannel, channels);
        var fullLength = Math.Min(FullLength, lanes * AdditionsPerRegister);
        _length = geometry.Spatial < fullLength
            ? geometry.Spatial * Math.Max(1, fullLength / geometry.Spatial)
            : fullLength;
        _parts = (int)Math.Clamp(channels * geometry.Spatial / ElementsPerRun, 1, channels);
        PerChannel = checked((int)((geometry.ValuesPerChannel + _length - 1) / _length));
    }

    public int FirstChannel { get; }

    public int Channels { get; }

    public int PerChannel { get; }

    /// <summary>How many slices all channels have.</summary>
    public int Count => checked(Channels * PerChannel);

    public int BlockCount => checked(_parts * PerChannel);

    public Block BlockAt(int index)
    {
        var (slice, part) = Math.DivRem(index, _parts);
        int first = (int)((long)part * Channels / _parts), end = (int)((part + 1L) * Channels / _parts);
        var start = slice * _length;
        return new Block(
            this, slice, first, end - first, start, Math.Min(start + _length, _geometry.ValuesPerChannel));
    }

    /// <summary>Slices of neighbouring channels.</summary>
    internal readonly struct Block(ChannelSlices slices, int slice, int first, int channels, long start, long end)
    {
        /// <summary>The first channel of the block in the tensor.</summary>
        public int FirstChannel => slices.FirstChannel + first;

        public int Channels => channels;

        /// <summary>Values that each channel has in the block.</summary>
        public long Length => end - start;

        /// <summary>The number of a channel's slice among all: channel after channel.</summary>
        public int Slice(int channel) => (first + channel) * slices.PerChannel + slice;

        /// <summary>The runs of consecutive elements of the block's first channel, in order.</summary>
        public RunEnumerator Runs() => new(slices._geometry, FirstChannel, start, end);
    }

    /// <summary>Walks over the runs of a block. Those of its other channels follow each of them, a plane further each.</summary>
    internal struct RunEnumerator(BatchNormGeometry geometry, int channel, long start, long end)
    {
        private long _image = start / geometry.Spatial;
        private long _place = start % geometry.Spatial;
        private long _left = end - start;

        /// <summary>Where the run starts in the tensor.</summary>
        public long Offset { get; private set; }

        /// <summary>The elements of the run.</summary>
        public long Length { get; private set; }

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
