using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

/// <summary>A matrix [N, C] whose columns are channels, cut into chunks of rows and columns. Rows of few channels are taken
/// several at a time, as one row of several times as many columns, so that registers are full however few there
/// are.</summary>
/// <remarks>The cut depends on the sizes alone, so sums merged chunk by chunk are the same for any number of threads.
/// </remarks>
internal readonly struct ChannelRows
{
    /// <summary>Columns that a row has at least: many times those of a register.</summary>
    private const int LeastColumns = 256;

    /// <summary>Columns of a chunk: their sums and constants fit the first-level cache. A multiple of every register, so
    /// that what one chunk writes in whole registers is never another's.</summary>
    private const int ColumnsPerChunk = 512;

    /// <summary>Rows of a chunk: few enough for sums in the element type to keep their digits.</summary>
    private const int RowsPerChunk = 128;

    /// <summary>Channels of a chunk of what is done once for every channel; likewise a multiple.</summary>
    private const int ChannelsPerPart = 128;

    private readonly long _rows;
    private readonly int _lastColumns;
    private readonly int _columnParts;

    public ChannelRows(BatchNormGeometry geometry)
    {
        Channels = geometry.Channels;
        Copies = (LeastColumns - 1) / geometry.Channels + 1;
        Columns = Copies * geometry.Channels;
        var (rows, rest) = Math.DivRem(geometry.Batch, Copies);
        (_rows, _lastColumns) = (rows, (int)rest * geometry.Channels);
        _columnParts = (Columns - 1) / ColumnsPerChunk + 1;
        // A row that is not whole goes with the last chunk of rows.
        RowParts = checked((int)Math.Max(1, (rows - 1) / RowsPerChunk + 1));
        Count = checked(RowParts * _columnParts);
        Padded = checked(_columnParts * ColumnsPerChunk);
    }

    public int Channels { get; }

    /// <summary>How many rows of the matrix are one row here.</summary>
    public int Copies { get; }

    /// <summary>Copies * Channels; column j is of channel j % Channels.</summary>
    public int Columns { get; }

    /// <summary>Room for the columns in whole registers.</summary>
    public int Padded { get; }

    /// <summary>Chunks of rows.</summary>
    public int RowParts { get; }

    /// <summary>The number of chunks.</summary>
    public int Count { get; }

    /// <summary>Chunks of channels, for what is done once for every channel.</summary>
    public int ChannelParts => (Channels - 1) / ChannelsPerPart + 1;

    /// <summary>The first channel of a chunk of them, and the first of the next.</summary>
    public (int First, int End) ChannelsOf(int part) =>
        (part * ChannelsPerPart, Math.Min((part + 1) * ChannelsPerPart, Channels));

    public Chunk At(int index)
    {
        var (part, columnPart) = Math.DivRem(index, _columnParts);
        var column = columnPart * ColumnsPerChunk;
        var columns = Math.Min(ColumnsPerChunk, Columns - column);
        var first = (long)part * RowsPerChunk;
        var last = part == RowParts - 1 ? Math.Clamp(_lastColumns - column, 0, columns) : 0;
        return new Chunk(part, first, Math.Min(RowsPerChunk, _rows - first), column, columns, last);
    }

    /// <summary>Some neighbouring columns of some neighbouring rows, and perhaps the first columns of one row more.</summary>
    /// <param name="Part">Which chunk of rows.</param>
    /// <param name="FirstRow">The first row.</param>
    /// <param name="Rows">How many rows are whole.</param>
    /// <param name="Column">The first column.</param>
    /// <param name="Columns">How many.</param>
    /// <param name="LastColumns">How many the row after the whole ones has; 0 where there is none.</param>
    internal readonly record struct Chunk(
        int Part, long FirstRow, long Rows, int Column, int Columns, int LastColumns);
}
