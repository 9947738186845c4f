using CudaBn.Onnx.Format;

namespace CudaBn.Onnx.Import;

/// <summary>The model's input, or the output of a node or block.</summary>
internal sealed class GraphValue(GraphItem? item = null, NodeProto? node = null, GraphValue? before = null, int blockDepth = 0)
{
    public GraphItem? Item => item;

    public NodeProto? Node => node;

    public GraphValue? Before => before;

    /// <summary>How many items lead here from the input.</summary>
    public int Depth { get; } = before is null ? 0 : before.Depth + 1;

    /// <summary>How many blocks lie within each other in the item.</summary>
    public int BlockDepth => blockDepth;

    /// <summary>Whether the item is part of a chain or block.</summary>
    public bool IsClaimed { get; set; }
}
