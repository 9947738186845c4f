namespace CudaBn.Onnx.Format;

/// <summary>A message of the ONNX format: messages and the numbers of their fields are those of onnx.proto3.</summary>
internal interface IMessage
{
    /// <summary>Writes every field that is set.</summary>
    void Write(MessageWriter writer);
}
