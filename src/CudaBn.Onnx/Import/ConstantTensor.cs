using System.Buffers.Binary;
using System.Runtime.InteropServices;
using CudaBn.Onnx.Format;

namespace CudaBn.Onnx.Import;

/// <summary>A tensor of a file whose sizes and elements fit together.</summary>
internal sealed class ConstantTensor
{
    private readonly TensorProto _tensor;
    private readonly bool _isTransposed;

    private ConstantTensor(TensorProto tensor, int[] sizes, int count, bool isTransposed = false) =>
        (_tensor, Sizes, Count, _isTransposed) = (tensor, sizes, count, isTransposed);

    public int[] Sizes { get; }

    /// <summary>The number of elements.</summary>
    public int Count { get; }

    public TensorDataType DataType => _tensor.DataType;

    /// <summary>The elements of a tensor of floats or doubles: in the file's own memory, but for a matrix whose rows are the
    /// file's columns.</summary>
    public ReadOnlyMemory<byte> Elements => !_isTransposed ? _tensor.Elements
        : DataType == TensorDataType.Float ? Transposed<float>(_tensor.Elements.Span, Sizes[1], Sizes[0])
        : Transposed<double>(_tensor.Elements.Span, Sizes[1], Sizes[0]);

    /// <summary>Checks a tensor.</summary>
    /// <returns>It; null, and what is wrong with it, where it is none.</returns>
    public static ConstantTensor? Of(TensorProto tensor, out string fault)
    {
        var sizes = new int[tensor.Dims.Count];
        long count = 1;
        for (var axis = 0; axis < sizes.Length; axis++)
        {
            var size = tensor.Dims[axis];
            if (size is < 0 or > int.MaxValue || (count *= size) > int.MaxValue)
            {
                fault = $"sizes [{string.Join(", ", tensor.Dims.Take(8))}] that a file can hold";
                return null;
            }

            sizes[axis] = (int)size;
        }

        var width = WidthOf(tensor.DataType);
        var found = tensor.Integers.Count > 0 ? tensor.Integers.Count : tensor.Elements.Length / Math.Max(1, width);
        var isWhole = tensor.Integers.Count > 0 || tensor.Elements.Length == (long)found * width;
        fault = width == 0
            ? $"elements of type float, double, int64, int32 or bool, found type {(int)tensor.DataType}"
            : tensor.HasExternalData
                ? "its elements in this file, found external data: save the model in one file"
                : $"{count} elements, found {(tensor.Integers.Count > 0 ? found : tensor.Elements.Length)}"
                    + (tensor.Integers.Count > 0 ? "" : " bytes");
        return width == 0 || tensor.HasExternalData || !isWhole || found != count
            ? null
            : new ConstantTensor(tensor, sizes, (int)count);
    }

    /// <summary>The elements in double; empty for integers.</summary>
    public double[] Doubles()
    {
        var values = new double[DataType is TensorDataType.Float or TensorDataType.Double ? Count : 0];
        var bytes = Elements.Span;
        for (var i = 0; i < values.Length; i++)
            values[i] = DataType == TensorDataType.Float
                ? BinaryPrimitives.ReadSingleLittleEndian(bytes[(4 * i)..])
                : BinaryPrimitives.ReadDoubleLittleEndian(bytes[(8 * i)..]);
        return values;
    }

    /// <summary>The elements of a tensor of integers; empty for floats and doubles.</summary>
    public long[] Integers()
    {
        if (_tensor.Integers.Count > 0)
            return [.. _tensor.Integers];
        var values = new long[DataType is TensorDataType.Float or TensorDataType.Double ? 0 : Count];
        var bytes = Elements.Span;
        for (var i = 0; i < values.Length; i++)
            values[i] = DataType switch
            {
                TensorDataType.Int64 => BinaryPrimitives.ReadInt64LittleEndian(bytes[(8 * i)..]),
                TensorDataType.Int32 => BinaryPrimitives.ReadInt32LittleEndian(bytes[(4 * i)..]),
                _ => bytes[i],
            };
        return values;
    }

    /// <summary>This matrix of floats or doubles with rows as columns.</summary>
    public ConstantTensor Transposed() => new(_tensor, [Sizes[1], Sizes[0]], Count, !_isTransposed);

    private static byte[] Transposed<T>(ReadOnlySpan<byte> elements, int rows, int columns)
        where T : unmanaged
    {
        var transposed = new byte[elements.Length];
        var from = MemoryMarshal.Cast<byte, T>(elements);
        var to = MemoryMarshal.Cast<byte, T>(transposed.AsSpan());
        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < columns; column++)
                to[column * rows + row] = from[row * columns + column];
        }

        return transposed;
    }

    private static int WidthOf(TensorDataType type) => type switch
    {
        TensorDataType.Float or TensorDataType.Int32 => 4,
        TensorDataType.Double or TensorDataType.Int64 => 8,
        TensorDataType.Bool => 1,
        _ => 0,
    };
}
