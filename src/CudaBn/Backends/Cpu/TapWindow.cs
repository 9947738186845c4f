namespace CudaBn.Backends.Cpu;

/// <summary>Where a micro-kernel finds the products it sums: three loops, one inside the other, such as the rows and
/// columns of a window and the channels. Steps are in elements. What there is most of belongs in the inner loop. A plain
/// matrix product is an inner loop alone.</summary>
internal readonly record struct TapWindow(
    int Outer,
    int Middle,
    int Inner,
    nint VectorOuterStep,
    nint VectorMiddleStep,
    nint VectorInnerStep,
    nint ScalarOuterStep,
    nint ScalarMiddleStep,
    nint ScalarInnerStep);
