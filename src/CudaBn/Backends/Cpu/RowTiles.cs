namespace CudaBn.Backends.Cpu;

/// <summary>Rows cut into tiles of an even size that a micro-kernel has, as equal as may be: 50 rows are 5 tiles of 10,
/// 64 are two of 12 and four of 10. An odd last row is padded with one of zeros.</summary>
internal readonly struct RowTiles
{
    private readonly int _pairsPerTile;
    private readonly int _largerTiles;

    public RowTiles(int rows, int maxRows)
    {
        var pairs = (rows + 1) / 2;
        var maxPairs = maxRows / 2;
        Rows = rows;
        Count = (pairs + maxPairs - 1) / maxPairs;
        _pairsPerTile = pairs / Count;
        _largerTiles = pairs % Count;
    }

    /// <summary>The rows that matter.</summary>
    public int Rows { get; }

    /// <summary>The rows with the padded one.</summary>
    public int PaddedRows => (Rows + 1) / 2 * 2;

    /// <summary>The number of tiles.</summary>
    public int Count { get; }

    /// <summary>The first row of a tile.</summary>
    public int Start(int tile) => 2 * (tile * _pairsPerTile + Math.Min(tile, _largerTiles));

    /// <summary>The rows of a tile, the padded one included.</summary>
    public int Size(int tile) => 2 * (_pairsPerTile + (tile < _largerTiles ? 1 : 0));
}
