namespace CudaBn.Backends.Cuda;

/// <summary>How the values of channels are shared out among blocks, as kernels/batch_norm.cuh explains. Passed to kernels as
/// it is.</summary>
internal readonly record struct ChannelSlices(long VisitsPerSlice, int Slices, int InColumns)
{
    /// <summary>Threads of a block.</summary>
    public const int Threads = 128;

    private const int ColumnsPerBlock = 32;

    // A warp reads 32 neighbouring elements: from planes shorter than this it would read too far apart.
    private const int ShortestPlane = 8;

    // What kernels load at once: a round of fewer loads would take as long, so that slices are made of whole rounds.
    private const int VisitsAtOnce = 4;

    /// <summary>Whether planes are too short to be taken one after the other.</summary>
    public static bool TakesColumns(long elementsPerPlane) => elementsPerPlane < ShortestPlane;

    /// <summary>Shares planes of so many elements, visited so many at a time, out among about so many blocks.</summary>
    public static ChannelSlices Of(long batch, int channels, long elementsPerPlane, int pack, long blocks) =>
        TakesColumns(elementsPerPlane)
            ? Share(
                batch, CeilDiv(channels * elementsPerPlane, ColumnsPerBlock), Threads / ColumnsPerBlock, blocks,
                isInColumns: true)
            : OfPlanes(batch, channels, elementsPerPlane, pack, blocks);

    /// <summary>The same, however short the planes.</summary>
    public static ChannelSlices OfPlanes(long batch, int channels, long elementsPerPlane, int pack, long blocks) =>
        Share(batch * (elementsPerPlane / pack), channels, Threads, blocks, isInColumns: false);

    /// <summary>How many blocks that takes.</summary>
    public int Blocks(int channels, long elementsPerPlane) => checked((int)(Slices
        * (InColumns == 0 ? channels : CeilDiv(channels * elementsPerPlane, ColumnsPerBlock))));

    /// <summary>How many parts the blocks leave of every channel.</summary>
    public long PartsPerChannel(long elementsPerPlane) => InColumns == 0 ? Slices : Slices * elementsPerPlane;

    private static ChannelSlices Share(long visits, long groups, int threads, long blocks, bool isInColumns)
    {
        var atOnce = VisitsAtOnce * threads;
        var rounds = (long)Math.Round((double)visits * groups / blocks / atOnce);
        var slices = groups >= blocks ? 1 : CeilDiv(visits, Math.Max(1, rounds) * atOnce);
        var perSlice = CeilDiv(visits, slices);
        return new ChannelSlices(perSlice, checked((int)CeilDiv(visits, perSlice)), isInColumns ? 1 : 0);
    }

    private static long CeilDiv(long dividend, long divisor) => (dividend + divisor - 1) / divisor;
}
