using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

/// <summary>The slices and rows of a window that lie in the input: padding takes no part.</summary>
/// <param name="Front">The slice of the input at which the window starts; negative in the padding.</param>
/// <param name="Top">The row of the input at which the window starts; negative in the padding.</param>
/// <param name="SliceStart">The first slice of the window in the input.</param>
/// <param name="SliceEnd">Behind the last one.</param>
/// <param name="RowStart">The first row of the window in the input.</param>
/// <param name="RowEnd">Behind the last one.</param>
internal readonly record struct WindowRows(int Front, int Top, int SliceStart, int SliceEnd, int RowStart, int RowEnd)
{
    public static WindowRows Of(in PoolGeometry g, int z, int y)
    {
        int front = z * g.StrideZ - g.PaddingZ, top = y * g.StrideY - g.PaddingY;
        return new(
            front, top, Math.Max(0, -front), Math.Min(g.WindowDepth, g.InDepth - front), Math.Max(0, -top),
            Math.Min(g.WindowHeight, g.InHeight - top));
    }

    /// <summary>The row of the input, all slices one under the other, that a row of the window is.</summary>
    public long RowOf(in PoolGeometry g, int slice, int row) => (long)(Front + slice) * g.InHeight + Top + row;
}
