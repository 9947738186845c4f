namespace CudaBn.Onnx.Import;

/// <summary>GELU before it was an operator: x * 0.5 * (1 + erf(x / sqrt(2))), its factors in any order.</summary>
/// <param name="X">What it is of.</param>
/// <param name="Within">The values in between.</param>
/// <param name="Factor">0.5; or 1 where the factor 0.5 is still to come.</param>
internal sealed record GeluProduct(GraphValue X, IReadOnlyList<GraphValue> Within, double Factor)
{
    // Of constants that were written in single precision.
    private const double Tolerance = 1e-6;

    /// <summary>A product of two values, the second with the erf; null where it is another.</summary>
    public static GeluProduct? Of(ModelGraph graph, GraphValue left, GraphValue right)
    {
        List<GraphValue> within = [];
        var (factor, at) = Scaled(right);
        if (OperatorOf(at) != "Add" || (ConstantOf(graph, at, 0) ?? ConstantOf(graph, at, 1)) is not 1.0)
            return null;
        var erf = Pass(at);
        if (OperatorOf(erf) != "Erf")
            return null;
        var inner = Pass(erf);
        if (FactorOf(graph, inner) is not { } scale || Math.Abs(scale * Math.Sqrt(2) - 1) > Tolerance)
            return null;
        var x = Pass(inner);
        var (otherFactor, other) = left == x ? (1, left) : Scaled(left);
        factor *= otherFactor;
        return other == x && factor is 0.5 or 1 ? new GeluProduct(x, within, factor) : null;

        (double Factor, GraphValue Of) Scaled(GraphValue value) =>
            FactorOf(graph, value) is { } scale ? (scale, Pass(value)) : (1, value);

        GraphValue Pass(GraphValue value)
        {
            within.Add(value);
            return value.Before!;
        }
    }

    /// <summary>What a node multiplies its input by, if that is one number; null for other nodes.</summary>
    public static double? FactorOf(ModelGraph graph, GraphValue value) => OperatorOf(value) switch
    {
        "Mul" => ConstantOf(graph, value, 0) ?? ConstantOf(graph, value, 1),
        "Div" => 1 / ConstantOf(graph, value, 1),
        _ => null,
    };

    private static string? OperatorOf(GraphValue value) =>
        value.Item is GraphNode { Node.Attributes.Count: 0 } node ? node.Operator : null;

    private static double? ConstantOf(ModelGraph graph, GraphValue value, int index)
    {
        var node = value.Node!;
        return index < node.Inputs.Count && graph.IsConstant(node.Inputs[index])
            && graph.Constant(node, node.Inputs[index]) is { Count: 1, Sizes.Length: <= 1 } constant
            && constant.DataType == graph.ElementType
                ? constant.Doubles()[0]
                : null;
    }
}
