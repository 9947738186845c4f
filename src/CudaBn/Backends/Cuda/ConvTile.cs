using System.Collections.Immutable;
using static CudaBn.Backends.Cuda.CudaBackend;

namespace CudaBn.Backends.Cuda;

/// <summary>A tile that kernels/conv.cu is compiled for.</summary>
internal sealed class ConvTile
{
    /// <summary>Threads of a block.</summary>
    public const int Threads = 128;

    /// <summary>The bytes of the terms of a stage in one row or column.</summary>
    private const int StageBytes = 64;

    // Measured on an H100: the cycles that a stage takes on a multiprocessor that waits for nothing; how much of them a block
    // adds that has others beside it, and what there is to wait for if it has none; the stages that the beginning and the end
    // of a tile take; and for products whose terms are split, the launch that adds them up and the bytes it moves in a cycle.
    private readonly int _cyclesPerStage;
    private const int CyclesOfWaiting = 1000;
    private const double WaitingPerStage = 0.5, OverlappedPerStage = 0.7;
    private const int StagesAround = 4;
    private const int CyclesOfSum = 3500, BytesPerCycle = 3000;

    private const int MostBlocksPerMultiprocessor = 6;
    private const int LeastStagesPerSplit = 4;

    private ConvTile(int rows, int columns, int cyclesPerStage)
    {
        (Rows, Columns, _cyclesPerStage) = (rows, columns, cyclesPerStage);
        NearConstants = Constants(isNear: 1);
        FarConstants = Constants(isNear: 0);

        ImmutableArray<KernelConstant> Constants(int isNear) =>
            [new("TILE_ROWS", rows), new("TILE_COLUMNS", columns), new("IS_NEAR", isNear)];
    }

    /// <summary>All there are. A large one takes fewer instructions per product, a small one wastes less where a matrix
    /// ends, and shares out more evenly.</summary>
    public static ImmutableArray<ConvTile> All { get; } =
        [new(16, 128, 600), new(32, 128, 990), new(64, 64, 910), new(64, 128, 1670), new(128, 64, 1670)];

    public int Rows { get; }

    public int Columns { get; }

    /// <summary>For kernels of few places and tensors of fewer elements than an int counts.</summary>
    public ImmutableArray<KernelConstant> NearConstants { get; }

    /// <summary>For any.</summary>
    public ImmutableArray<KernelConstant> FarConstants { get; }

    /// <summary>How many terms a stage has.</summary>
    public static int Steps(DType dtype) => StageBytes / dtype.Size();

    /// <summary>The tile, and the number of parts that the terms are split into, with which the multiprocessor that has most
    /// to do is likely to be done first.</summary>
    /// <param name="products">How many products of matrices there are.</param>
    /// <param name="rows">Rows of each.</param>
    /// <param name="columns">Columns of each.</param>
    /// <param name="terms">Terms of each sum.</param>
    /// <param name="dtype">What they are made of.</param>
    /// <param name="multiprocessors">How many multiprocessors share the tiles.</param>
    /// <param name="hasSum">Whether results are added up even if the terms are not split.</param>
    public static ConvPlan Plan(
        long products, int rows, long columns, long terms, DType dtype, int multiprocessors, bool hasSum = false)
    {
        var best = default(ConvPlan);
        var least = double.PositiveInfinity;
        var steps = Steps(dtype);
        var mostSplits = Math.Max(1, terms / (LeastStagesPerSplit * steps));
        foreach (var tile in All)
        {
            var tiles = products * tile.Count(rows, columns);
            for (var perMultiprocessor = 0; perMultiprocessor <= MostBlocksPerMultiprocessor; perMultiprocessor++)
            {
                var wanted = Math.Clamp((long)perMultiprocessor * multiprocessors / tiles, 1, mostSplits);
                var perSplit = CeilDiv(CeilDiv(terms, wanted), steps) * steps;
                var splits = (int)CeilDiv(terms, perSplit);
                var blocks = CeilDiv(tiles * splits, multiprocessors);
                var cycles = tile.Cycles(blocks) * (CeilDiv(perSplit, steps) + StagesAround);
                if (splits > 1 || hasSum)
                    cycles += CyclesOfSum + products * rows * columns * (2.0 * splits + 1) * dtype.Size() / BytesPerCycle;
                if (cycles < least)
                    (best, least) = (new ConvPlan(tile, splits, perSplit), cycles);
            }
        }

        return best;
    }

    /// <summary>How many tiles a matrix takes.</summary>
    public long Count(int rows, long columns) => CeilDiv(rows, Rows) * CeilDiv(columns, Columns);

    /// <summary>What a stage of all of so many blocks takes a multiprocessor.</summary>
    private double Cycles(long blocks) => _cyclesPerStage * Math.Max(
        blocks, WaitingPerStage + OverlappedPerStage * blocks + (double)CyclesOfWaiting / _cyclesPerStage);
}
