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

        public UnpoolMap(PoolGeometry pool, ScratchMemory memory)
        {
            _length = (long)pool.InHeight * pool.InWidth;
            var count = TSimd.Count;
            // 16 windows of a row fill a register anyway; a plane smaller than a register has no whole one.
            if (count == 1 || pool.OutWidth > count || _length < count)
                return;
            var registers = (int)CeilDiv(_length, count);
            Windows = memory.Get<TVector>(2L * registers + CeilDiv(registers, count));
            Codes = Windows + registers;
            FirstWindow = (int*)(Codes + registers);
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

                FirstWindow[i] = first;
                Windows[i] = TSimd.CreateIndices(windows);
                Codes[i] = TSimd.Load(codes);
            }

            Registers = registers;
        }

        /// <summary>The registers of a plane; 0 where a plane is to be taken row by row.</summary>
        public int Registers { get; }

        /// <summary>The first element of a register; the last one is pulled back to end with the plane.</summary>
        public long Start(int register) => Math.Min((long)register * TSimd.Count, _length - TSimd.Count);

        /// <summary>A register of the input's gradient: that of each window at the place that won it, 0 elsewhere.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector GradientOf(nint register, byte* places, T* gradients)
        {
            var (first, window) = (FirstWindow[register], Windows[register]);
            var won = TSimd.Equal(TSimd.Permute(TSimd.LoadBytes(places + first), window), Codes[register]);
            return TSimd.And(won, TSimd.Permute(TSimd.Load(gradients + first), window));
        }

        /// <summary>For every register the window from which its lanes count theirs.</summary>
        private int* FirstWindow { get; }

        /// <summary>For every register the window of each lane.</summary>
        private TVector* Windows { get; }

        /// <summary>For every register the place of each lane in its window.</summary>
        private TVector* Codes { get; }
    }
}
