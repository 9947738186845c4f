using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

/// <summary>The channels of an [N, C, S] tensor in groups of neighbours, each of at most a number of elements, or of one
/// channel; as equal as may be.</summary>
internal struct ChannelGroups(BatchNormGeometry geometry, long maxElements)
{
    private readonly int _groups = (int)((geometry.Channels - 1)
        / Math.Clamp(maxElements / geometry.ValuesPerChannel, 1, geometry.Channels) + 1);

    private int _next;

    /// <summary>The first channel of the group, and how many it has.</summary>
    public (int First, int Count) Current { get; private set; }

    public readonly ChannelGroups GetEnumerator() => this;

    public bool MoveNext()
    {
        if (_next == _groups)
            return false;
        int first = (int)((long)_next * geometry.Channels / _groups);
        _next++;
        Current = (first, (int)((long)_next * geometry.Channels / _groups) - first);
        return true;
    }
}
