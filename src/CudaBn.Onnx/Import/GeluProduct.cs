namespace CudaBn.Onnx.Import;

/// <summary>GELU before it was an operator: x * 0.5 * (1 + erf(x / sqrt(2))), or x * 0.5 * (1 + tanh(sqrt(2 / pi) * (x +
/// 0.044715 * x^3))), its factors in any order.</summary>
/// <param name="X">What it is of.</param>
/// <param name="Within">The values in between.</param>
/// <param name="Factor">0.5; or 1 where the factor 0.5 is still to come.</param>
/// <param name="IsTanh">Whether it is the one with tanh.</param>
internal sealed record GeluProduct(GraphValue X, IReadOnlyList<GraphValue> Within, double Factor, bool IsTanh)
{
    private const double CubeFactor = 0.044715;

    // Of constants that were written in single precision.
    private const double Tolerance = 1e-6;

    public string Operator => (Factor, IsTanh) switch
    {
        (1, false) => GraphNode.TwiceGelu,
        (1, true) => GraphNode.TwiceGeluTanh,
        (_, false) => GraphNode.Gelu,
        _ => GraphNode.GeluTanh,
    };

    /// <summary>A product of two values, the second with the erf or tanh; null where it is another.</summary>
    public static GeluProduct? Of(ModelGraph graph, GraphValue left, GraphValue right)
    {
        List<GraphValue> within = [];
        var (factor, at) = Scaled(right);
        if (OperatorOf(at.Item) != "Add" || (ConstantOf(graph, at.Item, 0) ?? ConstantOf(graph, at.Item, 1)) is not 1.0)
            return null;
        var function = Pass(at);
        var isTanh = OperatorOf(function.Item) == "Tanh";
        if (!isTanh && OperatorOf(function.Item) != "Erf")
            return null;
        var inner = Pass(function);
        if (!IsNear(FactorOf(graph, inner.Item), Math.Sqrt(isTanh ? 2 / Math.PI : 0.5)))
            return null;
        var x = Pass(inner);
        if (isTanh && !AddsCube(graph, x.Item))
            return null;
        if (isTanh)
            x = Pass(x);
        var (otherFactor, other) = left == x ? (1, left) : Scaled(left);
        factor *= otherFactor;
        return other == x && factor is 0.5 or 1 ? new GeluProduct(x, within, factor, isTanh) : null;

        (double Factor, GraphValue Of) Scaled(GraphValue value) =>
            FactorOf(graph, value.Item) is { } scale ? (scale, Pass(value)) : (1, value);

        GraphValue Pass(GraphValue value)
        {
            within.Add(value);
            return value.Before!;
        }
    }

    /// <summary>What a node multiplies its input by, if that is one number; null for other nodes.</summary>
    public static double? FactorOf(ModelGraph graph, GraphItem? item) => OperatorOf(item) switch
    {
        "Mul" => ConstantOf(graph, item, 0) ?? ConstantOf(graph, item, 1),
        "Div" => 1 / ConstantOf(graph, item, 1),
        _ => null,
    };

    // x and its cube, by two products or by a power.
    private static bool AddsCube(ModelGraph graph, GraphItem? item) =>
        item is GraphBlock { Main: [var cube, var scaled], Shortcut: [] } && IsNear(FactorOf(graph, scaled), CubeFactor)
        && (OperatorOf(cube) == GraphNode.Cube || (OperatorOf(cube) == "Pow" && ConstantOf(graph, cube, 1) is 3.0));

    private static bool IsNear(double? found, double expected) => Math.Abs((found ?? 0) / expected - 1) < Tolerance;

    private static string? OperatorOf(GraphItem? item) =>
        item is GraphNode { Node.Attributes.Count: 0 } node ? node.Operator : null;

    private static double? ConstantOf(ModelGraph graph, GraphItem? item, int index)
    {
        var node = ((GraphNode)item!).Node;
        return index < node.Inputs.Count && graph.IsConstant(node.Inputs[index])
            && graph.Constant(node, node.Inputs[index]) is { Count: 1, Sizes.Length: <= 1 } constant
            && constant.DataType == graph.ElementType
                ? constant.Doubles()[0]
                : null;
    }
}
