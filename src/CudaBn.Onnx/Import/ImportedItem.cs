namespace CudaBn.Onnx.Import;

/// <summary>A layer, or block of layers, in the making.</summary>
/// <param name="Path">Its name with those of the containers around it, outermost first; null where the file has no name
/// for it.</param>
internal abstract record ImportedItem(string[]? Path);
