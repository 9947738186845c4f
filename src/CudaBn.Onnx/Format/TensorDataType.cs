namespace CudaBn.Onnx.Format;

/// <summary>The element types that a tensor may have here; the format knows more.</summary>
internal enum TensorDataType
{
    Undefined = 0,
    Float = 1,
    Int32 = 6,
    Int64 = 7,
    Bool = 9,
    Double = 11,
}
