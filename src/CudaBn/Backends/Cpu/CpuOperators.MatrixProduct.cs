using System.Runtime.CompilerServices;

namespace CudaBn.Backends.Cpu;

// The matrix product under the dense layer, after Goto and van de Geijn, "Anatomy of high-performance matrix
// multiplication", 2008, with less packing: rows of the left factor are read where they are, and a chunk packs the panels
// of the right factor that it needs, into its worker's own cache, just before it uses them.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>product = left * right, plus bias[column] where there is one. The product is row-major.</summary>
    private void MatrixProduct(MatrixView<T> left, MatrixView<T> right, T* bias, T* product)
    {
        if (left.Rows <= MaxRowsOfDotProducts && left.ColumnStep == 1 && right.RowStep == 1)
        {
            DotProducts(left, right, bias, product);
            return;
        }

        if ((left.ColumnStep != 1 && left.Columns > 1) || RowsCollide(left.RowStep))
            left = PackRows(left);
        var job = new MultiplyJob(this, left, right, bias, product);
        _pool.Run(ref job, job.Chunks);
    }

    /// <summary>Whether a tile of rows, all of which lie in the same set of a first-level cache of 8 or 12 ways, has too
    /// many of them to stay there.</summary>
    private static bool RowsCollide(nint rowStep) => TSimd.MaxRows > 8 && rowStep * sizeof(T) % 4096 == 0;

    /// <summary>Copies a matrix so that each row lies in one piece, and no two rows of a tile in the same set of a
    /// cache.</summary>
    private MatrixView<T> PackRows(MatrixView<T> matrix)
    {
        var step = (CeilDiv(matrix.Columns, BlockLanes) | 1) * BlockLanes;
        var packed = _packed.Get<T>((long)matrix.Rows * step);
        var job = new PackJob(matrix, step, packed);
        _pool.Run(ref job, CeilDiv(matrix.Rows, PackJob.RowsPerChunk));
        return new MatrixView<T>(packed, matrix.Rows, matrix.Columns, step, 1);
    }

    /// <summary>A chunk is some rows, each copied in one piece and filled up with zeros.</summary>
    private readonly struct PackJob(MatrixView<T> matrix, int step, T* packed) : IChunkJob
    {
        public const int RowsPerChunk = 32;

        public void Run(int chunk, int worker)
        {
            var first = chunk * RowsPerChunk;
            var rows = new MatrixView<T>(
                matrix.Data + first * matrix.RowStep, Math.Min(RowsPerChunk, matrix.Rows - first), matrix.Columns,
                matrix.RowStep, matrix.ColumnStep);
            Pack(rows, 0, step, packed + (long)first * step);
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

    /// <summary>A chunk is a rectangle of the product: a group of tiles of rows times some panels of columns.</summary>
    private readonly struct MultiplyJob : IChunkJob
    {
        /// <summary>The longest stretch of the inner dimension that a tile stays in registers for.</summary>
        private const int MaxDepth = 512;

        /// <summary>Bytes of packed panels: a share of the second-level cache, from which they are read tile after
        /// tile.</summary>
        private const int MaxPackedBytes = 160 * 1024;

        /// <summary>Panels side by side in a chunk: where two meet, their rows of the product share a cache line, which
        /// would otherwise wander between two workers.</summary>
        private const int MaxPanelsPerChunk = 8;

        /// <summary>Below so many tiles of rows, packing the right factor costs more than it saves.</summary>
        private const int MinTilesToPack = 4;

        /// <summary>A share of the work for every worker and some to even out, if there is so much.</summary>
        private const int ChunksPerWorker = 4;

        /// <summary>Every group of rows packs the right factor anew, so it is not cut smaller than this.</summary>
        private const int MinTilesPerGroup = 3;

        private readonly CpuOperators<TSimd, TVector, T> _operators;
        private readonly MatrixView<T> _left;
        private readonly MatrixView<T> _right;
        private readonly T* _bias;
        private readonly T* _product;
        private readonly RowTiles _tiles;
        private readonly int _tileCount;
        private readonly int _panels;
        private readonly int _panelsPerChunk;
        private readonly int _groups;
        private readonly int _depth;
        private readonly bool _packsRight;

        public MultiplyJob(
            CpuOperators<TSimd, TVector, T> operators, MatrixView<T> left, MatrixView<T> right, T* bias, T* product)
        {
            _operators = operators;
            (_left, _right) = (left, right);
            _bias = bias;
            _product = product;
            _tiles = new RowTiles(Math.Max(1, left.Rows & ~1), TSimd.MaxRows);
            _tileCount = left.Rows == 1 ? 1 : _tiles.Count + (left.Rows & 1);
            _panels = CeilDiv(right.Columns, BlockLanes);
            var depthBlocks = CeilDiv(left.Columns, MaxDepth);
            _depth = CeilDiv(CeilDiv(left.Columns, depthBlocks), BlockLanes) * BlockLanes;
            _packsRight = right.ColumnStep != 1 || _tileCount >= MinTilesToPack;
            // An element is computed in one chunk wholly and always in the same order, so the cut does not change it.
            var wanted = ChunksPerWorker * operators._pool.Workers;
            _groups = Math.Clamp(CeilDiv(wanted, _panels), 1, CeilDiv(_tileCount, MinTilesPerGroup));
            var cached = _packsRight ? MaxPackedBytes / (_depth * BlockLanes * sizeof(T)) : MaxPanelsPerChunk;
            _panelsPerChunk = Math.Clamp(_panels / wanted, 1, Math.Clamp(cached, 1, MaxPanelsPerChunk));
        }

        public int Chunks => CeilDiv(_panels, _panelsPerChunk) * _groups;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int chunk, int worker)
        {
            int group = chunk % _groups, firstPanel = chunk / _groups * _panelsPerChunk;
            int firstTile = group * _tileCount / _groups, endTile = (group + 1) * _tileCount / _groups;
            var endPanel = Math.Min(firstPanel + _panelsPerChunk, _panels);
            var edge = _operators._perWorker[worker].Get<T>(
                (TSimd.MaxRows + _panelsPerChunk * (1 + (_packsRight ? _depth : 0))) * (long)BlockLanes);
            var biases = edge + TSimd.MaxRows * BlockLanes;
            var packed = biases + _panelsPerChunk * BlockLanes;
            CopyBiases(firstPanel, endPanel, biases);
            for (var inner = 0; inner < _left.Columns; inner += _depth)
            {
                var right = new MatrixView<T>(
                    _right.Data + inner * _right.RowStep, Math.Min(_depth, _left.Columns - inner), _right.Columns,
                    _right.RowStep, _right.ColumnStep);
                if (_packsRight)
                    PackPanels(right, firstPanel, endPanel, packed);
                for (var tile = firstTile; tile < endTile; tile++)
                {
                    for (var panel = firstPanel; panel < endPanel; panel++)
                    {
                        var vectors = _packsRight
                            ? new MatrixView<T>(
                                packed + (panel - firstPanel) * _depth * BlockLanes, right.Rows, BlockLanes, BlockLanes, 1)
                            : new MatrixView<T>(
                                right.Data + panel * BlockLanes, right.Rows, BlockLanes, right.RowStep, 1);
                        RunTile(tile, panel, inner, in vectors, biases + (panel - firstPanel) * BlockLanes, edge);
                    }
                }
            }
        }

        /// <summary>packed[panel][inner][column of panel], the panels lying _depth rows apart.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void PackPanels(MatrixView<T> right, int firstPanel, int endPanel, T* packed)
        {
            nint lanes = BlockLanes, panelStep = _depth * lanes;
            // Panels of rows in one piece are copied side by side: a row of all of them is one stretch of memory.
            var whole = right.ColumnStep == 1 ? Math.Min(endPanel, right.Columns / BlockLanes) : firstPanel;
            for (var inner = 0; inner < right.Rows && firstPanel < whole; inner++)
            {
                T* source = right.Data + inner * right.RowStep + firstPanel * lanes, row = packed + inner * lanes;
                for (var panel = firstPanel; panel < whole; panel++)
                {
                    TSimd.Store(TSimd.Load(source), row);
                    TSimd.Store(TSimd.Load(source + TSimd.Count), row + TSimd.Count);
                    source += lanes;
                    row += panelStep;
                }
            }

            for (var panel = Math.Max(firstPanel, whole); panel < endPanel; panel++)
                PackJob.Pack(right, panel * BlockLanes, BlockLanes, packed + (panel - firstPanel) * panelStep);
        }

        private void CopyBiases(int firstPanel, int endPanel, T* biases)
        {
            var copies = new Span<T>(biases, (endPanel - firstPanel) * BlockLanes);
            copies.Clear();
            var first = firstPanel * BlockLanes;
            if (_bias != null)
                new Span<T>(_bias + first, Math.Min(copies.Length, _right.Columns - first)).CopyTo(copies);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void RunTile(int tile, int panel, int inner, in MatrixView<T> right, T* biases, T* edge)
        {
            // An odd last row takes the row before it along, or is taken twice where it is the only one.
            var (rows, start) = tile < _tiles.Count ? (_tiles.Size(tile), _tiles.Start(tile)) : (2, _left.Rows - 1);
            var firstRow = Math.Clamp(_left.Rows - rows, 0, start);
            var single = _left.Rows == 1;
            nint columns = _right.Columns, rowStep = single ? 0 : _left.RowStep;
            var left = new MatrixView<T>(
                _left.Data + firstRow * _left.RowStep + inner * _left.ColumnStep, rows, right.Rows, rowStep, 1);
            var product = _product + firstRow * columns + panel * BlockLanes;
            T* initial = inner == 0 ? biases : product;
            nint initialStep = inner == 0 || single ? 0 : columns;
            var width = Math.Min(BlockLanes, _right.Columns - panel * BlockLanes);
            if (width == BlockLanes && firstRow == start && !single)
            {
                MatrixKernel<TSimd, TVector, T>.Run(in left, in right, initial, initialStep, product, columns);
                return;
            }

            MatrixKernel<TSimd, TVector, T>.Run(in left, in right, initial, initialStep, edge, BlockLanes);
            for (var row = start - firstRow; row < rows && firstRow + row < _left.Rows; row++)
                new Span<T>(edge + row * BlockLanes, width).CopyTo(new Span<T>(product + row * columns, width));
        }
    }
}
