namespace CudaBn.Backends.Cpu;

/// <summary>Where a micro-kernel finds the products it sums: channels, and in each the rows and columns of a
/// window. Steps are in elements. A plain matrix product is a window of one channel and one row.</summary>
internal readonly record struct TapWindow(
    int Channels,
    int Rows,
    int Columns,
    nint VectorChannelStep,
    nint VectorRowStep,
    nint VectorColumnStep,
    nint ScalarChannelStep,
    nint ScalarRowStep,
    nint ScalarColumnStep);
