using BenchmarkDotNet.Attributes;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

public class ActivationBenchmarks : OperatorBenchmarks<ActivationShape>
{
    private const double NegativeSlope = 0.01;

    public override IEnumerable<ActivationShape> Shapes =>
        Suite.Choose(ActivationShape.Usual, ActivationShape.Usual, ActivationShape.All);

    public override Work WorkOf(string benchmark) => benchmark == nameof(Backward) ? Shape.Backward : Shape.Forward;

    [GlobalSetup(Target = nameof(Forward))]
    public void SetUpForward() => Prepare(nameof(Forward), () =>
    {
        Tensor input = Normal(Shape.TensorShape), output = Empty(Shape.TensorShape);
        return new(
            () => Backend.ActivationForward(new ActivationForwardArgs(Shape.Kind, NegativeSlope, input, output)),
            () => ActivationCheck.Forward(Shape.Kind, NegativeSlope, input, output));
    });

    [Benchmark]
    public void Forward() => Run();

    [GlobalSetup(Target = nameof(OnnxRuntime))]
    public void SetUpOnnxRuntime() => Prepare(nameof(OnnxRuntime), () =>
    {
        Tensor input = Normal(Shape.TensorShape), output = Empty(Shape.TensorShape);
        var session = Own(OnnxRuntimeSession.Of(Own(Layer()), input, output));
        return new(session.Run, () => ActivationCheck.Forward(Shape.Kind, NegativeSlope, input, output));
    });

    [Benchmark]
    [Peer(OnnxRuntimeSession.PeerName, of: nameof(Forward))]
    public void OnnxRuntime() => Run();

    [GlobalSetup(Target = nameof(Backward))]
    public void SetUpBackward() => Prepare(nameof(Backward), () =>
    {
        Tensor input = Normal(Shape.TensorShape), gradOutput = Normal(Shape.TensorShape);
        var gradInput = Empty(Shape.TensorShape);
        return new(
            () => Backend.ActivationBackward(
                new ActivationBackwardArgs(Shape.Kind, NegativeSlope, input, gradOutput, gradInput)),
            () => ActivationCheck.Backward(Shape.Kind, NegativeSlope, input, gradOutput, gradInput));
    });

    [Benchmark]
    public void Backward() => Run();

    private Activation Layer() => Shape.Kind switch
    {
        ActivationKind.LeakyReLU => new LeakyReLU(NegativeSlope),
        ActivationKind.Gelu => new GELU(),
        ActivationKind.GeluTanh => new GELU(tanhApproximation: true),
        ActivationKind.Silu => new SiLU(),
        ActivationKind.Sigmoid => new Sigmoid(),
        ActivationKind.Tanh => new Tanh(),
        _ => throw new ArgumentException($"There is no layer of {Shape.Kind}."),
    };
}
