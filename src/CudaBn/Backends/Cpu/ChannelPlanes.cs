using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

/// <summary>The planes of some neighbouring channels of an [N, C, S] tensor in the order of memory, cut into chunks: of
/// several planes each, or, where planes are long and may be cut, of a part of one.</summary>
internal readonly struct ChannelPlanes
{
    // A chunk fits the first-level cache.
    private const long ElementsPerChunk = 16 * 1024;

    private readonly BatchNormGeometry _geometry;
    private readonly int _firstChannel;
    private readonly int _channels;
    private readonly long _planesPerChunk;
    private readonly int _partsPerPlane;

    /// <summary>Cuts planes into chunks.</summary>
    /// <param name="geometry">The tensor.</param>
    /// <param name="firstChannel">The first of the channels.</param>
    /// <param name="channels">How many.</param>
    /// <param name="wholePlanes">Whether planes must not be cut.</param>
    public ChannelPlanes(BatchNormGeometry geometry, int firstChannel, int channels, bool wholePlanes = false)
    {
        (_geometry, _firstChannel, _channels) = (geometry, firstChannel, channels);
        _planesPerChunk = Math.Max(1, ElementsPerChunk / geometry.Spatial);
        _partsPerPlane = wholePlanes
            ? 1
            : checked((int)((geometry.Spatial + ElementsPerChunk - 1) / ElementsPerChunk));
        var planes = (long)geometry.Batch * channels;
        Count = checked((int)((planes + _planesPerChunk - 1) / _planesPerChunk * _partsPerPlane));
    }

    /// <summary>The number of chunks.</summary>
    public int Count { get; }

    /// <summary>The planes, or the part of one, of a chunk. The last chunk comes first: what was swept in order just before
    /// is still in the caches at its end.</summary>
    public PlaneEnumerator Planes(int chunk)
    {
        var (index, part) = Math.DivRem(Count - 1 - chunk, _partsPerPlane);
        long first = index * _planesPerChunk, end = Math.Min(first + _planesPerChunk, (long)_geometry.Batch * _channels);
        return new PlaneEnumerator(_geometry, _firstChannel, _channels, first, end, Place(part), Place(part + 1));
    }

    private long Place(int part) => part == _partsPerPlane ? _geometry.Spatial : part * ElementsPerChunk;

    /// <summary>Walks over the planes of a chunk.</summary>
    internal struct PlaneEnumerator(
        BatchNormGeometry geometry, int firstChannel, int channels, long first, long end, long start, long stop)
    {
        private long _left = end - first;
        private long _image = first / channels;
        private int _next = (int)(first % channels);

        /// <summary>The plane, counted over the whole tensor.</summary>
        public long Plane { get; private set; }

        public int Channel { get; private set; }

        /// <summary>Whether the next plane of the chunk is the next one in memory, too: what is written past the end of
        /// this one is then overwritten.</summary>
        public readonly bool IsFollowed => _left > 0 && (_next > 0 || channels == geometry.Channels);

        /// <summary>Where the part of the plane starts in the tensor.</summary>
        public readonly long Offset => Plane * geometry.Spatial + start;

        /// <summary>The elements of the part.</summary>
        public readonly long Length => stop - start;

        public bool MoveNext()
        {
            if (_left == 0)
                return false;
            Channel = firstChannel + _next;
            Plane = _image * geometry.Channels + Channel;
            _left--;
            if (++_next == channels)
                (_image, _next) = (_image + 1, 0);
            return true;
        }
    }
}
