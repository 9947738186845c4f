using System.Numerics;

namespace CudaBn.Backends.Cuda;

/// <summary>How a matrix [N, C] whose columns are channels is shared out among blocks, as kernels/batch_norm_rows.cu
/// explains. Passed to kernels as it is.</summary>
internal readonly record struct ChannelRows(
    long Rows, long RowsPerSlice, int Channels, int Slices, int ThreadsAcross)
{
    /// <summary>Threads of a block.</summary>
    public const int Threads = 128;

    private const int MaxThreadsAcross = 32;

    // What a block does once, reading constants and leaving sums, is then little against its rows.
    private const int LeastRowsPerThread = 8;

    /// <summary>Shares a matrix, of which threads take so many channels at a time, out among about so many
    /// blocks.</summary>
    public static ChannelRows Of(long rows, int channels, int pack, long blocks)
    {
        var packs = channels / pack;
        var across = packs >= MaxThreadsAcross ? MaxThreadsAcross : (int)BitOperations.RoundUpToPowerOf2((uint)packs);
        var wanted = Math.Clamp(
            blocks / CeilDiv(packs, across), 1, CeilDiv(rows, (long)LeastRowsPerThread * (Threads / across)));
        var perSlice = CeilDiv(rows, wanted);
        return new ChannelRows(rows, perSlice, channels, checked((int)CeilDiv(rows, perSlice)), across);
    }

    /// <summary>How many blocks that takes.</summary>
    public int Blocks(int pack) => checked((int)(Slices * CeilDiv(Channels / pack, ThreadsAcross)));

    private static long CeilDiv(long dividend, long divisor) => (dividend + divisor - 1) / divisor;
}
