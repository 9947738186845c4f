using System.Runtime.CompilerServices;

namespace CudaBn.Backends.Cpu;

// The matrix product of a left factor of a few rows and a right one whose columns lie in one piece, as the weights of a
// dense layer do in forward: dot products of rows and columns where they are. Packing would read and write the weights
// once more, and reading them once is what such a product costs.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>Rows of the left factor up to which dot products are faster.</summary>
    private const int MaxRowsOfDotProducts = 8;

    /// <summary>product = left * right, plus bias[column] where there is one. Rows of the left factor and columns of the
    /// right one lie in one piece; the product is row-major.</summary>
    private void DotProducts(MatrixView<T> left, MatrixView<T> right, T* bias, T* product)
    {
        var job = new DotProductsJob(left, right, bias, product);
        _pool.Run(ref job, job.Chunks);
    }

    /// <summary>A chunk is some columns of the product, four at a time.</summary>
    private readonly struct DotProductsJob(MatrixView<T> left, MatrixView<T> right, T* bias, T* product) : IChunkJob
    {
        private const int TileColumns = DotKernel<TSimd, TVector, T>.TileRows;
        private const int ElementsPerChunk = 16 * 1024;

        private readonly int _columnsPerChunk =
            TileColumns * Math.Max(1, ElementsPerChunk / (TileColumns * Math.Max(1, right.Rows)));

        public int Chunks => CeilDiv(right.Columns, _columnsPerChunk);

        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            var end = Math.Min((chunk + 1) * _columnsPerChunk, right.Columns);
            for (var column = chunk * _columnsPerChunk; column < end; column += TileColumns)
            {
                for (var row = 0; row < left.Rows; row += 2)
                    RunTile(row, column, Math.Min(TileColumns, end - column));
            }
        }

        // Four columns times two rows; at the edges the last one stands in for those that are missing.
        [MethodImpl(Compiled.AsLoop)]
        private void RunTile(int row, int column, int width)
        {
            var columns = stackalloc T*[TileColumns];
            for (var i = 0; i < TileColumns; i++)
                columns[i] = right.Data + Math.Min(column + i, right.Columns - 1) * right.ColumnStep;
            var rows = stackalloc T*[2];
            var height = Math.Min(2, left.Rows - row);
            for (var i = 0; i < 2; i++)
                rows[i] = left.Data + Math.Min(row + i, left.Rows - 1) * left.RowStep;

            var sums = stackalloc TVector[2 * TileColumns];
            for (var i = 0; i < 2 * TileColumns; i++)
                sums[i] = TSimd.Zero;
            var positions = new PositionRectangle(1, left.Columns / BlockLanes, 0, BlockLanes, 0, BlockLanes);
            DotKernel<TSimd, TVector, T>.Run(2, columns, rows, (T*)sums, in positions);
            for (var i = 0; i < width; i++)
            {
                for (var j = 0; j < height; j++)
                {
                    var sum = TSimd.Sum(sums[2 * i + j]);
                    for (var inner = positions.Columns * BlockLanes; inner < left.Columns; inner++)
                        sum += columns[i][inner] * rows[j][inner];
                    product[(row + j) * (nint)right.Columns + column + i] =
                        bias == null ? sum : sum + bias[column + i];
                }
            }
        }
    }
}
