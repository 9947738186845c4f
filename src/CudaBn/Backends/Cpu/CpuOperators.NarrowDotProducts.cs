using System.Runtime.CompilerServices;

namespace CudaBn.Backends.Cpu;

// The matrix product of many rows and a few columns, such as the ten classes of a last layer: as dot products, which use all
// lanes of a register; a register of columns would leave many empty.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>Sums of neighbouring lanes of two registers, those of the first before those of the second.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector HalfSums(TVector first, TVector second)
    {
        TSimd.Deinterleave(first, second, out var even, out var odd);
        return TSimd.Add(even, odd);
    }

    /// <summary>A chunk is some rows of the product. A tile is as many rows times two columns as a register has lanes: one
    /// register of sums for each of the products, whose lanes are added up to a register of products.</summary>
    private readonly struct NarrowDotProductsJob : IChunkJob
    {
        private const int RowsPerChunk = 16;

        private readonly MatrixView<T> _left;
        private readonly MatrixView<T> _right;
        private readonly T* _product;

        // A register for each tile of columns.
        private readonly T* _biases;

        public NarrowDotProductsJob(
            CpuOperators<TSimd, TVector, T> operators, MatrixView<T> left, MatrixView<T> right, T* bias, T* product)
        {
            (_left, _right) = (left, right);
            _product = product;
            _biases = operators._shared.Get<T>(CeilDiv(right.Columns, 2) * TSimd.Count);
            for (var column = 0; column < right.Columns; column += 2)
            {
                for (var i = 0; i < TSimd.Count; i++)
                {
                    _biases[column / 2 * TSimd.Count + i] =
                        bias == null ? T.Zero : bias[Math.Min(column + i % 2, right.Columns - 1)];
                }
            }
        }

        public int Chunks => CeilDiv(_left.Rows, RowsPerChunk);

        private static int TileRows => TSimd.Count / 2;

        private readonly struct Pair(T first, T second)
        {
            public readonly T First = first;
            public readonly T Second = second;
        }

        /// <summary>Whether it takes less time than packing the right factor and multiplying with registers of its
        /// columns.</summary>
        public static bool IsFaster(MatrixView<T> left, MatrixView<T> right) =>
            TSimd.Count is 8 or 16 && left.ColumnStep == 1 && right.RowStep == 1
            && left.Rows >= TileRows && right.Columns < TSimd.Count
            // Multiply-adds of a row; adding up lanes and packing take, measured, as long as so many more.
            && 2 * CeilDiv(right.Columns, 2) * (CeilDiv(left.Columns, TSimd.Count) + 2) < left.Columns + 20;

        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            int columns = _right.Columns, end = Math.Min((chunk + 1) * RowsPerChunk, _left.Rows);
            var products = stackalloc T[TSimd.Count];
            for (var row = chunk * RowsPerChunk; row < end; row += TileRows)
            {
                // The last rows are computed along with some of those before them.
                int first = Math.Min(row, _left.Rows - TileRows), stop = first + TileRows;
                var rows = _left.Data + first * _left.RowStep;
                for (var column = 0; column < columns; column += 2)
                {
                    var isPair = column + 1 < columns;
                    T* one = _right.Data + column * _right.ColumnStep, other = isPair ? one + _right.ColumnStep : one;
                    var tile = ProductsOfFourRows(rows, one, other);
                    if (TSimd.Count == 16)
                        tile = HalfSums(tile, ProductsOfFourRows(rows + 4 * _left.RowStep, one, other));
                    TSimd.Store(TSimd.Add(tile, TSimd.Load(_biases + column / 2 * TSimd.Count)), products);
                    var pair = (Pair*)products + (row - first);
                    T* destination = _product + (nint)row * columns + column, behind = _product + (nint)stop * columns;
                    if (isPair)
                    {
                        for (; destination < behind; destination += columns)
                            *(Pair*)destination = *pair++;
                    }
                    else
                    {
                        for (; destination < behind; destination += columns)
                            *destination = pair++->First;
                    }
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void MultiplyAdd(TVector x, TVector y, TVector z, ref TVector sum, ref TVector other)
        {
            sum = TSimd.MultiplyAdd(x, y, sum);
            other = TSimd.MultiplyAdd(x, z, other);
        }

        /// <summary>The products of four rows and two columns. In a register of 16 lanes, each is two lanes side by side that are
        /// yet to be added up.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private TVector ProductsOfFourRows(T* r0, T* y, T* z)
        {
            var step = _left.RowStep;
            T* r1 = r0 + step, r2 = r1 + step, r3 = r2 + step;
            TVector a0 = TSimd.Zero, a1 = a0, a2 = a0, a3 = a0;
            TVector b0 = a0, b1 = a0, b2 = a0, b3 = a0;
            int i = 0, inner = _left.Columns;
            for (; i + TSimd.Count <= inner; i += TSimd.Count)
            {
                TVector u = TSimd.Load(y + i), v = TSimd.Load(z + i);
                MultiplyAdd(TSimd.Load(r0 + i), u, v, ref a0, ref b0);
                MultiplyAdd(TSimd.Load(r1 + i), u, v, ref a1, ref b1);
                MultiplyAdd(TSimd.Load(r2 + i), u, v, ref a2, ref b2);
                MultiplyAdd(TSimd.Load(r3 + i), u, v, ref a3, ref b3);
            }

            if (i < inner)
            {
                var mask = FirstLanes(inner - i);
                TVector u = TSimd.And(mask, TSimd.Load(y + i)), v = TSimd.And(mask, TSimd.Load(z + i));
                MultiplyAdd(TSimd.And(mask, TSimd.Load(r0 + i)), u, v, ref a0, ref b0);
                MultiplyAdd(TSimd.And(mask, TSimd.Load(r1 + i)), u, v, ref a1, ref b1);
                MultiplyAdd(TSimd.And(mask, TSimd.Load(r2 + i)), u, v, ref a2, ref b2);
                MultiplyAdd(TSimd.And(mask, TSimd.Load(r3 + i)), u, v, ref a3, ref b3);
            }

            return HalfSums(
                HalfSums(HalfSums(a0, b0), HalfSums(a1, b1)), HalfSums(HalfSums(a2, b2), HalfSums(a3, b3)));
        }
    }
}
