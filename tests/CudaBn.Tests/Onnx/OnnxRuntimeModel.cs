using CudaBn.Onnx.Format;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace CudaBn.Tests.Onnx;

/// <summary>An exported model in ONNX Runtime, on one thread.</summary>
internal sealed class OnnxRuntimeModel : IDisposable
{
    private readonly InferenceSession _session;

    public OnnxRuntimeModel(ModelProto model)
        : this(MessageWriter.ToArray(model))
    {
    }

    public OnnxRuntimeModel(byte[] model)
    {
        // Nothing about the run leaves this machine.
        OrtEnv.Instance().DisableTelemetryEvents();
        using var options = new SessionOptions { IntraOpNumThreads = 1, InterOpNumThreads = 1 };
        _session = new InferenceSession(model, options);
    }

    public string InputName => _session.InputNames.Single();

    public string OutputName => _session.OutputNames.Single();

    public int[] InputSizes => _session.InputMetadata[InputName].Dimensions;

    public string[] InputSizeNames => _session.InputMetadata[InputName].SymbolicDimensions;

    public int[] OutputSizes => _session.OutputMetadata[OutputName].Dimensions;

    public ModelMetadata Metadata => _session.ModelMetadata;

    public double[] Run(double[] input, Shape shape, DType dtype) => dtype == DType.Float32
        ? Array.ConvertAll(Run(Array.ConvertAll(input, value => (float)value), shape), value => (double)value)
        : Run(input, shape);

    public void Dispose() => _session.Dispose();

    private T[] Run<T>(T[] input, Shape shape)
    {
        var tensor = new DenseTensor<T>(input, shape.Sizes.ToArray());
        using var outputs = _session.Run([NamedOnnxValue.CreateFromTensor(InputName, tensor)]);
        return [.. outputs[0].AsTensor<T>()];
    }
}
