using BenchmarkDotNet.Attributes;

namespace CudaBn.Bench;

/// <summary>The seed network in evaluation, from images on the device to logits.</summary>
public class InferenceBenchmarks : NetworkBenchmarks
{
    public override IEnumerable<NetworkShape> Shapes => NetworkShape.Inferences;

    public override Work WorkOf(string benchmark) => Shape.Forward;

    [GlobalSetup(Target = nameof(Forward))]
    public void SetUpForward() => Prepare(nameof(Forward), () =>
    {
        var model = InitializedModel();
        model.IsTraining = false;
        var input = Normal([Shape.Batch, 1, 28, 28]);
        Tensor? output = null;
        return new(
            () => output = model.Forward(input),
            () => NetworkCheck.Forward(model.Layers, input, output!));
    });

    [Benchmark]
    public void Forward() => Run();

    [GlobalSetup(Target = nameof(OnnxRuntime))]
    public void SetUpOnnxRuntime() => Prepare(nameof(OnnxRuntime), () =>
    {
        var model = InitializedModel();
        Tensor input = Normal([Shape.Batch, 1, 28, 28]), output = Empty([Shape.Batch, 10]);
        var session = Own(new OnnxRuntimeSession(OnnxModel.Of(model, input.Shape), input, output));
        return new(
            session.Run, () => NetworkCheck.Forward(model.Layers, input, output));
    });

    [Benchmark]
    [Peer(OnnxRuntimeSession.PeerName, of: nameof(Forward))]
    public void OnnxRuntime() => Run();
}
