using BenchmarkDotNet.Attributes;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

public class MeanSquaredErrorBenchmarks : OperatorBenchmarks<ElementwiseShape>
{
    // Images that a network makes, of Fashion-MNIST's size and of ImageNet's.
    private static readonly ElementwiseShape[] _quick = [new(256, 1, 28)];
    private static readonly ElementwiseShape[] _usual = [new(32, 3, 224)];
    private static readonly ElementwiseShape[] _all = [.. _quick, .. _usual];

    public override IEnumerable<ElementwiseShape> Shapes => Suite.Choose(_quick, _usual, _all);

    private double Scale => 1.0 / Shape.Elements;

    public override Work WorkOf(string benchmark) =>
        benchmark == nameof(Backward) ? Shape.SquaredErrorGradient : Shape.SquaredError;

    [GlobalSetup(Target = nameof(Forward))]
    public void SetUpForward() => Prepare(nameof(Forward), () =>
    {
        Tensor prediction = Normal(Shape.TensorShape), target = Normal(Shape.TensorShape), loss = Empty([1]);
        return new(
            () => Backend.MeanSquaredErrorForward(new MeanSquaredErrorForwardArgs(prediction, target, Scale, loss)),
            () => MeanSquaredErrorCheck.Forward(prediction, target, loss));
    });

    [Benchmark]
    public void Forward() => Run();

    [GlobalSetup(Target = nameof(Backward))]
    public void SetUpBackward() => Prepare(nameof(Backward), () =>
    {
        Tensor prediction = Normal(Shape.TensorShape), target = Normal(Shape.TensorShape);
        var gradient = Empty(Shape.TensorShape);
        return new(
            () => Backend.MeanSquaredErrorBackward(new MeanSquaredErrorBackwardArgs(prediction, target, Scale, gradient)),
            () => MeanSquaredErrorCheck.Backward(prediction, target, gradient));
    });

    [Benchmark]
    public void Backward() => Run();
}
