using CudaBn.Onnx.Format;

namespace CudaBn.Onnx.Import;

/// <summary>A node that computes its output from one value and constants.</summary>
/// <param name="Node">The node.</param>
/// <param name="Operator">What it does: its operator; or Swish for a Mul of x and sigmoid(x), and Gelu for the last one of a
/// <see cref="GeluProduct"/>.</param>
internal sealed record GraphNode(NodeProto Node, string Operator) : GraphItem
{
    /// <summary>ONNX's name, from opset 24 on, of what is x * sigmoid(x) before.</summary>
    public const string Swish = "Swish";

    public const string Gelu = "Gelu";

    /// <summary>GELU but for its factor 0.5.</summary>
    public const string TwiceGelu = "x * (1 + erf(x / sqrt(2)))";
}
