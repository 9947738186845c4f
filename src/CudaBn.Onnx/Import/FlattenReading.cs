namespace CudaBn.Onnx.Import;

/// <summary>Nodes that make [N, rest] of their input, or leave it as it is.</summary>
internal static class FlattenReading
{
    private static readonly string[] _operators = ["Flatten", "Reshape", "Squeeze"];

    /// <summary>What a node does, or it with those behind: what counts is the shape in the end.</summary>
    /// <returns>Null for nodes that leave their input as it is.</returns>
    public static ImportedLayer? Read(NodeCall call, NodeCall? next, NodeCall? last, out int taken)
    {
        var input = call.Input.Sizes.ToArray().Select(size => (long)size).ToArray();
        var rest = Product(input[1..]);
        var output = input;
        var behind = new[] { next, last }.TakeWhile(node => _operators.Contains(node?.Operator)).OfType<NodeCall>();
        NodeCall[] row = [call, .. behind];
        for (taken = 1; taken <= row.Length; taken++)
        {
            var node = row[taken - 1];
            output = Reshaped(node, output);
            if (node.Operator != "Flatten" && output.AsSpan().SequenceEqual(input))
                return null;
            if (output.AsSpan().SequenceEqual([input[0], rest]))
                return call.Layer(() => new Flatten());
        }

        throw call.Fault(
            $"an output [N, {rest}], or the input's sizes, found [{string.Join(", ", output.Take(8))}], which is not supported");
    }

    private static long[] Reshaped(NodeCall call, long[] input)
    {
        call.RequireComputedFirst();
        return call.Operator switch
        {
            "Flatten" => Flattened(call, input),
            "Squeeze" => Squeezed(call, input),
            _ => ReshapedAsAsked(call, input),
        };
    }

    private static long[] Flattened(NodeCall call, long[] input)
    {
        var axis = call.Attributes.Int("axis", 1);
        var split = axis < 0 ? axis + input.Length : axis;
        return split >= 0 && split <= input.Length
            ? [Product(input[..split]), Product(input[split..])]
            : throw call.Fault($"an axis of {input.Length}, found {axis}");
    }

    private static long[] Squeezed(NodeCall call, long[] input)
    {
        IReadOnlyList<long> axes = call.Graph.OperatorSet < 13
            ? call.Attributes.Ints("axes") ?? []
            : call.Node.Inputs.Count > 1 ? call.Constant(1).Integers() : [];
        var gone = axes.Select(axis => axis < 0 ? axis + input.Length : axis).ToHashSet();
        return gone.Count > 0 && gone.All(axis => axis > 0 && axis < input.Length && input[axis] == 1)
            ? [.. input.Where((_, axis) => !gone.Contains(axis))]
            : throw call.Fault($"axes of size 1 behind the first, found [{string.Join(", ", axes.Take(8))}]");
    }

    private static long[] ReshapedAsAsked(NodeCall call, long[] input)
    {
        var asked = AskedBy(call, input);
        var copiesZeros = call.Attributes.Int("allowzero", 0) == 0;
        if (asked.Length > 8 || asked.Count(size => size == -1) > 1 || asked.Any(size => size is < -1 or > int.MaxValue))
            throw call.Fault($"a shape of at most 8 sizes, one of them -1, found [{string.Join(", ", asked.Take(8))}]");
        var sizes = asked.Select((size, axis) => size == 0 && copiesZeros && axis < input.Length ? input[axis] : size).ToArray();
        var known = Product(sizes.Where(size => size != -1));
        var all = Product(input);
        if (known <= 0 || all % known != 0 || (all != known && !sizes.Contains(-1)))
            throw call.Fault($"a shape of {all} elements, found [{string.Join(", ", asked)}]");
        return [.. sizes.Select(size => size == -1 ? all / known : size)];
    }

    private static long[] AskedBy(NodeCall call, long[] input) =>
        call.Node.Inputs is [var reshaped, var shape] && call.Graph.Shapes.Contains(shape)
            ? new ShapeComputation(call.Graph, reshaped, input).Of(call.Node, shape)
            : call.Constant(1).Integers();

    // Of a hostile shape the product may wrap; then it is not the number of elements.
    private static long Product(IEnumerable<long> sizes) => sizes.Aggregate(1L, (product, size) => product * size);
}
