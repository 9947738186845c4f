using System.Runtime.CompilerServices;

namespace CudaBn.Backends.Cpu;

// The matrix product under the dense layer, after Goto and van de Geijn, "Anatomy of high-performance matrix
// multiplication", 2008: both factors are packed into the order in which the micro-kernel reads them, and a tile of the
// product stays in registers over the whole inner dimension.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>Tiles of rows that one chunk multiplies with one panel of columns.</summary>
    private const int RowTilesPerChunk = 8;

    /// <summary>product = left * right, plus bias[column] where there is one. The product is row-major.</summary>
    private void MatrixProduct(MatrixView<T> left, MatrixView<T> right, T* bias, T* product)
    {
        var tiles = new RowTiles(left.Rows, TSimd.MaxRows);
        var panels = CeilDiv(right.Columns, BlockLanes);
        var packedLeft = _packed.Get<T>((long)tiles.PaddedRows * left.Columns);
        var packedRight = _shared.Get<T>((long)panels * BlockLanes * left.Columns);

        var pack = new PackJob(left, right, tiles, packedLeft, packedRight);
        _pool.Run(ref pack, tiles.Count + panels);

        var rowGroups = CeilDiv(tiles.Count, RowTilesPerChunk);
        var multiply = new MultiplyJob(
            tiles, rowGroups, left.Columns, right.Columns, packedLeft, packedRight, bias, product);
        _pool.Run(ref multiply, panels * rowGroups);
    }

    /// <summary>Chunks: first the tiles of the left factor, [inner][row of tile], then the panels of the right one,
    /// [inner][column of panel]. What lies outside the factors is 0.</summary>
    private readonly struct PackJob(
        MatrixView<T> left, MatrixView<T> right, RowTiles tiles, T* packedLeft, T* packedRight) : IChunkJob
    {
        public void Run(int chunk, int worker)
        {
            if (chunk < tiles.Count)
            {
                Pack(left.Transposed(), tiles.Start(chunk), tiles.Size(chunk),
                    packedLeft + (long)tiles.Start(chunk) * left.Columns);
            }
            else
            {
                var panel = chunk - tiles.Count;
                Pack(right, panel * BlockLanes, BlockLanes, packedRight + (long)panel * BlockLanes * right.Rows);
            }
        }

        /// <summary>packed[inner][i] = source(inner, first + i) for i below <paramref name="width"/>.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public static void Pack(MatrixView<T> source, int first, int width, T* packed)
        {
            var real = Math.Min(width, source.Columns - first);
            var data = source.Data + first * source.ColumnStep;
            var inner = 0;
            if (source.ColumnStep != 1 && source.RowStep == 1 && TSimd.Count > 1)
                inner = PackTransposed(data, source.Rows, source.ColumnStep, real, width, packed);
            for (; inner < source.Rows; inner++)
            {
                var row = data + inner * source.RowStep;
                var destination = packed + (long)inner * width;
                var i = 0;
                if (source.ColumnStep == 1)
                {
                    for (; i + TSimd.Count <= real; i += TSimd.Count)
                        TSimd.Store(TSimd.Load(row + i), destination + i);
                }

                for (; i < real; i++)
                    destination[i] = row[i * source.ColumnStep];
                for (; i < width; i++)
                    destination[i] = T.Zero;
            }
        }

        // Square blocks through registers; the inner rows that fill no block are left to the caller.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static int PackTransposed(T* data, int rows, nint columnStep, int real, int width, T* packed)
        {
            var count = TSimd.Count;
            var square = stackalloc TVector[2 * count];
            var transposed = (T*)(square + count);
            var whole = rows - rows % count;
            for (var first = 0; first < width; first += count)
            {
                int present = Math.Clamp(real - first, 0, count), columns = Math.Min(count, width - first);
                for (var inner = 0; inner < whole; inner += count)
                {
                    var source = data + first * columnStep + inner;
                    var sourceStep = columnStep;
                    if (present < count)
                    {
                        for (var i = 0; i < count; i++)
                            square[i] = i < present ? TSimd.Load(source + i * columnStep) : TSimd.Zero;
                        source = (T*)square;
                        sourceStep = count;
                    }

                    if (columns == count)
                    {
                        TSimd.Transpose(source, sourceStep, packed + (long)inner * width + first, width);
                        continue;
                    }

                    TSimd.Transpose(source, sourceStep, transposed, count);
                    for (var j = 0; j < count; j++)
                    {
                        var row = packed + (long)(inner + j) * width + first;
                        // In a panel narrower than a register the next row overwrites what this one writes past its end.
                        if (first == 0 && inner + j < rows - count)
                        {
                            TSimd.Store(TSimd.Load(transposed + j * count), row);
                            continue;
                        }

                        for (var i = 0; i < columns; i++)
                            row[i] = transposed[j * count + i];
                    }
                }
            }

            return whole;
        }
    }

    /// <summary>A chunk is one panel of columns times a group of row tiles.</summary>
    private readonly struct MultiplyJob(
        RowTiles tiles, int rowGroups, int inner, int columns, T* packedLeft, T* packedRight, T* bias, T* product)
        : IChunkJob
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int chunk, int worker)
        {
            int lanes = BlockLanes, panel = chunk / rowGroups, firstColumn = panel * lanes;
            var firstTile = chunk % rowGroups * RowTilesPerChunk;
            var endTile = Math.Min(firstTile + RowTilesPerChunk, tiles.Count);
            var width = Math.Min(lanes, columns - firstColumn);
            var right = packedRight + (long)panel * lanes * inner;
            var sums = stackalloc TVector[2 * TSimd.MaxRows];
            var zeros = stackalloc T[TSimd.MaxRows];
            new Span<T>(zeros, TSimd.MaxRows).Clear();
            for (var tile = firstTile; tile < endTile; tile++)
            {
                int rows = tiles.Size(tile), firstRow = tiles.Start(tile);
                var window = new TapWindow(1, 1, inner, 0, 0, lanes, 0, 0, rows);
                MicroKernel<TSimd, TVector, T>.Run(
                    rows, right, packedLeft + (long)firstRow * inner, zeros, (T*)sums, lanes, in window);
                var real = Math.Min(rows, tiles.Rows - firstRow);
                for (var row = 0; row < real; row++)
                {
                    Store((T*)sums + row * lanes, bias == null ? null : bias + firstColumn,
                        product + (long)(firstRow + row) * columns + firstColumn, width);
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Store(T* sums, T* bias, T* destination, int width)
        {
            var i = 0;
            for (; i + TSimd.Count <= width; i += TSimd.Count)
            {
                var sum = TSimd.Load(sums + i);
                TSimd.Store(bias == null ? sum : TSimd.Add(sum, TSimd.Load(bias + i)), destination + i);
            }

            for (; i < width; i++)
                destination[i] = bias == null ? sums[i] : sums[i] + bias[i];
        }
    }
}
