using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>For every register of a plane taken as one row: which window each lane lies in, and at which place of
    /// it. Planes of a few columns then fill their registers, which their rows would not.</summary>
    private readonly struct UnpoolMap
    {
        private readonly long _length;
        private readonly int* _firstWindow;
        private readonly TVector* _windows;
        private readonly TVector* _codes;

        public UnpoolMap(PoolGeometry pool, ScratchMemory memory)
        {
            _length = (long)pool.InHeight * pool.InWidth;
            var count = TSimd.Count;
            // 16 windows of a row fill a register anyway; a plane smaller than a register has no whole one.
            if (count == 1 || pool.OutWidth > count || _length < count)
                return;
            var registers = (int)CeilDiv(_length, count);
            _windows = memory.Get<TVector>(2L * registers + CeilDiv(registers, count));
            _codes = _windows + registers;
            _firstWindow = (int*)(_codes + registers);
            var windows = stackalloc int[count];
            var codes = stackalloc T[count];
            for (var i = 0; i < registers; i++)
            {
                var first = int.MaxValue;
                for (var lane = 0; lane < count; lane++)
                {
                    var (row, column) = Math.DivRem((int)Start(i) + lane, pool.InWidth);
                    windows[lane] = row / 2 * pool.OutWidth + column / 2;
                    codes[lane] = T.CreateTruncating(row % 2 * 2 + column % 2);
                    first = Math.Min(first, windows[lane]);
                }

                for (var lane = 0; lane < count; lane++)
                {
                    windows[lane] -= first;
                    if (windows[lane] >= count)
                        return;
                }

                _firstWindow[i] = first;
                _windows[i] = TSimd.CreateIndices(windows);
                _codes[i] = TSimd.Load(codes);
            }

            Registers = registers;
        }

        /// <summary>The registers of a plane; 0 where a plane is to be taken row by row.</summary>
        public int Registers { get; }

        /// <summary>The first element of a register; the last one is pulled back to end with the plane.</summary>
        public long Start(int register) => Math.Min((long)register * TSimd.Count, _length - TSimd.Count);

        /// <summary>The gradient of each lane that won its window, 0 elsewhere.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector GradientOf(int register, byte* places, T* gradients)
        {
            var first = _firstWindow[register];
            var windows = _windows[register];
            var won = TSimd.Equal(TSimd.Permute(TSimd.LoadBytes(places + first), windows), _codes[register]);
            return TSimd.And(won, TSimd.Permute(TSimd.Load(gradients + first), windows));
        }
    }
}
