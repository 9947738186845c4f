namespace CudaBn.Onnx;

/// <summary>What an ONNX file takes and gives.</summary>
/// <param name="InputName">The name of the input.</param>
/// <param name="InputShape">The sizes of the input; null for the number of images, which is open.</param>
/// <param name="OutputName">The name of the output.</param>
/// <param name="OutputShape">The sizes of the output; null likewise.</param>
/// <param name="DType">The element type of both.</param>
/// <param name="OperatorSet">The version of ONNX's operators that the file is written in.</param>
public sealed record OnnxSignature(
    string InputName,
    IReadOnlyList<int?> InputShape,
    string OutputName,
    IReadOnlyList<int?> OutputShape,
    DType DType,
    int OperatorSet);
