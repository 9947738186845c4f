namespace CudaBn.Onnx.Import;

/// <summary>Dense layers out of nodes.</summary>
internal static class LinearReading
{
    public static ImportedLayer ReadGemm(NodeCall call)
    {
        call.RequireComputedFirst();
        call.Attributes.RequireInt("transA", 0);
        // Times 0 it is none.
        var hasBias = call.HasInput(2) && call.Attributes.Float("beta", 1) != 0;
        if (call.Attributes.Float("alpha", 1) != 1 || (hasBias && call.Attributes.Float("beta", 1) != 1))
            throw call.Fault(
                $"alpha and beta 1, found {call.Attributes.Float("alpha", 1)} and {call.Attributes.Float("beta", 1)}, which are "
                + "not supported");
        call.Attributes.Ignore("beta");
        var isTransposed = call.Attributes.Int("transB", 0) != 0;
        return Layer(call, 1, isTransposed, hasBias ? call : null, 2, call.Node.Inputs);
    }

    /// <summary>A product with a matrix, and the sum behind it that is its bias.</summary>
    public static ImportedLayer ReadMatMul(NodeCall call, NodeCall? next, out int taken)
    {
        call.RequireComputedFirst();
        var bias = next is { Operator: "Add" } ? Array.FindIndex([0, 1], next.HasConstant) : -1;
        taken = bias < 0 ? 1 : 2;
        return Layer(
            call, 1, isTransposed: false, bias < 0 ? null : next, bias,
            bias < 0 ? call.Node.Inputs : call.Node.Inputs.Concat(next!.Node.Inputs));
    }

    private static ImportedLayer Layer(
        NodeCall call, int weightIndex, bool isTransposed, NodeCall? biasCall, int biasIndex, IEnumerable<string> names)
    {
        var weight = call.Reals(weightIndex);
        if (weight.Sizes.Length != 2)
            throw call.Fault($"a weight of two axes, found [{string.Join(", ", weight.Sizes)}]");
        var (inFeatures, outFeatures) = isTransposed ? (weight.Sizes[1], weight.Sizes[0]) : (weight.Sizes[0], weight.Sizes[1]);
        List<(string, ReadOnlyMemory<byte>)> weights =
            [("weight", isTransposed ? weight.Elements : weight.Transposed().Elements)];
        if (biasCall is not null)
            weights.Add(("bias", Bias(biasCall, biasIndex, outFeatures)));
        return call.Layer(() => new Linear(inFeatures, outFeatures, bias: biasCall is not null), names, weights);
    }

    private static ReadOnlyMemory<byte> Bias(NodeCall call, int index, int outFeatures)
    {
        var bias = call.Reals(index);
        return bias.Sizes is [var count] && count == outFeatures || bias.Sizes is [1, var columns] && columns == outFeatures
            ? bias.Elements
            : throw call.Fault($"a bias of [{outFeatures}], found [{string.Join(", ", bias.Sizes)}]");
    }
}
