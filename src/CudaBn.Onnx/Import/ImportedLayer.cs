namespace CudaBn.Onnx.Import;

/// <summary>A layer, and what its tensors shall hold: the last part of each one's name, and its elements.</summary>
internal sealed record ImportedLayer(
    Layer Layer, string[]? Path, IReadOnlyList<(string Name, ReadOnlyMemory<byte> Elements)> Weights) : ImportedItem(Path);
