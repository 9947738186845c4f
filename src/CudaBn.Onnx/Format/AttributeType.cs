namespace CudaBn.Onnx.Format;

/// <summary>What an attribute holds. Types that no operator here has are numbers outside of this enumeration.</summary>
internal enum AttributeType
{
    Undefined = 0,
    Float = 1,
    Int = 2,
    String = 3,
    Tensor = 4,
    Floats = 6,
    Ints = 7,
}
