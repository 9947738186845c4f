using Microsoft.ML.OnnxRuntime;

namespace CudaBn.Bench;

/// <summary>A model in ONNX Runtime, on the CPU, on as many threads as there are processors, reading and writing the memory
/// of tensors of this library.</summary>
public sealed class OnnxRuntimeSession : IDisposable
{
    public const string PeerName = "ONNX Runtime";

    private readonly InferenceSession _session;
    private readonly RunOptions _options = new();
    private readonly OrtValue _input;
    private readonly OrtValue _output;
    private readonly string[] _inputNames;
    private readonly string[] _outputNames;

    /// <param name="model">A model of one input and one output.</param>
    /// <param name="input">On the CPU; read by every run.</param>
    /// <param name="output">On the CPU; written by every run.</param>
    public OnnxRuntimeSession(byte[] model, Tensor input, Tensor output)
    {
        // Nothing about the run leaves this machine.
        OrtEnv.Instance().DisableTelemetryEvents();
        using var options = new SessionOptions
        {
            IntraOpNumThreads = Environment.ProcessorCount,
            InterOpNumThreads = 1,
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
        };
        _session = new InferenceSession(model, options);
        (_inputNames, _outputNames) = ([.. _session.InputNames], [.. _session.OutputNames]);
        (_input, _output) = (ValueOf(input), ValueOf(output));
    }

    /// <summary>A layer without parameters in ONNX Runtime.</summary>
    /// <param name="layer">Which; it is initialized.</param>
    /// <param name="input">On the CPU; read by every run.</param>
    /// <param name="output">On the CPU; written by every run.</param>
    public static OnnxRuntimeSession Of(Layer layer, Tensor input, Tensor output)
    {
        ArgumentNullException.ThrowIfNull(layer);
        ArgumentNullException.ThrowIfNull(input);
        layer.Initialize(Device.Cpu);
        return new OnnxRuntimeSession(OnnxModel.Of(layer, input.Shape), input, output);
    }

    public void Run() => _session.Run(_options, _inputNames, [_input], _outputNames, [_output]);

    public void Dispose()
    {
        _input.Dispose();
        _output.Dispose();
        _options.Dispose();
        _session.Dispose();
    }

    private static OrtValue ValueOf(Tensor tensor)
    {
        var shape = new long[tensor.Shape.Rank];
        for (var i = 0; i < shape.Length; i++)
            shape[i] = tensor.Shape[i];
        return OrtValue.CreateTensorValueWithData(
            OrtMemoryInfo.DefaultInstance, Microsoft.ML.OnnxRuntime.Tensors.TensorElementType.Float, shape, tensor.Address,
            tensor.ElementCount * sizeof(float));
    }
}
