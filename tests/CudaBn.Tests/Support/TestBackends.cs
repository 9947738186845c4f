using CudaBn.Backends.Cpu;
using NUnit.Framework;

namespace CudaBn.Tests.Support;

/// <summary>The backends of this machine. A fixture takes them from here, so a new backend is one more value.</summary>
public static class TestBackends
{
    private static readonly DType[] RealTypes = [DType.Float32, DType.Float64];

    /// <summary>The CUDA device.</summary>
    public static TestBackend Cuda { get; } = new(CudaUnderTest.Name, CudaUnderTest.Open, IsShared: true);

    /// <summary>Every code path that this processor has, with different numbers of threads, and the CUDA device.</summary>
    public static IReadOnlyList<TestBackend> All { get; } =
    [
        new("Cpu", () => new CpuBackend().Device),
        .. Cpu("Cpu512", SimdWidth.Bits512, threads: 3),
        .. Cpu("Cpu256", SimdWidth.Bits256, threads: 2),
        .. Cpu("CpuScalar", SimdWidth.Scalar, threads: 1),
        Cuda,
    ];

    /// <summary>The widths of registers that this processor has.</summary>
    internal static IReadOnlyList<SimdWidth> CpuWidths { get; } =
        [.. Enum.GetValues<SimdWidth>().Where(width => width <= SimdWidths.Widest)];

    public static IEnumerable<TestFixtureData> InFloat32 => In(DType.Float32);

    public static IEnumerable<TestFixtureData> InFloat64 => In(DType.Float64);

    public static IEnumerable<TestFixtureData> InEveryType => RealTypes.SelectMany(In);

    /// <summary>Those that run CUDA kernels, for tests of the kernels one by one.</summary>
    public static IEnumerable<TestFixtureData> CudaInEveryType =>
        RealTypes.Select(dtype => new TestFixtureData(Cuda, dtype));

    private static IEnumerable<TestFixtureData> In(DType dtype) =>
        All.Select(backend => new TestFixtureData(backend, dtype));

    private static TestBackend[] Cpu(string name, SimdWidth width, int threads) =>
        width <= SimdWidths.Widest ? [new TestBackend(name, () => new CpuBackend(threads, width).Device)] : [];
}
