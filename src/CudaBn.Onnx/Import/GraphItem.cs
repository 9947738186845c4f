namespace CudaBn.Onnx.Import;

/// <summary>What stands in a chain: a node, or a block of two branches.</summary>
internal abstract record GraphItem;
