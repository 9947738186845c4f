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

        if (NarrowDotProductsJob.IsFaster(left, right))
        {
            var narrow = new NarrowDotProductsJob(this, left, right, bias, product);
            _pool.Run(ref narrow, narrow.Chunks);
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
        [MethodImpl(Compiled.AsLoop)]
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

        // Square blocks through registers; a few last inner rows, of which a block would be mostly empty, are left to the
        // caller.
        [MethodImpl(Compiled.AsLoop)]
        private static int PackTransposed(T* data, int rows, nint columnStep, int real, int width, T* packed)
        {
            var count = TSimd.Count;
            var square = stackalloc TVector[2 * count];
            var transposed = (T*)(square + count);
            var taken = rows % count < count / 4 ? rows - rows % count : rows;
            for (var first = 0; first < width; first += count)
            {
                int present = Math.Clamp(real - first, 0, count), columns = Math.Min(count, width - first);
                if (present == 0 && columns == count)
                {
                    // The second register of a panel of few columns.
                    for (var inner = 0; inner < taken; inner++)
                        TSimd.Store(TSimd.Zero, packed + (long)inner * width + first);
                    continue;
                }

                for (var inner = 0; inner < taken; inner += count)
                {
                    var height = Math.Min(count, taken - inner);
                    var source = data + first * columnStep + inner;
                    var sourceStep = columnStep;
                    if (present < count)
                    {
                        for (var i = 0; i < count; i++)
                            square[i] = i < present ? TSimd.Load(source + i * columnStep) : TSimd.Zero;
                        source = (T*)square;
                        sourceStep = count;
                    }

                    if (columns == count && height == count)
                    {
                        TSimd.Transpose(source, sourceStep, packed + (long)inner * width + first, width);
                        continue;
                    }

                    TSimd.Transpose(source, sourceStep, transposed, count);
                    for (var j = 0; j < height; j++)
                    {
                        var row = packed + (long)(inner + j) * width + first;
                        // In a panel narrower than a register the next row overwrites what this one writes past its end.
                        if (columns == count || (first == 0 && inner + j < rows - count))
                        {
                            TSimd.Store(TSimd.Load(transposed + j * count), row);
                            continue;
                        }

                        for (var i = 0; i < columns; i++)
                            row[i] = transposed[j * count + i];
                    }
                }
            }

            return taken;
        }
    }

    /// <summary>A chunk is a rectangle of the product: a group of tiles of rows times some panels of columns.</summary>
    private readonly struct MultiplyJob : IChunkJob
    {
        /// <summary>The longest stretch of the inner dimension that a tile stays in registers for.</summary>
        private const int MaxDepth = 512;

        /// <summary>The same where a large right factor is read in place: its rows are streams that the processor has to
        /// foresee, and it follows only so many.</summary>
        private const int MaxDepthOfStreams = 8;

        /// <summary>Bytes of packed panels: a share of the second-level cache, from which they are read tile after
        /// tile.</summary>
        private const int MaxPackedBytes = 160 * 1024;

        /// <summary>Panels side by side in a chunk: long pieces of the rows of both the right factor and the
        /// product.</summary>
        private const int MaxPanelsPerChunk = 8;

        /// <summary>Below so many tiles of rows, packing the right factor costs more than it saves.</summary>
        private const int MinTilesToPack = 4;

        /// <summary>A share of the work for every worker and some to even out, if there is so much.</summary>
        private const int ChunksPerWorker = 4;

        /// <summary>The same where a large right factor is read in place: its rows are read in long pieces.</summary>
        private const int StreamedChunksPerWorker = 2;

        /// <summary>Every group of rows packs the right factor anew, so it is not cut smaller than this.</summary>
        private const int MinTilesPerGroup = 4;

        private readonly CpuOperators<TSimd, TVector, T> _operators;
        private readonly MatrixView<T> _left;
        private readonly MatrixView<T> _right;
        private readonly T* _bias;
        private readonly T* _product;
        private readonly RowTiles _tiles;
        private readonly int _tileCount;
        private readonly int _panels;
        private readonly int _columnChunks;
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
            _packsRight = right.ColumnStep != 1 || _tileCount >= MinTilesToPack;
            var streams = !_packsRight && right.Rows * right.RowStep * sizeof(T) > MaxPackedBytes;
            var maxDepth = streams ? MaxDepthOfStreams : MaxDepth;
            _depth = CeilDiv(left.Columns, CeilDiv(left.Columns, maxDepth));
            if (_packsRight)
                _depth = CeilDiv(_depth, BlockLanes) * BlockLanes;
            // An element is computed in one chunk wholly and always in the same order, so the cut does not change it.
            var workers = operators._pool.Workers;
            var wanted = (streams ? StreamedChunksPerWorker : ChunksPerWorker) * workers;
            _groups = Math.Clamp(CeilDiv(wanted, _panels), 1, CeilDiv(_tileCount, MinTilesPerGroup));
            // As many for every worker, and all of a size: the last one to end is what the others wait for.
            var most = streams ? _panels : MaxPanelsPerChunk;
            if (_packsRight)
                most = Math.Clamp(MaxPackedBytes / (_depth * BlockLanes * sizeof(T)), 1, most);
            _columnChunks = Math.Min(CeilDiv(Math.Max(CeilDiv(_panels, most), wanted), workers) * workers, _panels);
        }

        public int Chunks => _columnChunks * _groups;

        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            int group = chunk % _groups, columnChunk = Scatter(chunk / _groups);
            int firstPanel = FirstPanel(columnChunk), endPanel = FirstPanel(columnChunk + 1), panels = endPanel - firstPanel;
            int firstTile = group * _tileCount / _groups, endTile = (group + 1) * _tileCount / _groups;
            nint lanes = BlockLanes;
            var edge = _operators._perWorker[worker].Get<T>(
                (TSimd.MaxRows + panels * (1L + (_packsRight ? _depth : 0))) * lanes);
            var biases = edge + TSimd.MaxRows * lanes;
            var packed = biases + panels * lanes;
            CopyBiases(firstPanel, endPanel, biases);
            for (var inner = 0; inner < _left.Columns; inner += _depth)
            {
                var right = new MatrixView<T>(
                    _right.Data + inner * _right.RowStep, Math.Min(_depth, _left.Columns - inner), _right.Columns,
                    _right.RowStep, _right.ColumnStep);
                var vectors = new PanelView(right.Data + firstPanel * lanes, right.RowStep, lanes);
                if (_packsRight)
                {
                    PackPanels(right, firstPanel, endPanel, packed);
                    vectors = new PanelView(packed, lanes, _depth * lanes);
                }

                for (var tile = firstTile; tile < endTile; tile++)
                    RunTile(tile, firstPanel, endPanel, inner, right.Rows, vectors, biases, edge);
            }
        }

        private int FirstPanel(int columnChunk) => (int)((long)columnChunk * _panels / _columnChunks);

        /// <summary>Which columns the chunk of a number has: chunks that run at the same time lie far apart. Where two
        /// meet, their rows of the product share cache lines, and workers side by side, at the same row, would take each
        /// such line from each other.</summary>
        private int Scatter(int number)
        {
            var workers = _operators._pool.Workers;
            var (round, share) = Math.DivRem(number, workers);
            var (perShare, larger) = Math.DivRem(_columnChunks, workers);
            return share * perShare + Math.Min(share, larger) + round;
        }

        /// <summary>packed[panel][inner][column of panel], the panels lying _depth rows apart.</summary>
        [MethodImpl(Compiled.AsLoop)]
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

        /// <summary>One tile of rows times panels side by side.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private void RunTile(
            int tile, int firstPanel, int endPanel, int inner, int depth, PanelView right, T* biases, T* edge)
        {
            // An odd last row takes the row before it along; where it is the only one it is taken twice, and written twice.
            var (rows, start) = tile < _tiles.Count ? (_tiles.Size(tile), _tiles.Start(tile)) : (2, _left.Rows - 1);
            var firstRow = Math.Clamp(_left.Rows - rows, 0, start);
            var single = _left.Rows == 1;
            nint lanes = BlockLanes, columns = _right.Columns, productStep = single ? 0 : columns;
            var left = new MatrixView<T>(
                _left.Data + firstRow * _left.RowStep + inner * _left.ColumnStep, rows, depth,
                single ? 0 : _left.RowStep, 1);
            var product = _product + firstRow * columns + firstPanel * lanes;
            T* initial = inner == 0 ? biases : product;
            var initialStep = inner == 0 ? 0 : productStep;
            var vectors = right.Data;
            var whole = firstRow == start ? Math.Min(endPanel, _right.Columns / BlockLanes) : firstPanel;
            var panel = firstPanel;
            for (; panel < whole; panel++)
            {
                MatrixKernel<TSimd, TVector, T>.Run(
                    in left, vectors, right.RowStep, initial, initialStep, product, productStep);
                vectors += right.PanelStep;
                initial += lanes;
                product += lanes;
            }

            for (; panel < endPanel; panel++)
            {
                var width = Math.Min(BlockLanes, _right.Columns - panel * BlockLanes);
                if (width <= TSimd.Count)
                {
                    NarrowMatrixKernel<TSimd, TVector, T>.Run(
                        in left, vectors, right.RowStep, initial, initialStep, edge, lanes);
                }
                else
                {
                    MatrixKernel<TSimd, TVector, T>.Run(
                        in left, vectors, right.RowStep, initial, initialStep, edge, lanes);
                }

                for (var row = start - firstRow; row < rows && firstRow + row < _left.Rows; row++)
                    new Span<T>(edge + row * lanes, width).CopyTo(new Span<T>(product + row * columns, width));
                vectors += right.PanelStep;
                initial += lanes;
                product += lanes;
            }
        }

        /// <summary>Panels side by side: element (i, j) of panel p is at data[i * RowStep + p * PanelStep + j].</summary>
        private readonly struct PanelView(T* data, nint rowStep, nint panelStep)
        {
            public T* Data { get; } = data;

            public nint RowStep { get; } = rowStep;

            public nint PanelStep { get; } = panelStep;
        }
    }
}
