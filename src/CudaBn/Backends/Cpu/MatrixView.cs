namespace CudaBn.Backends.Cpu;

/// <summary>A matrix in memory: element (i, j) is at data[i * RowStep + j * ColumnStep]. One of the steps is 1.</summary>
internal readonly unsafe struct MatrixView<T>(T* data, int rows, int columns, nint rowStep, nint columnStep)
    where T : unmanaged
{
    public T* Data { get; } = data;

    public int Rows { get; } = rows;

    public int Columns { get; } = columns;

    public nint RowStep { get; } = rowStep;

    public nint ColumnStep { get; } = columnStep;

    /// <summary>The view of a row-major matrix.</summary>
    public static MatrixView<T> RowMajor(T* data, int rows, int columns) => new(data, rows, columns, columns, 1);

    /// <summary>The same elements with rows and columns exchanged.</summary>
    public MatrixView<T> Transposed() => new(Data, Columns, Rows, ColumnStep, RowStep);
}
