using BenchmarkDotNet.Attributes;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

public class ReLUBenchmarks : OperatorBenchmarks<ElementwiseShape>
{
    public override IEnumerable<ElementwiseShape> Shapes =>
        Suite.IsQuick ? ElementwiseShape.Quick : ElementwiseShape.All;

    public override Work WorkOf(string benchmark) => benchmark == nameof(Backward) ? Shape.Backward : Shape.Forward;

    [GlobalSetup(Target = nameof(Forward))]
    public void SetUpForward() => Prepare(nameof(Forward), () =>
    {
        Tensor input = Normal(Shape.TensorShape), output = Empty(Shape.TensorShape);
        return new(
            () => Backend.ReLUForward(new ReLUForwardArgs(input, output)),
            () => ReLUCheck.Forward(input, output));
    });

    [Benchmark]
    public void Forward() => Run();

    [GlobalSetup(Target = nameof(Backward))]
    public void SetUpBackward() => Prepare(nameof(Backward), () =>
    {
        // Half of the numbers are positive, as half of an output of ReLU are.
        Tensor output = Normal(Shape.TensorShape), gradOutput = Normal(Shape.TensorShape), gradInput = Empty(Shape.TensorShape);
        return new(
            () => Backend.ReLUBackward(new ReLUBackwardArgs(output, gradOutput, gradInput)),
            () => ReLUCheck.Backward(output, gradOutput, gradInput));
    });

    [Benchmark]
    public void Backward() => Run();
}
