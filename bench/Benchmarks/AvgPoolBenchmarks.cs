using BenchmarkDotNet.Attributes;

namespace CudaBn.Bench;

/// <summary>Averages over windows, or over whole images.</summary>
public abstract class AvgPoolBenchmarks : OperatorBenchmarks<AvgPool2dShape>
{
    public override Work WorkOf(string benchmark) => benchmark == nameof(Backward) ? Shape.Backward : Shape.Forward;

    [GlobalSetup(Target = nameof(Forward))]
    public void SetUpForward() => Prepare(nameof(Forward), () =>
    {
        Tensor input = Normal(Shape.Input), output = Empty(Shape.Output);
        return new(() => Pool(input, output), () => AvgPool2dCheck.Forward(Shape.Geometry, input, output));
    });

    [Benchmark]
    public void Forward() => Run();

    [GlobalSetup(Target = nameof(OnnxRuntime))]
    public void SetUpOnnxRuntime() => Prepare(nameof(OnnxRuntime), () =>
    {
        Tensor input = Normal(Shape.Input), output = Empty(Shape.Output);
        var session = Own(OnnxRuntimeSession.Of(Own(Layer()), input, output));
        return new(session.Run, () => AvgPool2dCheck.Forward(Shape.Geometry, input, output));
    });

    [Benchmark]
    [Peer(OnnxRuntimeSession.PeerName, of: nameof(Forward))]
    public void OnnxRuntime() => Run();

    [GlobalSetup(Target = nameof(Backward))]
    public void SetUpBackward() => Prepare(nameof(Backward), () =>
    {
        Tensor gradOutput = Normal(Shape.Output), gradInput = Empty(Shape.Input);
        return new(
            () => PoolBackward(gradOutput, gradInput),
            () => AvgPool2dCheck.Backward(Shape.Geometry, gradOutput, gradInput));
    });

    [Benchmark]
    public void Backward() => Run();

    protected abstract void Pool(Tensor input, Tensor output);

    protected abstract void PoolBackward(Tensor gradOutput, Tensor gradInput);

    /// <summary>The layer that does the same.</summary>
    protected abstract Layer Layer();
}
