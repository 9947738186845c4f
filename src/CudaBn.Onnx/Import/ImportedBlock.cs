namespace CudaBn.Onnx.Import;

/// <summary>A residual block; without a shortcut of its own where that is empty.</summary>
internal sealed record ImportedBlock(
    string[]? Path, IReadOnlyList<ImportedItem> Main, IReadOnlyList<ImportedItem> Shortcut) : ImportedItem(Path);
