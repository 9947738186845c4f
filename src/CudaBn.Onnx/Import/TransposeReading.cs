namespace CudaBn.Onnx.Import;

/// <summary>What stands between two transpositions: a batch normalization of channels that come last, or a pooling along the
/// first axis of volumes.</summary>
internal static class TransposeReading
{
    public static ImportedLayer? Read(NodeCall call, NodeCall? next, NodeCall? last, out int taken)
    {
        var rank = call.Input.Rank;
        var moved = PermutationOf(call, rank);
        if (moved.SequenceEqual(Enumerable.Range(0, rank)))
        {
            taken = 1;
            return null;
        }

        if (next is null || last?.Operator != "Transpose" || !IsInverse(moved, PermutationOf(last, rank)))
            throw call.Fault(
                $"a Transpose of channels last around BatchNormalization, found perm [{string.Join(", ", moved)}]");
        taken = 3;
        int[] channelsFirst = [0, rank - 1, .. Enumerable.Range(1, rank - 2)];
        if (next.Operator == "BatchNormalization" && moved.SequenceEqual(channelsFirst))
            return BatchNormReading.Read(next, channelsLast: true);
        return next.Operator == "MatMul"
            ? AdaptiveAvgPoolReading.ReadSlices(next, moved)
            : throw call.Fault(
                $"a BatchNormalization behind a Transpose, found {next.Operator} behind perm [{string.Join(", ", moved)}]");
    }

    // Without the attribute the axes are reversed.
    private static int[] PermutationOf(NodeCall call, int rank)
    {
        if (call.Attributes.Ints("perm") is not { } axes)
            return [.. Enumerable.Range(0, rank).Reverse()];
        return axes.Count == rank && axes.Order().SequenceEqual(Enumerable.Range(0, rank).Select(axis => (long)axis))
            ? [.. axes.Select(axis => (int)axis)]
            : throw call.Fault($"a perm of {rank} axes, found [{string.Join(", ", axes.Take(8))}]");
    }

    private static bool IsInverse(int[] one, int[] other) =>
        one.Select((axis, place) => other[axis] == place).All(isSame => isSame);
}
