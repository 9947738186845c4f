using CudaBn.Onnx.Format;

namespace CudaBn.Onnx.Import;

/// <summary>A node that computes its output from one value and constants.</summary>
/// <param name="Node">The node.</param>
/// <param name="Operator">What it does: its operator; or, where it is the last of several that are one function, a name from here
/// for that function.</param>
internal sealed record GraphNode(NodeProto Node, string Operator) : GraphItem
{
    /// <summary>ONNX's name, from opset 24 on, of what is x * sigmoid(x) before.</summary>
    public const string Swish = "Swish";

    public const string Gelu = "Gelu";

    /// <summary>GELU by the hyperbolic tangent.</summary>
    public const string GeluTanh = "Gelu by tanh";

    /// <summary>GELU but for its factor 0.5.</summary>
    public const string TwiceGelu = "x * (1 + erf(x / sqrt(2)))";

    /// <summary>GELU by the hyperbolic tangent but for its factor 0.5.</summary>
    public const string TwiceGeluTanh = "x * (1 + tanh(...))";

    public const string Square = "x * x";

    public const string Cube = "x * x * x";
}
