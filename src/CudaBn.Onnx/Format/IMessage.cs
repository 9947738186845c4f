namespace CudaBn.Onnx.Format;

/// <summary>A message in Protocol Buffers' encoding. Those here are of the ONNX format, with the numbers of onnx.proto3.</summary>
internal interface IMessage
{
    /// <summary>Writes every field that is set.</summary>
    void Write(MessageWriter writer);
}
