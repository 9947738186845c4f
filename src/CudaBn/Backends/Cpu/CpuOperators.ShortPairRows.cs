using System.Runtime.CompilerServices;

namespace CudaBn.Backends.Cpu;

internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>Windows of 2 x 2 side by side that leave no column out, in rows of which a register takes several: as many
    /// at a time as fit.</summary>
    private readonly struct ShortPairRows
    {
        private readonly TVector _upper;
        private readonly TVector _lower;

        /// <param name="width">Windows of a row.</param>
        public ShortPairRows(int width)
        {
            Rows = Math.Max(1, TSimd.Count / width);
            if (Rows == 1)
                return;
            // A pair of neighbours is an element of two registers: those of a row's upper halves, then of its lower ones.
            int* upper = stackalloc int[TSimd.Count], lower = stackalloc int[TSimd.Count];
            for (var lane = 0; lane < TSimd.Count; lane++)
            {
                // Lanes behind the last row repeat its last window.
                var (row, column) = Math.DivRem(Math.Min(lane, Rows * width - 1), width);
                upper[lane] = 2 * row * width + column;
                lower[lane] = upper[lane] + width;
            }

            _upper = TSimd.CreateIndices(upper);
            _lower = TSimd.CreateIndices(lower);
        }

        /// <summary>Rows of windows per register; 1 where there is nothing to gain.</summary>
        public int Rows { get; }

        /// <summary>Whether a plane of so many rows of windows is taken several at a time: the last of them are pulled back
        /// to end with the plane.</summary>
        public bool Fit(int rows) => Rows > 1 && rows >= Rows;

        /// <summary>The four values of every window of some rows, from whose first one four registers are read.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Load(T* source, out TVector first, out TVector second, out TVector third, out TVector fourth)
        {
            TSimd.Deinterleave(TSimd.Load(source), TSimd.Load(source + TSimd.Count), out var left, out var right);
            TSimd.Deinterleave(
                TSimd.Load(source + 2 * TSimd.Count), TSimd.Load(source + 3 * TSimd.Count), out var nextLeft, out var nextRight);
            first = TSimd.PermuteTwo(left, nextLeft, _upper);
            second = TSimd.PermuteTwo(right, nextRight, _upper);
            third = TSimd.PermuteTwo(left, nextLeft, _lower);
            fourth = TSimd.PermuteTwo(right, nextRight, _lower);
        }
    }
}
