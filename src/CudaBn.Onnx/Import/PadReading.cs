namespace CudaBn.Onnx.Import;

/// <summary>Zeros around images, which what stands behind takes as padding of its own. PyTorch writes them in front of every
/// average pooling that counts its padding, also where there is none.</summary>
internal static class PadReading
{
    // Before opset 11 attributes say what inputs say since.
    private const int FirstSetOfInputs = 11;

    /// <returns>Null for a node that leaves its input as it is.</returns>
    public static ImportedLayer? Read(NodeCall call, NodeCall? next, NodeCall? last, out int taken)
    {
        var (pads, value) = Asked(call);
        var mode = call.Attributes.Text("mode", "constant");
        taken = 1;
        if (pads.All(size => size == 0))
            return null;
        if (mode != "constant")
            throw call.Fault($"mode constant, found {FileText.Quoted(mode)}, which is not supported");
        if (value != 0)
            throw call.Fault($"zeros around its input, found {value}, which are not supported");
        var axes = call.Axes;
        if (axes < 1 || pads.Any(size => size is < 0 or > int.MaxValue)
            || pads[0] + pads[1] + pads[axes + 2] + pads[axes + 3] > 0)
            throw call.Fault(
                $"pads of 0 or more along axes of space, found [{string.Join(", ", pads.Take(10))}], which are not supported");

        int[] sizes = Array.ConvertAll(pads, size => (int)size);
        var border = new ZeroBorder(sizes[2..(axes + 2)], sizes[(axes + 4)..]);
        var layer = next?.Operator switch
        {
            "Conv" => ConvReading.Read(next, last, border, out taken),
            "AveragePool" => PoolReading.ReadPaddedAverage(next, border),
            _ => throw call.Fault($"a Conv or AveragePool behind it, found {next?.Operator ?? "none"}, which is not supported"),
        };
        taken++;
        return layer;
    }

    // At the begin of every axis, then at the end.
    private static (long[] Pads, double Value) Asked(NodeCall call)
    {
        call.RequireComputedFirst();
        var rank = call.Input.Rank;
        var isByInputs = call.Graph.OperatorSet >= FirstSetOfInputs;
        var given = isByInputs ? call.Constant(1).Integers() : [.. call.Attributes.Ints("pads") ?? []];
        var value = !isByInputs ? call.Attributes.Float("value", 0)
            : call.HasInput(2) ? call.Reals(2).Doubles() is [var only] ? only : throw call.Fault("a value that is one number")
            : 0;
        var places = isByInputs && call.HasInput(3)
            ? Array.ConvertAll(call.Constant(3).Integers(), axis => axis < 0 ? axis + rank : axis)
            : [.. Enumerable.Range(0, rank).Select(axis => (long)axis)];
        if (given.Length != 2 * places.Length || places.Distinct().Count() != places.Length
            || places.Any(axis => axis < 0 || axis >= rank))
            throw call.Fault($"pads at both ends of {places.Length} axes, found [{string.Join(", ", given.Take(10))}]");
        var pads = new long[2 * rank];
        for (var i = 0; i < places.Length; i++)
            (pads[places[i]], pads[places[i] + rank]) = (given[i], given[i + places.Length]);
        return (pads, value);
    }
}
