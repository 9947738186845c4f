using CudaBn.Onnx.Format;

namespace CudaBn.Onnx.Export;

/// <summary>Average pooling to a size as nodes. ONNX has no such operator: where the windows are all alike it is another
/// pooling, else a product with a matrix of averages along every axis.</summary>
internal static class AdaptiveAvgPoolNodes
{
    public static string Add(GraphBuilder builder, string path, string input, Shape shape, Shape output)
    {
        int[] from = shape.Sizes[2..].ToArray(), to = output.Sizes[2..].ToArray();
        if (to.All(size => size == 1))
            return builder.Add("GlobalAveragePool", path, [input]);
        int[] axes = [.. Enumerable.Range(0, from.Length)];
        if (axes.All(axis => from[axis] % to[axis] == 0))
        {
            builder.Options.Set(path, LayerOptions.Adaptive);
            int[] window = [.. axes.Select(axis => from[axis] / to[axis])];
            return builder.Add(
                "AveragePool", path, [input],
                AttributeProto.Of("kernel_shape", window), AttributeProto.Of("strides", window));
        }

        // The last axis first: a matrix on the right, on the left, and on the left of an axis that is brought there.
        foreach (var axis in axes.Reverse().Where(axis => from[axis] != to[axis]))
            input = AddAlong(builder, path, input, from.Length - axis, shape.Rank, from[axis], to[axis]);
        return input;
    }

    private static string AddAlong(
        GraphBuilder builder, string path, string input, int axisFromEnd, int rank, int from, int to)
    {
        var averages = AdaptiveAverages.Matrix(from, to);
        if (axisFromEnd == 1)
        {
            var columns = builder.AddConstant($"{path}/columns", Transposed(averages, from, to), from, to);
            return builder.Add("MatMul", path, [input, columns]);
        }

        var matrix = builder.AddConstant($"{path}/{(axisFromEnd == 2 ? "rows" : "slices")}", averages, to, from);
        if (axisFromEnd == 2)
            return builder.Add("MatMul", path, [matrix, input]);
        // [N, C, D, H, W] and back: depth and rows change places.
        var perm = AttributeProto.Of("perm", [0, 1, 3, 2, 4]);
        var moved = builder.Add("Transpose", $"{path}/SlicesIn", [input], perm);
        return builder.Add("Transpose", $"{path}/SlicesOut", [builder.Add("MatMul", path, [matrix, moved])], perm);
    }

    private static double[] Transposed(double[] matrix, int columns, int rows)
    {
        var transposed = new double[matrix.Length];
        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < columns; column++)
                transposed[column * rows + row] = matrix[row * columns + column];
        }

        return transposed;
    }
}
