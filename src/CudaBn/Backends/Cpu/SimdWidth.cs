using System.Runtime.Intrinsics;

namespace CudaBn.Backends.Cpu;

/// <summary>The width of the registers that kernels use.</summary>
internal enum SimdWidth
{
    Scalar,
    Bits256,
    Bits512,
}

internal static class SimdWidths
{
    /// <summary>The widest that this processor has.</summary>
    public static SimdWidth Widest =>
        Vector512.IsHardwareAccelerated ? SimdWidth.Bits512
        : Vector256.IsHardwareAccelerated ? SimdWidth.Bits256
        : SimdWidth.Scalar;

    public static string Describe(this SimdWidth width) => width switch
    {
        SimdWidth.Bits512 => "512-bit vectors",
        SimdWidth.Bits256 => "256-bit vectors",
        _ => "no vectors",
    };
}
