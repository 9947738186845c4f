using CudaBn.Onnx.Format;

namespace CudaBn.Onnx.Import;

/// <summary>Two branches from one value, added up.</summary>
/// <param name="Add">The node that adds them up.</param>
/// <param name="Main">The nodes of one branch, first to last.</param>
/// <param name="Shortcut">The nodes of the other; none where the value itself is added.</param>
internal sealed record GraphBlock(NodeProto Add, IReadOnlyList<GraphItem> Main, IReadOnlyList<GraphItem> Shortcut) : GraphItem;
