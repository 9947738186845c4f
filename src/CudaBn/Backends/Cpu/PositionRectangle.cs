namespace CudaBn.Backends.Cpu;

/// <summary>A rectangle of output positions, and the steps from one to the next in elements.</summary>
internal readonly record struct PositionRectangle(
    int Rows,
    int Columns,
    nint GradientRowStep,
    nint GradientColumnStep,
    nint InputRowStep,
    nint InputColumnStep);
