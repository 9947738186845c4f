using System.Numerics;
using System.Runtime.CompilerServices;
using CudaBn.Backends.Cpu.Simd;
using static CudaBn.Backends.Cpu.CacheLines;

namespace CudaBn.Backends.Cpu;

/// <summary>The operators of the CPU in one element type. Each operator's file adds its pair.</summary>
internal abstract partial class CpuOperators : IDisposable
{
    public abstract void Dispose();

    /// <summary>Makes the operators for registers of a width.</summary>
    public static CpuOperators Create<T>(SimdWidth width, WorkerPool pool)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => width switch
    {
        SimdWidth.Bits512 => new CpuOperators<Simd512<T>, System.Runtime.Intrinsics.Vector512<T>, T>(pool),
        SimdWidth.Bits256 => new CpuOperators<Simd256<T>, System.Runtime.Intrinsics.Vector256<T>, T>(pool),
        _ => new CpuOperators<SimdScalar<T>, T, T>(pool),
    };
}

/// <summary>The operators of the CPU, compiled for one width of register and one element type.</summary>
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T> : CpuOperators
    where TSimd : struct, ISimd<TVector, T>
    where TVector : unmanaged
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly WorkerPool _pool;
    private readonly ScratchMemory _shared = new();
    private readonly ScratchMemory _packed = new();
    private readonly ScratchMemory _constants = new();
    private readonly ScratchMemory _unfolded = new();
    private readonly ScratchMemory _blocks = new();
    private readonly ScratchMemory[] _perWorker;

    public CpuOperators(WorkerPool pool)
    {
        _pool = pool;
        _perWorker = [.. Enumerable.Range(0, pool.Workers).Select(_ => new ScratchMemory())];
    }

    /// <summary>The lanes of a block of images: two registers.</summary>
    private static int BlockLanes => 2 * TSimd.Count;

    public override void Dispose()
    {
        _shared.Dispose();
        _packed.Dispose();
        _constants.Dispose();
        _unfolded.Dispose();
        _blocks.Dispose();
        foreach (var scratch in _perWorker)
            scratch.Dispose();
    }

    private static T* Data(Tensor tensor) => (T*)tensor.Address;

    private static T* DataOrNull(Tensor? tensor) => tensor is null ? null : (T*)tensor.Address;

    private static int CeilDiv(int value, int divisor) => (value + divisor - 1) / divisor;

    private static long CeilDiv(long value, long divisor) => (value + divisor - 1) / divisor;

    /// <summary>A mask of the first lanes: all of them where <paramref name="count"/> is more than there are.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector FirstLanes(long count) =>
        TSimd.GreaterThan(TSimd.Create(T.CreateTruncating(count)), TSimd.Indices);

    /// <summary>Asks for the cache lines of two registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PrefetchBlock(T* block)
    {
        Prefetch(block);
        if (sizeof(TVector) == CacheLines.Bytes)
            Prefetch(block + TSimd.Count);
    }
}
