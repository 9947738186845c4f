using CudaBn.Onnx.Format;

namespace CudaBn.Onnx.Import;

/// <summary>A node that computes its output from one value and constants.</summary>
/// <param name="Node">The node.</param>
/// <param name="Operator">What it does: its operator, or Swish for a Mul of x and sigmoid(x).</param>
internal sealed record GraphNode(NodeProto Node, string Operator) : GraphItem
{
    /// <summary>ONNX's name, from opset 24 on, of what is x * sigmoid(x) before.</summary>
    public const string Swish = "Swish";
}
